/* SPDX-License-Identifier: BSD-2-Clause */
/* Values in one array, places that are free again in another; see last_reads.h. */
#include "last_reads.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static uint32_t new_place(struct last_reads *reads)
{
	if (reads->nr_free)
		return reads->free_places[--reads->nr_free];
	reads->values = array_reserve(reads->values, &reads->capacity, reads->count + 1,
				      reads->value_bytes);
	return (uint32_t)++reads->count;
}

static void *value_at(const struct last_reads *reads, uint32_t place)
{
	return reads->values + (place - 1) * reads->value_bytes;
}

void *last_reads_of(struct last_reads *reads, struct node_id id)
{
	if (id.value >= reads->nr_places) {
		reads->places = array_reserve(reads->places, &reads->places_capacity,
					      (size_t)id.value + 1, sizeof(*reads->places));
		memset(&reads->places[reads->nr_places], 0,
		       (id.value + 1 - reads->nr_places) * sizeof(*reads->places));
		reads->nr_places = id.value + 1;
	}
	if (!reads->places[id.value]) {
		reads->places[id.value] = new_place(reads);
		memset(value_at(reads, reads->places[id.value]), 0, reads->value_bytes);
	}
	return value_at(reads, reads->places[id.value]);
}

void last_reads_remove(struct last_reads *reads, struct node_id id)
{
	if (id.value >= reads->nr_places || !reads->places[id.value])
		return;
	reads->free_places = array_reserve(reads->free_places, &reads->free_capacity,
					   reads->nr_free + 1, sizeof(*reads->free_places));
	reads->free_places[reads->nr_free++] = reads->places[id.value];
	reads->places[id.value] = 0;
}

void last_reads_free(struct last_reads *reads)
{
	free(reads->places);
	free(reads->values);
	free(reads->free_places);
}
