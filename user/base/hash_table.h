/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A map from 64-bit keys to 32-bit indices. Keys that are hashes already are used as they are.
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

/* FNV-1a over bytes, continued from `seed` (0 to begin), then mixed. */
uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed);

#endif
