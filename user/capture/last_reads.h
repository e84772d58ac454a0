/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was read last of each of the BPF side's nodes, by id. Its numbers are absolute, and several
 * of its nodes can be one of the profile, so that what was read of each is kept until it changes.
 */
#ifndef MEMPROBE_LAST_READS_H
#define MEMPROBE_LAST_READS_H

#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>

/* Zeroed but for value_bytes it is empty. Owns its memory. */
struct last_reads {
	size_t value_bytes;
	uint32_t *places; /* by id: index + 1, 0: nothing was read */
	size_t nr_places, places_capacity;
	uint8_t *values;
	size_t count, capacity;
	uint32_t *free_places; /* of `values` */
	size_t nr_free, free_capacity;
};

/* The value of an id, zeroes at first. Until the next call. */
void *last_reads_of(struct last_reads *reads, struct node_id id);
/* The id may come again, for another path. */
void last_reads_remove(struct last_reads *reads, struct node_id id);
void last_reads_free(struct last_reads *reads);

#endif
