/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects by address; see census_table.h. */
#include "census_table.h"

#include "hash_table.h"
#include "memory.h"

#define MIN_SLOTS 65536
#define FEW (1 << 20)

void census_table_init(struct census_table *table)
{
	*table = (struct census_table){
		.slots = xcalloc(MIN_SLOTS, sizeof(*table->slots)),
		.nr_slots = MIN_SLOTS,
		.seed = hash_bytes("", 0, 1) | 1,
	};
}

void census_table_clear(struct census_table *table)
{
	free(table->entries);
	free(table->slots);
	*table = (struct census_table){ 0 };
}

/* Multiplying by an odd number that the target does not know spreads what lies side by side, and
 * what was chosen to collide. */
static size_t slot_of(const struct census_table *table, uint64_t address)
{
	uint64_t mixed = (address >> 3) * (table->seed | 1);

	mixed ^= mixed >> 32;
	mixed *= 0x9e3779b97f4a7c15ULL;
	return (size_t)(mixed >> 32) & (table->nr_slots - 1);
}

uint32_t census_table_find(const struct census_table *table, uint64_t address)
{
	for (size_t slot = slot_of(table, address); table->slots[slot];
	     slot = (slot + 1) & (table->nr_slots - 1))
		if (table->entries[table->slots[slot] - 1].address == address)
			return table->slots[slot] - 1;
	return CENSUS_NO_ENTRY;
}

static void put(struct census_table *table, uint32_t index)
{
	size_t slot = slot_of(table, table->entries[index].address);

	while (table->slots[slot])
		slot = (slot + 1) & (table->nr_slots - 1);
	table->slots[slot] = index + 1;
}

static void grow(struct census_table *table)
{
	free(table->slots);
	table->nr_slots *= 2;
	table->slots = xcalloc(table->nr_slots, sizeof(*table->slots));
	for (size_t i = 0; i < table->count; i++)
		put(table, (uint32_t)i);
}

/* Twice as many while they are few; of tens of millions a quarter more, by mremap(2). */
static size_t next_capacity(const struct census_table *table)
{
	if (table->capacity < FEW)
		return table->capacity ? table->capacity * 2 : MIN_SLOTS;
	return table->capacity + table->capacity / 4;
}

uint32_t census_table_add(struct census_table *table, uint64_t address, uint32_t class)
{
	uint32_t index = (uint32_t)table->count;

	if (table->count >= table->nr_slots / 4 * 3)
		grow(table);
	if (table->count == table->capacity) {
		table->capacity = next_capacity(table);
		table->entries = xrealloc(table->entries, table->capacity, sizeof(*table->entries));
	}
	table->entries[table->count++] = (struct census_entry){
		.address = address,
		.class = class,
		.node = CENSUS_NO_NODE,
	};
	put(table, index);
	return index;
}

uint64_t census_table_bytes(const struct census_table *table)
{
	uint64_t slots = table->nr_slots, entries = table->capacity;

	if (table->count >= table->nr_slots / 4 * 3)
		slots *= 2;
	if (table->count == table->capacity)
		entries = next_capacity(table);
	return slots * sizeof(*table->slots) + entries * sizeof(*table->entries);
}
