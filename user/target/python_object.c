/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of a running Python; see python_object.h.
 *
 * Where an object has its attributes is written in its type. Slots are members of the type that
 * declares them, which stand as PyMemberDef in tp_members and are offsets into the object. The rest
 * is in a dict, or in nothing but the values, of which the class has the keys:
 *
 *	to 3.10		 a pointer to the dict in the object, at tp_dictoffset, which counts from
 *the end when negative (types of variable size); later versions still have this for types written
 *in C, and what derives from them 3.11		 before the object: values at obj[-4], else the dict
 *at obj[-3] 3.12		 before the object: one word, odd for values, at obj[-3] 3.13 and
 *later	 the dict before the object, at obj[-3]; values behind it, at tp_basicsize, which the dict
 *also uses once there is one
 */
#include "python_object.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <memprobe/limits.h>

#include "memory.h"
#include "python_dict.h"
#include "python_string.h"

#define MAX_MRO 128

/* Members looked at for one attribute, of all classes together. */
#define MAX_MEMBERS 1024

#define WORD sizeof(uint64_t)
#define CELL_REF 16 /* PyCellObject.ob_ref */

/* PyMemberDef (Include/structmember.h, descrobject.h) and two of its types. */
enum {
	MEMBER_NAME = 0,
	MEMBER_TYPE = 8,
	MEMBER_OFFSET = 16,
	MEMBER_BYTES = 40,
	MEMBER_OBJECT = 6,     /* T_OBJECT: NULL stands for None */
	MEMBER_OBJECT_EX = 16, /* T_OBJECT_EX: NULL stands for no attribute; __slots__ */
};

struct type {
	uint64_t address, name, flags, dict, mro;
	int64_t basicsize, itemsize, dictoffset, weaklistoffset;
};

struct search {
	struct python_reader *reader;
	uint64_t object;
	struct type type;
	const char *name;
	size_t nr_members; /* seen so far */
};

static int read_type_at(const struct python_reader *reader, uint64_t address, struct type *ret)
{
	uint8_t head[TYPE_HEAD_BYTES];
	uint64_t metaflags;
	int err = python_reader_fetch(reader, address, head, sizeof(head));

	if (!err)
		err = python_reader_u64(
			reader, python_reader_load64(head + OBJECT_TYPE) + TYPE_FLAGS, &metaflags);
	if (err)
		return err;
	if (!(metaflags & TYPE_TYPE_SUBCLASS))
		return -EINVAL;
	*ret = (struct type){
		.address = address,
		.name = python_reader_load64(head + TYPE_NAME),
		.flags = python_reader_load64(head + TYPE_FLAGS),
		.dict = python_reader_load64(head + TYPE_DICT),
		.mro = python_reader_load64(head + TYPE_MRO),
		.basicsize = (int64_t)python_reader_load64(head + TYPE_BASICSIZE),
		.itemsize = (int64_t)python_reader_load64(head + TYPE_ITEMSIZE),
		.dictoffset = (int64_t)python_reader_load64(head + TYPE_DICTOFFSET),
		.weaklistoffset = (int64_t)python_reader_load64(head + TYPE_WEAKLISTOFFSET),
	};
	return 0;
}

static int read_type(const struct python_reader *reader, uint64_t object, struct type *ret)
{
	uint64_t address;
	int err = python_reader_u64(reader, object + OBJECT_TYPE, &address);

	return err ? err : read_type_at(reader, address, ret);
}

/* ---- names of types ---- */

/* type_module() and type_qualname() (Objects/typeobject.c) for types that are no heap types. */
static void split_name(struct python_type *type)
{
	const char *dot = strrchr(type->name, '.');

	type->module = dot ? xstrndup(type->name, (size_t)(dot - type->name)) : xstrdup("builtins");
	type->qualname = xstrdup(dot ? dot + 1 : type->name);
}

static int read_module(struct python_reader *reader, const struct type *type, char **ret_text)
{
	struct python_table table;
	struct python_slot slot;
	int err = python_dict_open(reader, type->dict, &table);

	if (!err)
		err = python_dict_find(reader, &table, "__module__", &reader->module_key, &slot);
	if (!err)
		err = python_string_read(reader, slot.value, MAX_NAME_BYTES, ret_text);
	if (err != -ENOENT && err != -EINVAL)
		return err;
	*ret_text = xstrdup("");
	return 0;
}

static int read_names(struct python_reader *reader, const struct type *type,
		      struct python_type *ret)
{
	uint64_t qualname;
	int err = python_reader_c_text(reader, type->name, MAX_NAME_BYTES, &ret->name);

	if (err)
		return err;
	if (!(type->flags & TYPE_HEAPTYPE)) {
		split_name(ret);
		return 0;
	}
	err = python_reader_u64(reader, type->address + reader->layout.type_qualname, &qualname);
	if (!err)
		err = python_string_read(reader, qualname, MAX_NAME_BYTES, &ret->qualname);
	return err ? err : read_module(reader, type, &ret->module);
}

int python_type_read(struct python_reader *reader, uint64_t address, struct python_type *ret)
{
	struct python_type result = { .address = address };
	struct python_pages pages;
	struct type type = { 0 };
	int err;

	python_reader_begin(reader, &pages);
	err = read_type_at(reader, address, &type);
	if (!err)
		err = read_names(reader, &type, &result);
	python_reader_end(reader);
	if (err)
		python_type_clear(&result);
	else
		*ret = result;
	return err;
}

int python_object_type(struct python_reader *reader, uint64_t object, struct python_type *ret)
{
	uint64_t address;
	int err = python_reader_u64(reader, object + OBJECT_TYPE, &address);

	return err ? err : python_type_read(reader, address, ret);
}

void python_type_clear(struct python_type *type)
{
	free(type->name);
	free(type->module);
	free(type->qualname);
	memset(type, 0, sizeof(*type));
}

/* ---- slots ---- */

/* A type has slots of its own or inherited ones only if its instances have room for them. */
static bool has_room_for_slots(const struct type *type)
{
	int64_t used = OBJECT_BYTES;

	used += type->dictoffset > 0 ? (int64_t)WORD : 0;
	used += type->weaklistoffset > 0 ? (int64_t)WORD : 0;
	return type->basicsize > used;
}

/* -ENOENT: another name. */
static int read_member(const struct search *search, const uint8_t *member, struct python_slot *ret)
{
	const struct python_reader *reader = search->reader;
	_cleanup_(freep) char *name = NULL;
	uint32_t kind;
	int err = python_reader_c_text(reader, python_reader_load64(member + MEMBER_NAME),
				       strlen(search->name) + 1, &name);

	if (err == -E2BIG || (!err && strcmp(name, search->name) != 0))
		return -ENOENT;
	if (err)
		return err;
	memcpy(&kind, member + MEMBER_TYPE, sizeof(kind));
	if (kind != MEMBER_OBJECT && kind != MEMBER_OBJECT_EX)
		return -EINVAL;
	ret->address = search->object + python_reader_load64(member + MEMBER_OFFSET);
	return python_reader_u64(reader, ret->address, &ret->value);
}

/* Looks among the members of one type; one without a name ends them. */
static int find_member(struct search *search, uint64_t type, struct python_slot *ret)
{
	const struct python_reader *reader = search->reader;
	uint64_t members;
	int err = python_reader_u64(reader, type + TYPE_MEMBERS, &members);

	for (; !err && members; members += MEMBER_BYTES) {
		uint8_t member[MEMBER_BYTES];

		if (search->nr_members++ >= MAX_MEMBERS)
			return -E2BIG;
		err = python_reader_fetch(reader, members, member, sizeof(member));
		if (err || !python_reader_load64(member + MEMBER_NAME))
			break;
		err = read_member(search, member, ret);
		if (err != -ENOENT)
			return err;
		err = 0;
	}
	return err ? err : -ENOENT;
}

/* The slot with its value, which may be 0: a slot without one hides the dict all the same. */
static int find_slot(struct search *search, struct python_slot *ret)
{
	const struct python_reader *reader = search->reader;
	uint64_t mro[MAX_MRO], count;
	int err = python_reader_u64(reader, search->type.mro + OBJECT_SIZE, &count);

	if (!err && count > MAX_MRO)
		err = -E2BIG;
	if (!err && count)
		err = python_reader_fetch(reader, search->type.mro + reader->layout.tuple_items,
					  mro, count * WORD);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		err = find_member(search, mro[i], ret);
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

/* ---- dicts ---- */

/* The values by the keys that instances of the type share. */
static int open_values(const struct search *search, uint64_t values, struct python_table *ret)
{
	const struct python_reader *reader = search->reader;
	uint64_t keys;
	int err;

	if (!(search->type.flags & TYPE_HEAPTYPE))
		return -EINVAL;
	err = python_reader_u64(reader, search->type.address + reader->layout.type_cached_keys,
				&keys);
	return err ? err : python_dict_open_values(reader, keys, values, ret);
}

/* The values behind the object, unless a dict took them over and was taken away since. */
static int open_inline(const struct search *search, struct python_table *ret)
{
	const struct python_reader *reader = search->reader;
	uint64_t values = search->object + (uint64_t)search->type.basicsize;
	uint8_t is_valid;
	int err = python_reader_fetch(reader, values + reader->layout.values_valid, &is_valid, 1);

	if (err)
		return err;
	return is_valid ? open_values(search, values, ret) : -ENOENT;
}

static int open_managed(const struct search *search, struct python_table *ret)
{
	const struct python_layout *layout = &search->reader->layout;
	uint64_t word = 0;
	int err = 0;

	if (layout->managed_values != NO_OFFSET)
		err = python_reader_u64(search->reader, search->object - layout->managed_values,
					&word);
	if (!err && word)
		return open_values(search, word, ret);
	if (!err)
		err = python_reader_u64(search->reader, search->object - layout->managed_dict,
					&word);
	if (err)
		return err;
	if (layout->managed_tagged && word & 1)
		return open_values(search, word + 1, ret);
	if (word)
		return python_dict_open(search->reader, word, ret);
	if (layout->values_valid != NO_OFFSET && search->type.flags & TYPE_INLINE_VALUES)
		return open_inline(search, ret);
	return -ENOENT;
}

/* The number of items of an object of variable size. */
static int read_size(const struct search *search, uint64_t *ret_size)
{
	const struct python_layout *layout = &search->reader->layout;
	bool is_tagged = layout->long_tag != NO_OFFSET && search->type.flags & TYPE_LONG_SUBCLASS;
	int64_t size;
	int err = python_reader_u64(search->reader,
				    search->object + (is_tagged ? layout->long_tag : OBJECT_SIZE),
				    (uint64_t *)&size);

	if (err)
		return err;
	if (is_tagged)
		*ret_size = (uint64_t)size >> 3;
	else
		*ret_size = size < 0 ? -(uint64_t)size : (uint64_t)size; /* a negative int */
	return 0;
}

/* _PyObject_GetDictPtr() (Objects/object.c). */
static int open_at_offset(const struct search *search, struct python_table *ret)
{
	const struct type *type = &search->type;
	uint64_t offset = (uint64_t)type->dictoffset, size, dict;
	int err = 0;

	if (!type->dictoffset)
		return -ENOENT;
	if (type->dictoffset < 0) {
		err = read_size(search, &size);
		if (err)
			return err;
		size = (uint64_t)type->basicsize + size * (uint64_t)type->itemsize;
		offset += (size + WORD - 1) & ~(uint64_t)(WORD - 1);
	}
	err = python_reader_u64(search->reader, search->object + offset, &dict);
	if (err)
		return err;
	return dict ? python_dict_open(search->reader, dict, ret) : -ENOENT;
}

static int find_in_dict(struct search *search, struct python_slot *ret)
{
	struct python_reader *reader = search->reader;
	bool is_managed = reader->layout.managed_dict != NO_OFFSET &&
			  search->type.flags & TYPE_MANAGED_DICT;
	struct python_table table;
	int err = is_managed ? open_managed(search, &table) : open_at_offset(search, &table);

	if (err)
		return err;
	return python_dict_find(reader, &table, search->name, &reader->attribute_key, ret);
}

/* ---- values ---- */

static bool is_none(const struct python_reader *reader, uint64_t object)
{
	static const char none[] = "NoneType";
	_cleanup_(freep) char *name = NULL;
	struct type type;

	return !read_type(reader, object, &type) && !(type.flags & TYPE_HEAPTYPE) &&
	       !python_reader_c_text(reader, type.name, sizeof(none), &name) && !strcmp(name, none);
}

static int read_value(struct python_reader *reader, uint64_t value, char **ret_text)
{
	int err = value ? python_string_read(reader, value, MAX_NAME_BYTES, ret_text) : -ENOMSG;

	return err == -EINVAL && is_none(reader, value) ? -ENOMSG : err;
}

static int find_attribute(struct search *search, struct python_slot *ret)
{
	int err = read_type(search->reader, search->object, &search->type);

	if (err)
		return err;
	err = has_room_for_slots(&search->type) ? find_slot(search, ret) : -ENOENT;
	return err == -ENOENT ? find_in_dict(search, ret) : err;
}

/* What was read is the value's text only if it still is the value. */
static int read_while_there(struct python_reader *reader, const struct python_slot *slot,
			    char **ret_text)
{
	_cleanup_(freep) char *text = NULL;
	struct python_pages pages;
	uint64_t value;
	int err;

	python_reader_begin(reader, &pages);
	err = read_value(reader, slot->value, &text);
	python_reader_end(reader);
	if (err)
		return err;
	err = python_reader_u64(reader, slot->address, &value);
	if (err || value != slot->value)
		return -EAGAIN;
	*ret_text = TAKE(text);
	return 0;
}

/* Keeps pages of its own where the reader keeps none. */
static int find_in_pages(struct python_reader *reader, uint64_t object, const char *name,
			 struct python_slot *ret)
{
	struct search search = { .reader = reader, .object = object, .name = name };
	struct python_pages own, *shared = reader->pages;
	int err;

	if (shared)
		shared->nr_reads = 0;
	else
		python_reader_begin(reader, &own);
	err = find_attribute(&search, ret);
	reader->pages = shared;
	return err;
}

int python_object_value(struct python_reader *reader, uint64_t object, const char *name,
			uint64_t *ret_value)
{
	struct python_slot slot;
	int err = find_in_pages(reader, object, name, &slot);

	if (!err && !slot.value)
		err = -ENOMSG;
	if (!err)
		*ret_value = slot.value;
	return err;
}

int python_object_attribute(struct python_reader *reader, uint64_t object, const char *name,
			    char **ret_text)
{
	struct python_pages *shared = reader->pages;
	struct python_slot slot;
	int err = find_in_pages(reader, object, name, &slot);

	python_reader_end(reader);
	if (!err)
		err = read_while_there(reader, &slot, ret_text);
	reader->pages = shared;
	return err;
}

int python_object_uncell(const struct python_reader *reader, uint64_t object, uint64_t cell_type,
			 uint64_t *ret_object)
{
	uint64_t type, content = object;
	int err = python_reader_u64(reader, object + OBJECT_TYPE, &type);

	if (!err && cell_type && type == cell_type)
		err = python_reader_u64(reader, object + CELL_REF, &content);
	if (err)
		return err;
	if (!content)
		return -ENOENT;
	*ret_object = content;
	return 0;
}
