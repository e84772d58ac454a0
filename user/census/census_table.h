/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects that were met, by address: 16 bytes for each and 4 to 8 for finding it. A process may
 * have tens of millions.
 */
#ifndef MEMPROBE_CENSUS_TABLE_H
#define MEMPROBE_CENSUS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CENSUS_NO_ENTRY UINT32_MAX
#define CENSUS_MAX_NODES (1U << 26)
#define CENSUS_NO_NODE (CENSUS_MAX_NODES - 1)

struct census_entry {
	uint64_t address;
	uint32_t class;
	uint32_t node : 26;	 /* of the tree of holders, CENSUS_NO_NODE: not counted yet */
	uint32_t is_tracked : 1; /* the collector's lists name it */
	uint32_t is_shared : 1;	 /* another root refers to it, too */
	uint32_t is_names : 1;	 /* a dict whose keys are attributes of what it belongs to */
	uint32_t pad : 3;
};
_Static_assert(sizeof(struct census_entry) == 16, "census_entry");

struct census_table {
	struct census_entry *entries;
	size_t count, capacity;
	uint32_t *slots; /* index of an entry plus 1 */
	size_t nr_slots; /* a power of two */
	uint64_t seed;
};

void census_table_init(struct census_table *table);
void census_table_clear(struct census_table *table);

/* CENSUS_NO_ENTRY: it has not been met. */
uint32_t census_table_find(const struct census_table *table, uint64_t address);
/* Of an address that is not there yet. Entries may move. */
uint32_t census_table_add(struct census_table *table, uint64_t address, uint32_t class);

/* What the next object may make of it at most, while it moves. */
uint64_t census_table_bytes(const struct census_table *table);

#endif
