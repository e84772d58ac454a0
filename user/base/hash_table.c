/* SPDX-License-Identifier: BSD-2-Clause */
/* Open addressing with linear probing; see hash_table.h. */
#include "hash_table.h"

#include <string.h>
#include <sys/random.h>

#include "memory.h"

enum { SLOT_FREE, SLOT_USED, SLOT_REMOVED };

/*
 * Keys and bytes come from targets and from files, which know this code and could choose them so
 * that all lead to one slot. What they cannot know is a number that is drawn anew in each run.
 */
static uint64_t draw_seed(void)
{
	static uint64_t seed;

	while (!seed) {
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			seed = 0;
	}
	return seed;
}

/* The finalizer of splitmix64, as hash_mix in memprobe/wire_hash.h. */
static uint64_t mix(uint64_t value)
{
	value ^= value >> 30;
	value *= 0xbf58476d1ce4e5b9ULL;
	value ^= value >> 27;
	value *= 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static size_t first_slot(const struct hash_table *table, uint64_t key)
{
	return mix(key ^ draw_seed()) & (table->capacity - 1);
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
	for (size_t slot = first_slot(table, key);; slot = (slot + 1) & mask) {
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
	size_t mask = table->capacity - 1, slot = first_slot(table, key);

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

uint64_t hash_bytes(const void *bytes, size_t size, uint64_t begin)
{
	const char *at = bytes;
	uint64_t hash = mix(begin ^ draw_seed() ^ size), word;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, at, size);
	return mix(hash ^ word);
}
