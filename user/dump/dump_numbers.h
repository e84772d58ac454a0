/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers that things of a profile have in one file. Only what is needed gets one, in the order
 * in which it is written, so that names which no row shows take no place, and what is near to each
 * other in a report is near to each other in the file.
 */
#ifndef MEMPROBE_DUMP_NUMBERS_H
#define MEMPROBE_DUMP_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#define NO_NUMBER UINT32_MAX

/* Both ways. Owns its arrays; zeroed is empty. */
struct dump_numbers {
	uint32_t *by_id; /* number + 1, 0: none */
	size_t nr_ids, ids_capacity;
	uint32_t *ids; /* by number */
	size_t count, capacity;
	size_t nr_written; /* of them, how many the file holds */
};

void dump_numbers_free(struct dump_numbers *numbers);
/* NO_NUMBER: it has none. */
uint32_t dump_numbers_get(const struct dump_numbers *numbers, uint32_t id);
/* The next number, for what has none yet. */
void dump_numbers_add(struct dump_numbers *numbers, uint32_t id);
/* Takes back those that the file does not hold. */
void dump_numbers_forget(struct dump_numbers *numbers);

#endif
