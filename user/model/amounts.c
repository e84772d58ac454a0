/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts of one thing and of many; see amounts.h. */
#include "amounts.h"

#include <string.h>

#include "memory.h"

#define FIRST_CAPACITY 64

/* A cost as the columns have it. */
union row {
	struct cost cost;
	int64_t values[NR_AMOUNTS];
};
_Static_assert(sizeof(union row) == sizeof(struct cost), "a value a column");

int64_t rss_of(const int64_t by_kind[NR_KINDS])
{
	return by_kind[KIND_FILE] + by_kind[KIND_ANON] + by_kind[KIND_SHMEM];
}

int64_t cost_grown(const struct cost *cost)
{
	return rss_of(cost->grown) + cost->swap_grown;
}

int64_t cost_released(const struct cost *cost)
{
	return rss_of(cost->released) + cost->swap_released;
}

int64_t cost_live(const struct cost *cost)
{
	return rss_of(cost->live) + cost->swap_live;
}

int64_t cost_peak(const struct cost *cost)
{
	return rss_of(cost->peak) + cost->swap_peak;
}

void cost_count_swap(struct cost *cost)
{
	cost->swap_grown = cost->grown[KIND_SWAP];
	cost->swap_released = cost->released[KIND_SWAP];
	cost->swap_live = cost->live[KIND_SWAP];
	cost->swap_peak = cost->peak[KIND_SWAP];
}

int64_t cost_growth(const struct cost *cost)
{
	return cost_grown(cost) - cost_released(cost);
}

int64_t cost_growth_of(const struct cost *cost, enum wire_kind kind)
{
	return cost->grown[kind] - cost->released[kind];
}

void cost_add(struct cost *sum, const struct cost *more)
{
	union row row = { .cost = *sum };
	const union row other = { .cost = *more };

	for (size_t column = 0; column < NR_AMOUNTS; column++)
		row.values[column] += other.values[column];
	*sum = row.cost;
}

void cost_subtract(struct cost *sum, const struct cost *less)
{
	union row row = { .cost = *sum };
	const union row other = { .cost = *less };

	for (size_t column = 0; column < NR_AMOUNTS; column++)
		row.values[column] -= other.values[column];
	*sum = row.cost;
}

bool cost_is_zero(const struct cost *cost)
{
	static const struct cost zero;

	return !memcmp(cost, &zero, sizeof(zero));
}

void amounts_free(struct amounts *amounts)
{
	for (size_t column = 0; column < NR_AMOUNTS; column++)
		free(amounts->columns[column]);
	*amounts = (struct amounts){ 0 };
}

struct cost amounts_get(const struct amounts *amounts, size_t index)
{
	union row row = { 0 };

	for (size_t i = 0; i < amounts->nr_used && index < amounts->capacity; i++)
		row.values[amounts->used[i]] = amounts->columns[amounts->used[i]][index];
	return row.cost;
}

/* Fresh memory is zero without being touched, which realloc's would have to be. */
static void grow(struct amounts *amounts, size_t wanted)
{
	size_t old = amounts->capacity, capacity = old ? old : FIRST_CAPACITY;

	while (capacity < wanted)
		capacity *= 2;
	for (size_t column = 0; column < NR_AMOUNTS && capacity > old; column++) {
		int64_t *values;

		if (!amounts->columns[column])
			continue;
		values = xcalloc(capacity, sizeof(*values));
		memcpy(values, amounts->columns[column], old * sizeof(*values));
		free(amounts->columns[column]);
		amounts->columns[column] = values;
	}
	amounts->capacity = capacity;
}

static int64_t *find(struct amounts *amounts, size_t column, size_t index)
{
	if (index >= amounts->capacity)
		grow(amounts, index + 1);
	if (!amounts->columns[column]) {
		amounts->columns[column] = xcalloc(amounts->capacity, sizeof(int64_t));
		amounts->used[amounts->nr_used++] = (uint8_t)column;
	}
	return &amounts->columns[column][index];
}

void amounts_set(struct amounts *amounts, size_t index, const struct cost *cost)
{
	const union row row = { .cost = *cost };

	for (size_t column = 0; column < NR_AMOUNTS; column++) {
		if (row.values[column] || (amounts->columns[column] && index < amounts->capacity))
			*find(amounts, column, index) = row.values[column];
	}
}

void amounts_add(struct amounts *amounts, size_t index, const struct cost *cost)
{
	const union row row = { .cost = *cost };

	for (size_t column = 0; column < NR_AMOUNTS; column++) {
		if (row.values[column])
			*find(amounts, column, index) += row.values[column];
	}
}
