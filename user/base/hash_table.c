/* SPDX-License-Identifier: BSD-2-Clause */
/* Open addressing with linear probing; see hash_table.h. */
#include "hash_table.h"

#include "memory.h"

enum { SLOT_FREE, SLOT_USED, SLOT_REMOVED };

static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93ULL;
	return value ^ value >> 32;
}

void hash_table_free(struct hash_table *table)
{
	free(table->entries);
	*table = (struct hash_table){ 0 };
}

static struct hash_entry *find(const struct hash_table *table, uint64_t key)
{
	size_t mask = table->capacity - 1;

	if (!table->capacity)
		return NULL;
	for (size_t slot = mix(key) & mask;; slot = (slot + 1) & mask) {
		struct hash_entry *entry = &table->entries[slot];

		if (entry->used == SLOT_FREE)
			return NULL;
		if (entry->used == SLOT_USED && entry->key == key)
			return entry;
	}
}

bool hash_table_get(const struct hash_table *table, uint64_t key, uint32_t *ret_value)
{
	const struct hash_entry *entry = find(table, key);

	if (!entry)
		return false;
	*ret_value = entry->value;
	return true;
}

static void insert_new(struct hash_table *table, uint64_t key, uint32_t value)
{
	size_t mask = table->capacity - 1, slot = mix(key) & mask;

	while (table->entries[slot].used == SLOT_USED)
		slot = (slot + 1) & mask;
	if (table->entries[slot].used == SLOT_REMOVED)
		table->removed--;
	table->entries[slot] = (struct hash_entry){ key, value, SLOT_USED };
	table->count++;
}

static void rehash(struct hash_table *table)
{
	struct hash_table old = *table;

	table->capacity = old.capacity ? old.capacity : 64;
	while (table->capacity < 2 * (old.count + 1))
		table->capacity *= 2;
	table->entries = xcalloc(table->capacity, sizeof(*table->entries));
	table->count = table->removed = 0;
	for (size_t slot = 0; slot < old.capacity; slot++) {
		if (old.entries[slot].used == SLOT_USED)
			insert_new(table, old.entries[slot].key, old.entries[slot].value);
	}
	free(old.entries);
}

void hash_table_put(struct hash_table *table, uint64_t key, uint32_t value)
{
	struct hash_entry *entry = find(table, key);

	if (entry) {
		entry->value = value;
		return;
	}
	if (4 * (table->count + table->removed + 1) > 3 * table->capacity)
		rehash(table);
	insert_new(table, key, value);
}

bool hash_table_remove(struct hash_table *table, uint64_t key)
{
	struct hash_entry *entry = find(table, key);

	if (!entry)
		return false;
	entry->used = SLOT_REMOVED;
	table->count--;
	table->removed++;
	return true;
}

uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed)
{
	const unsigned char *byte = bytes;
	uint64_t hash = seed ^ 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ULL;
	return mix(hash);
}
