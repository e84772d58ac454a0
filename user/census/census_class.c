/* SPDX-License-Identifier: BSD-2-Clause */
/* Types of a running Python; see census_class.h. */
#include "census_class.h"

#include <errno.h>
#include <string.h>

#include "memory.h"
#include "python_object.h"

/* Types and what was taken for one; a target can make as many as it likes. */
#define MAX_CLASSES 50000
#define MAX_IDS 1000000

#define MAX_META 4 /* metaclasses of metaclasses */
#define MAX_BASES 32
#define MAX_BASICSIZE (1 << 20)
#define MAX_ITEMSIZE (1 << 16)

#define MAX_CLASS_NAME 256
#define MAX_MEMBERS 128
#define MAX_SLOTS 1000000
#define MAX_MEMBER_NAME 64

/* PyMemberDef, and two of its types (Include/structmember.h). */
#define MEMBER_BYTES 40
#define MEMBER_OBJECT 6
#define MEMBER_OBJECT_EX 16

#define TYPE_BASE 256 /* PyTypeObject.tp_base, in all versions with the GIL */
#define TYPE_READY (1UL << 12)
#define TYPE_HAVE_GC (1UL << 14)
#define TYPE_MANAGED_WEAKREF (1UL << 3) /* 3.12 and later */
#define TYPE_LIST_SUBCLASS (1UL << 25)
#define TYPE_TUPLE_SUBCLASS (1UL << 26)
#define TYPE_BYTES_SUBCLASS (1UL << 27)
#define TYPE_DICT_SUBCLASS (1UL << 29)
#define TYPE_EXCEPTION_SUBCLASS (1UL << 30)
#define TYPE_OF_PLAIN (TYPE_TUPLE_SUBCLASS | TYPE_EXCEPTION_SUBCLASS)

#define MANAGED_BYTES 16 /* two words before the head of the collector */

/* Types without a flag of their own, by tp_name. Their modules begin to be heap types by and by. */
static const struct {
	const char *name;
	enum census_kind kind;
} named[] = {
	{ "NoneType", KIND_LEAF },
	{ "float", KIND_LEAF },
	{ "complex", KIND_LEAF },
	{ "frozendict", KIND_DICT },
	{ "set", KIND_SET },
	{ "frozenset", KIND_SET },
	{ "bytearray", KIND_BYTEARRAY },
	{ "collections.deque", KIND_DEQUE },
	{ "collections.OrderedDict", KIND_ORDERED_DICT },
	{ "array.array", KIND_ARRAY },
	{ "generator", KIND_GENERATOR },
	{ "coroutine", KIND_GENERATOR },
	{ "async_generator", KIND_GENERATOR },
	{ "frame", KIND_FRAME },
	{ "code", KIND_CODE },
	{ "module", KIND_MODULE },
	{ "weakref", KIND_WEAKREF },		   /* to 3.10 */
	{ "weakref.ReferenceType", KIND_WEAKREF }, /* later */
	{ "weakproxy", KIND_WEAKREF },
	{ "weakref.ProxyType", KIND_WEAKREF },
	{ "weakcallableproxy", KIND_WEAKREF },
	{ "weakref.CallableProxyType", KIND_WEAKREF },
	{ "numpy.ndarray", KIND_NDARRAY },
};

static const struct {
	uint64_t flag;
	enum census_kind kind;
} flagged[] = {
	{ TYPE_LONG_SUBCLASS, KIND_INT },   { TYPE_UNICODE_SUBCLASS, KIND_STR },
	{ TYPE_BYTES_SUBCLASS, KIND_LEAF }, { TYPE_LIST_SUBCLASS, KIND_LIST },
	{ TYPE_TYPE_SUBCLASS, KIND_TYPE },
};

void census_classes_init(struct census_classes *classes, struct census_reader *reader,
			 struct string_pool *strings)
{
	*classes = (struct census_classes){ .reader = reader, .strings = strings };
}

void census_classes_clear(struct census_classes *classes)
{
	free(classes->classes);
	free(classes->slots);
	hash_table_free(&classes->ids);
}

bool census_classes_begin(struct census_classes *classes, uint64_t object)
{
	struct census_head head;
	uint64_t at = object;

	for (int i = 0; i < MAX_META; i++) {
		if (!census_reader_head(classes->reader, at, &head))
			return false;
		if (head.type == at) {
			classes->type_type = at;
			return census_classes_find(classes, at) != CENSUS_NO_CLASS;
		}
		at = head.type;
	}
	return false;
}

/* ---- Is it a type? ---- */

static bool is_meta(struct census_classes *classes, uint64_t type)
{
	struct census_head head;

	for (int i = 0; i < MAX_META; i++) {
		if (type == classes->type_type)
			return true;
		if (!(census_reader_word(classes->reader, type + TYPE_FLAGS) &
		      TYPE_TYPE_SUBCLASS) ||
		    !census_reader_head(classes->reader, type, &head))
			return false;
		type = head.type;
	}
	return false;
}

static bool is_sound(const struct census_class *class)
{
	return class->flags & TYPE_READY && class->basicsize >= OBJECT_BYTES &&
	       class->basicsize <= MAX_BASICSIZE && class->itemsize <= MAX_ITEMSIZE;
}

/* ---- Its kind ---- */

static enum census_kind kind_of_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		if (!strcmp(named[i].name, name))
			return named[i].kind;
	return KIND_PLAIN;
}

/* A name that is too long is none of them. */
static enum census_kind kind_of_type(struct census_reader *reader, uint64_t type,
				     bool *ret_is_untold)
{
	_cleanup_(freep) char *name = NULL;
	int err = python_reader_c_text(&reader->python,
				       census_reader_word(reader, type + TYPE_NAME), 64, &name);

	if (err && err != -E2BIG)
		*ret_is_untold = true;
	return err ? KIND_PLAIN : kind_of_name(name);
}

/* By the type itself or the nearest base that says it; `object` has no base, and says nothing. */
static void find_kind(struct census_classes *classes, struct census_class *class)
{
	struct census_reader *reader = classes->reader;
	uint64_t type = class->address;

	for (size_t i = 0; i < ARRAY_SIZE(flagged); i++)
		if (class->flags & flagged[i].flag)
			class->kind = flagged[i].kind;
	class->is_exact = !(class->flags & TYPE_HEAPTYPE);
	for (int i = 0; class->kind == KIND_PLAIN && type && i < MAX_BASES; i++) {
		uint64_t base = 0;

		class->is_exact = i == 0;
		if (python_reader_u64(&reader->python, type + TYPE_BASE, &base))
			class->is_untold = true;
		if (base || i == 0)
			class->kind = kind_of_type(reader, type, &class->is_untold);
		type = base;
	}
	if (class->flags & TYPE_DICT_SUBCLASS && class->kind == KIND_PLAIN)
		class->kind = KIND_DICT;
	if (class->kind != KIND_PLAIN || class->flags & TYPE_OF_PLAIN)
		class->is_untold = false;
}

/* ---- What it says ---- */

static uint32_t bytes_before(const struct census_classes *classes, const struct census_class *class)
{
	const struct census_reader *reader = classes->reader;
	uint32_t bytes = class->flags & TYPE_HAVE_GC ? reader->layout.gc_head : 0;
	uint64_t managed = TYPE_MANAGED_DICT;

	if (reader->python.wire.version < 0x30b)
		return bytes;
	if (reader->python.wire.version > 0x30b)
		managed |= TYPE_MANAGED_WEAKREF;
	return bytes + (class->flags & managed ? MANAGED_BYTES : 0);
}

static void read_names(struct census_classes *classes, struct census_class *class)
{
	struct python_type type;

	class->module = string_pool_add(classes->strings, "");
	class->name = string_pool_add(classes->strings, "[name not read]");
	if (python_type_read(&classes->reader->python, class->address, &type))
		return;
	class->module = string_pool_add_bytes(classes->strings, type.module, MAX_CLASS_NAME);
	class->name = string_pool_add_bytes(classes->strings, type.qualname, MAX_CLASS_NAME);
	python_type_clear(&type);
}

/* Members that are objects, of the type and its bases. */
static void read_members(struct census_classes *classes, uint64_t type)
{
	struct census_reader *reader = classes->reader;
	uint64_t members = census_reader_word(reader, type + TYPE_MEMBERS);

	for (int i = 0; members && i < MAX_MEMBERS; i++, members += MEMBER_BYTES) {
		_cleanup_(freep) char *name = NULL;
		uint64_t member[3]; /* name, type (an int), offset */

		if (python_reader_fetch(&reader->python, members, member, sizeof(member)) ||
		    !member[0])
			return;
		if (((uint32_t)member[1] != MEMBER_OBJECT &&
		     (uint32_t)member[1] != MEMBER_OBJECT_EX) ||
		    member[2] > MAX_BASICSIZE ||
		    python_reader_c_text(&reader->python, member[0], MAX_MEMBER_NAME, &name))
			continue;
		classes->slots = array_reserve(classes->slots, &classes->slots_capacity,
					       classes->nr_slots + 1, sizeof(*classes->slots));
		classes->slots[classes->nr_slots++] = (struct census_slot){
			(uint32_t)member[2],
			string_pool_add(classes->strings, name),
		};
	}
}

static void read_slots(struct census_classes *classes, struct census_class *class)
{
	uint64_t type = class->address;

	class->first_slot = (uint32_t)classes->nr_slots;
	if (class->kind != KIND_PLAIN || !(class->flags & TYPE_HEAPTYPE))
		return;
	for (int i = 0; type && i < MAX_BASES && classes->nr_slots < MAX_SLOTS; i++) {
		read_members(classes, type);
		type = census_reader_word(classes->reader, type + TYPE_BASE);
	}
	class->nr_slots = (uint32_t)classes->nr_slots - class->first_slot;
}

static bool read_class(struct census_classes *classes, uint64_t address, struct census_class *ret)
{
	struct census_reader *reader = classes->reader;
	uint8_t head[TYPE_HEAD_BYTES];
	struct census_class class = { .address = address };
	uint64_t basicsize, itemsize, meta;

	if (!census_memory_read(&reader->memory, address, head, sizeof(head)))
		return false;
	meta = python_reader_load64(head + OBJECT_TYPE);
	basicsize = python_reader_load64(head + TYPE_BASICSIZE);
	itemsize = python_reader_load64(head + TYPE_ITEMSIZE);
	class.flags = python_reader_load64(head + TYPE_FLAGS);
	class.basicsize = basicsize > MAX_BASICSIZE ? UINT32_MAX : (uint32_t)basicsize;
	class.itemsize = itemsize > MAX_ITEMSIZE ? UINT32_MAX : (uint32_t)itemsize;
	if (!is_sound(&class) || !is_meta(classes, meta))
		return false;
	class.dictoffset = (int32_t)python_reader_load64(head + TYPE_DICTOFFSET);
	class.weaklist = (uint32_t)python_reader_load64(head + TYPE_WEAKLISTOFFSET);
	if (class.weaklist >= class.basicsize)
		class.weaklist = 0;
	class.before = bytes_before(classes, &class);
	if (class.flags & TYPE_HEAPTYPE)
		class.keys = census_reader_word(reader,
						address + reader->python.layout.type_cached_keys);
	find_kind(classes, &class);
	read_slots(classes, &class);
	*ret = class;
	return true;
}

uint32_t census_classes_find(struct census_classes *classes, uint64_t address)
{
	struct census_class class;
	uint32_t id = CENSUS_NO_CLASS;

	if (hash_table_get(&classes->ids, address, &id))
		return id;
	if (classes->count >= MAX_CLASSES || classes->ids.count >= MAX_IDS)
		return CENSUS_NO_CLASS;
	if (census_layout_is_refcount(classes->reader->python.wire.version,
				      census_reader_word(classes->reader, address)) &&
	    read_class(classes, address, &class)) {
		read_names(classes, &class);
		classes->classes = array_reserve(classes->classes, &classes->capacity,
						 classes->count + 1, sizeof(*classes->classes));
		id = (uint32_t)classes->count;
		classes->classes[classes->count++] = class;
	}
	hash_table_put(&classes->ids, address, id);
	return id;
}

bool census_classes_object(struct census_classes *classes, uint64_t object,
			   struct census_head *ret_head, uint32_t *ret_class)
{
	struct census_head head;
	uint32_t id;

	if (!census_reader_head(classes->reader, object, &head))
		return false;
	id = census_classes_find(classes, head.type);
	if (id == CENSUS_NO_CLASS)
		return false;
	*ret_head = head;
	*ret_class = id;
	return true;
}
