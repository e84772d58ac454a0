/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at objects; see census_look.h. */
#include "census_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "census_size.h"
#include "memory.h"
#include "python_string.h"

#define LOOK_CHARACTERS 40
#define LOOK_BYTES 128
#define MAX_AXES 4 /* that are shown */

/* The first characters; python_string_read() would read all of a text of gigabytes. */
static void look_at_str(struct census_reader *reader, uint64_t address, char *ret)
{
	const struct wire_layout *wire = &reader->python.wire;
	uint32_t state = census_reader_u32(reader, address + wire->str_state);
	uint64_t length = census_reader_word(reader, address + wire->str_length), data;
	uint32_t kind = (state & wire->str_kind_mask) >> wire->str_kind_shift, unit;
	size_t at = 0;

	data = address +
	       (state & wire->str_ascii_mask ? wire->str_ascii_data : wire->str_compact_data);
	if (!(state & wire->str_compact_mask))
		data = census_reader_word(reader, address + wire->str_compact_data);
	if (kind != 1 && kind != 2 && kind != 4)
		return;
	ret[at++] = '\'';
	for (uint64_t i = 0; i < length && i < LOOK_CHARACTERS; i++) {
		unit = 0;
		census_memory_read(&reader->memory, data + i * kind, &unit, kind);
		/* Others could be half of something, or lead a terminal astray. */
		ret[at++] = unit >= ' ' && unit <= '~' ? (char)unit : '?';
	}
	snprintf(ret + at, LOOK_BYTES - at, "%s'", length > LOOK_CHARACTERS ? "..." : "");
}

static void look_at_ndarray(struct census_reader *reader, uint64_t address, char *ret)
{
	uint32_t nr_axes = census_reader_u32(reader, address + NDARRAY_NR_AXES);
	uint64_t axes = census_reader_word(reader, address + NDARRAY_AXES), description;
	uint8_t kind[2] = { 0 };
	size_t at = 0;

	for (uint32_t i = 0; i < nr_axes && i < MAX_AXES; i++)
		at += (size_t)snprintf(ret + at, LOOK_BYTES - at, "%s%" PRIu64, i ? " x " : "",
				       census_reader_word(reader, axes + i * 8UL));
	description = census_reader_word(reader, address + NDARRAY_DESCRIPTION);
	/* PyArray_Descr: kind and type are characters, behind a type object. */
	if (python_reader_fetch(&reader->python, description + 24, kind, sizeof(kind)) ||
	    kind[0] < 'A' || kind[0] > 'z')
		return;
	snprintf(ret + at, LOOK_BYTES - at, "%s %c", nr_axes > MAX_AXES ? " x ..." : "", kind[0]);
}

static void look_at_items(struct census_reader *reader, uint64_t address, char *ret)
{
	snprintf(ret, LOOK_BYTES, "%" PRIu64 " items",
		 census_reader_word(reader, address + OBJECT_SIZE));
}

static void look_at_set(struct census_reader *reader, uint64_t address, char *ret)
{
	snprintf(ret, LOOK_BYTES, "%" PRIu64 " items", census_reader_word(reader, address + 24));
}

uint32_t census_look(struct census_reader *reader, const struct census_class *class,
		     uint64_t address, struct string_pool *strings)
{
	char text[LOOK_BYTES] = "";

	switch (class->kind) {
	case KIND_STR:
		look_at_str(reader, address, text);
		break;
	case KIND_NDARRAY:
		look_at_ndarray(reader, address, text);
		break;
	case KIND_LIST:
	case KIND_DICT:
	case KIND_ORDERED_DICT:
	case KIND_DEQUE:
		look_at_items(reader, address, text);
		break;
	case KIND_SET:
		look_at_set(reader, address, text);
		break;
	default:
		break;
	}
	return string_pool_add(strings, text);
}
