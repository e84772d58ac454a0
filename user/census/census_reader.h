/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One Python process as a census reads it: its memory, laid out by its version, and the heads of
 * its objects. What an object's type says is left to census_class.h.
 */
#ifndef MEMPROBE_CENSUS_READER_H
#define MEMPROBE_CENSUS_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "census_layout.h"
#include "census_memory.h"
#include "python_reader.h"

struct census_reader {
	struct census_memory memory;
	struct python_reader python; /* reads through `memory`, what is in no range too */
	struct census_layout layout;
	uint64_t nr_parts; /* of objects that were read for their references */
	uint64_t nr_lost;  /* objects of which a part could not be read */
};

/* What every object begins with; `size` is one only of types with tp_itemsize. */
struct census_head {
	uint64_t refcount, type, size;
};

/* Borrows `heap`, which holds all private writable mappings. -ENOTSUP: another version. Must stay
 * where it is. */
int census_reader_init(struct census_reader *reader, const struct wire_layout *wire,
		       struct heap_memory *heap, uint64_t max_bytes);
void census_reader_clear(struct census_reader *reader);

/* false: no object can be there. */
bool census_reader_head(struct census_reader *reader, uint64_t object, struct census_head *ret);

/* 0 where nothing can be read. */
uint64_t census_reader_word(struct census_reader *reader, uint64_t address);
uint32_t census_reader_u32(struct census_reader *reader, uint64_t address);

#endif
