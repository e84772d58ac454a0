/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that the target uses for its values, as ids of the census's strings: keys of dicts, which
 * are nearly always the same few strings, are each read once.
 */
#ifndef MEMPROBE_CENSUS_NAMES_H
#define MEMPROBE_CENSUS_NAMES_H

#include "census_reader.h"
#include "hash_table.h"
#include "string_pool.h"

#define CENSUS_NO_NAME 0 /* the pool's empty string */

struct census_names {
	struct census_reader *reader; /* borrowed, as are the strings */
	struct string_pool *strings;
	struct hash_table ids; /* by address of the str */
};

void census_names_init(struct census_names *names, struct census_reader *reader,
		       struct string_pool *strings);
void census_names_clear(struct census_names *names);

/* The id of a str's text; CENSUS_NO_NAME where it is none, is too long, or there are too many. */
uint32_t census_names_of(struct census_names *names, uint64_t string);

/* "first<between>second" as one name. */
uint32_t census_names_join(struct census_names *names, uint32_t first, const char *between,
			   uint32_t second);

#endif
