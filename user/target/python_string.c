/* SPDX-License-Identifier: BSD-2-Clause */
/* Python's strings; see python_string.h. */
#include "python_string.h"

#include <errno.h>
#include <string.h>

#include "memory.h"

/* What is read at first: all of most names. */
#define HEAD_BYTES 128

#define REPLACEMENT 0xfffdU

struct string {
	uint64_t length; /* characters */
	uint64_t data;	 /* address of the characters */
	uint32_t kind;	 /* bytes a character */
	bool is_ascii;
	/* The first bytes of the object. */
	uint64_t address;
	size_t head_bytes;
	uint8_t head[HEAD_BYTES];
};

static int check_type(struct python_reader *reader, uint64_t type)
{
	uint64_t metatype, flags, metaflags;
	int err;

	if (type && type == reader->str_type)
		return 0;
	err = python_reader_u64(reader, type + TYPE_FLAGS, &flags);
	if (err)
		return err;
	if (!(flags & TYPE_UNICODE_SUBCLASS))
		return -EINVAL;
	err = python_reader_u64(reader, type + OBJECT_TYPE, &metatype);
	if (!err)
		err = python_reader_u64(reader, metatype + TYPE_FLAGS, &metaflags);
	if (err)
		return err;
	if (!(metaflags & TYPE_TYPE_SUBCLASS))
		return -EINVAL;
	if (!(flags & TYPE_HEAPTYPE))
		reader->str_type = type;
	return 0;
}

/* Takes the characters' place and size from the state word. */
static int find_data(const struct python_reader *reader, struct string *string)
{
	const struct wire_layout *wire = &reader->wire;
	uint32_t state;

	memcpy(&state, string->head + wire->str_state, sizeof(state));
	string->kind = (state & wire->str_kind_mask) >> wire->str_kind_shift;
	string->is_ascii = state & wire->str_ascii_mask;
	if (string->kind != 1 && (string->is_ascii || (string->kind != 2 && string->kind != 4)))
		return -EINVAL;
	if (state & wire->str_compact_mask) {
		string->data = string->address +
			       (string->is_ascii ? wire->str_ascii_data : wire->str_compact_data);
		return 0;
	}
	/* PyUnicodeObject.data follows PyCompactUnicodeObject in all versions. */
	return python_reader_u64(reader, string->address + wire->str_compact_data, &string->data);
}

static int read_head(struct python_reader *reader, uint64_t address, struct string *ret)
{
	const struct wire_layout *wire = &reader->wire;
	int err;

	ret->address = address;
	ret->head_bytes = sizeof(ret->head);
	if (wire->str_ascii_data > sizeof(ret->head) ||
	    wire->str_length + sizeof(uint64_t) > wire->str_ascii_data ||
	    wire->str_state + sizeof(uint32_t) > wire->str_ascii_data)
		return -EINVAL;
	err = python_reader_peek(reader, address, ret->head, wire->str_ascii_data,
				 &ret->head_bytes);
	if (!err)
		err = check_type(reader, python_reader_load64(ret->head + OBJECT_TYPE));
	if (err)
		return err;
	ret->length = python_reader_load64(ret->head + wire->str_length);
	return find_data(reader, ret);
}

static int read_data(const struct python_reader *reader, const struct string *string, void *to)
{
	size_t bytes = string->length * string->kind;
	uint64_t offset = string->data - string->address;

	if (offset < string->head_bytes && bytes <= string->head_bytes - offset) {
		memcpy(to, string->head + offset, bytes);
		return 0;
	}
	return bytes ? python_reader_fetch(reader, string->data, to, bytes) : 0;
}

static uint32_t load_character(const uint8_t *at, uint32_t kind)
{
	uint32_t character = at[0];

	if (kind >= 2)
		character |= (uint32_t)at[1] << 8;
	if (kind == 4)
		character |= (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
	if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
		return REPLACEMENT;
	return character;
}

/* U+0000 as terminal.h has it: C0 80. */
static size_t put_utf8(char *to, uint32_t character)
{
	if (character && character < 0x80) {
		to[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		to[0] = (char)(0xc0 | character >> 6);
		to[1] = (char)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < 0x10000) {
		to[0] = (char)(0xe0 | character >> 12);
		to[1] = (char)(0x80 | (character >> 6 & 0x3f));
		to[2] = (char)(0x80 | (character & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | character >> 18);
	to[1] = (char)(0x80 | (character >> 12 & 0x3f));
	to[2] = (char)(0x80 | (character >> 6 & 0x3f));
	to[3] = (char)(0x80 | (character & 0x3f));
	return 4;
}

/* -E2BIG when it does not fit. */
static int encode(const struct string *string, const uint8_t *data, size_t max_bytes, char *ret)
{
	size_t size = 0;

	for (uint64_t i = 0; i < string->length; i++) {
		char bytes[4];
		uint32_t character = load_character(data + i * string->kind, string->kind);
		size_t length = put_utf8(bytes, character);

		if (string->is_ascii && character >= 0x80 && character != REPLACEMENT)
			return -EINVAL;
		if (length > max_bytes - size)
			return -E2BIG;
		memcpy(ret + size, bytes, length);
		size += length;
	}
	ret[size] = '\0';
	return 0;
}

static int read_text(const struct python_reader *reader, const struct string *string,
		     size_t max_bytes, char **ret_text)
{
	_cleanup_(freep) uint8_t *data = NULL;
	_cleanup_(freep) char *text = NULL;
	int err;

	if (max_bytes > PYTHON_STRING_MAX)
		max_bytes = PYTHON_STRING_MAX;
	if (string->length > max_bytes)
		return -E2BIG;
	data = xmalloc(string->length * string->kind + 1);
	err = read_data(reader, string, data);
	if (err)
		return err;
	/* No character needs more than four bytes, U+0000 needs three. */
	text = xmalloc((4 * string->length < max_bytes ? 4 * string->length : max_bytes) + 1);
	err = encode(string, data, max_bytes, text);
	if (!err)
		*ret_text = TAKE(text);
	return err;
}

int python_string_read(struct python_reader *reader, uint64_t string, size_t max_bytes,
		       char **ret_text)
{
	struct string found;
	int err = read_head(reader, string, &found);

	return err ? err : read_text(reader, &found, max_bytes, ret_text);
}

bool python_string_is(struct python_reader *reader, uint64_t string, const char *text)
{
	_cleanup_(freep) char *found = NULL;
	size_t size = strlen(text);
	struct string head;

	/* A character has one byte to four. */
	if (read_head(reader, string, &head) || head.length > size || 4 * head.length < size)
		return false;
	return !read_text(reader, &head, size, &found) && !strcmp(found, text);
}
