/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting objects, each once: to its type, and to the largest. */
#ifndef MEMPROBE_CENSUS_COUNT_H
#define MEMPROBE_CENSUS_COUNT_H

#include "census.h"
#include "census_size.h"
#include "census_table.h"

#define CENSUS_MAX_LARGEST 32

struct census_large {
	uint64_t address, bytes;
	uint32_t class, entry;
};

struct census_count {
	struct census_classes *classes;
	struct census_table *table;
	struct census_large largest[CENSUS_MAX_LARGEST]; /* the smallest first, as a heap */
	uint32_t nr_largest;
	uint64_t objects, bytes, buffer_bytes;
	uint64_t unreadable_objects, unreadable_bytes;
	bool is_guessing; /* what has no sense was no object, unless the collector's lists name it
			   */
};

/* Adds an object of the table; its bytes with buffers. An object without sense counts as
 * unreadable, and has none; one that may be of a kind with buffers, too, and has what is seen. */
uint64_t census_count_add(struct census_count *count, uint32_t entry);

/* Bytes with buffers of an object, 0: there is no sense in it. */
uint64_t census_count_measure(struct census_count *count, const struct census_entry *entry);

/* Fills in the census's sums, types and largest objects; types of one name are one. `rows` tells
 * in which of the holders each node of the table's entries is counted. */
void census_count_finish(struct census_count *count, const uint32_t *rows, struct census *census);

#endif
