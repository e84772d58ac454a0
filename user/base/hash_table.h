/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A map from 64-bit keys to 32-bit indices. Whoever chooses the keys cannot make them collide:
 * slots depend on a number that is drawn anew in each run.
 */
#ifndef MEMPROBE_HASH_TABLE_H
#define MEMPROBE_HASH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_entry {
	uint64_t key;
	uint32_t value;
	uint32_t used;
};

/* Zeroed is empty. Owns its entries. */
struct hash_table {
	struct hash_entry *entries;
	size_t count, removed, capacity;
};

void hash_table_free(struct hash_table *table);
bool hash_table_get(const struct hash_table *table, uint64_t key, uint32_t *ret_value);
void hash_table_put(struct hash_table *table, uint64_t key, uint32_t value);
bool hash_table_remove(struct hash_table *table, uint64_t key);

/* Of bytes, continued from another hash (0 to begin); in each run another one, so for no file. */
uint64_t hash_bytes(const void *bytes, size_t size, uint64_t begin);

#endif
