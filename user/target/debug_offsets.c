/* SPDX-License-Identifier: BSD-2-Clause */
/* _Py_DebugOffsets of a file; see debug_offsets.h. A new version is a new column of the .def. */
#include "debug_offsets.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "memory.h"

#define FIRST_MINOR 13
#define NR_COLUMNS 3

/* An offset beyond this cannot be one of the fields read: the struct is not what it should be. */
#define MAX_OFFSET 0x7fff

/* The head is the same in all versions: char cookie[8], u64 version, u64 free_threaded. */
enum { WORD_COOKIE = 0, WORD_VERSION = 1, WORD_FREE_THREADED = 2 };

static const struct {
	size_t member; /* in struct offset_table */
	uint16_t positions[NR_COLUMNS];
} fields[] = {
#define FIELD(name, ...) { offsetof(struct offset_table, name), { __VA_ARGS__ } },
#include "debug_offsets.def"
#undef FIELD
};

int debug_offsets_parse(const void *bytes, size_t size, struct debug_offsets *ret)
{
	uint64_t head[3];

	if (size < sizeof(head))
		return -ENOENT;
	memcpy(head, bytes, sizeof(head));
	if (memcmp(&head[WORD_COOKIE], "xdebugpy", 8) != 0 || head[WORD_VERSION] > UINT32_MAX)
		return -ENOENT;
	memset(ret, 0, sizeof(*ret));
	ret->version_hex = (uint32_t)head[WORD_VERSION];
	ret->is_free_threaded = head[WORD_FREE_THREADED] != 0;
	memcpy(ret->words, bytes, size < sizeof(ret->words) ? size : sizeof(ret->words));
	return 0;
}

static int apply(const struct debug_offsets *offsets, size_t column, struct offset_table *table,
		 bool *ret_disagrees)
{
	struct offset_table result = *table;
	bool disagrees = false;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint16_t position = fields[i].positions[column], offset;

		if (!position)
			continue;
		if (offsets->words[position / sizeof(uint64_t)] > MAX_OFFSET)
			return -ENOTSUP;
		offset = (uint16_t)offsets->words[position / sizeof(uint64_t)];
		disagrees |= memcmp((char *)&result + fields[i].member, &offset, sizeof(offset)) !=
			     0;
		memcpy((char *)&result + fields[i].member, &offset, sizeof(offset));
	}
	*ret_disagrees = disagrees;
	*table = result;
	return 0;
}

int debug_offsets_apply(const struct debug_offsets *offsets, struct offset_table *table,
			bool *ret_disagrees)
{
	size_t column = (offsets->version_hex >> 16 & 0xff) - FIRST_MINOR;

	if (offsets->version_hex >> 24 != 3 || column >= NR_COLUMNS)
		return -ENOTSUP;
	return apply(offsets, column, table, ret_disagrees);
}

/* 3.15: where the sizes of the structs are stated that fields are taken from; a struct's fields
 * follow its size. The last one is the end. */
static const uint16_t size_positions[] = { 24, 48, 176, 312, 376, 464, 688, 712, 752 };

/* A size as the struct may have it: two pointers to as much as a runtime takes. */
static bool is_size(uint64_t size)
{
	return size >= 2 * sizeof(void *) && size <= 1U << 20 && size % sizeof(void *) == 0;
}

static bool is_inside(const struct debug_offsets *offsets, uint16_t position)
{
	for (size_t i = 0; i + 1 < ARRAY_SIZE(size_positions); i++) {
		uint64_t size = offsets->words[size_positions[i] / sizeof(uint64_t)];

		if (position <= size_positions[i] || position >= size_positions[i + 1])
			continue;
		/* The size of a str's head is an offset, too: that of what follows it. */
		return is_size(size) && offsets->words[position / sizeof(uint64_t)] <= size;
	}
	return false;
}

int debug_offsets_guess(const struct debug_offsets *offsets, struct offset_table *table)
{
	bool disagrees;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].positions[NR_COLUMNS - 1] &&
		    !is_inside(offsets, fields[i].positions[NR_COLUMNS - 1]))
			return -ENOTSUP;
	return apply(offsets, NR_COLUMNS - 1, table, &disagrees);
}
