/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small Python in made-up memory, laid out as any version from 3.6 to 3.15: types, objects of all
 * kinds that refer to each other, a module, and the collector's lists. To be counted, and damaged.
 */
#ifndef MEMPROBE_CENSUS_FIXTURE_H
#define MEMPROBE_CENSUS_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "census_target.h"

#define CENSUS_FIXTURE_BASE 0x7f0000000000ULL
#define CENSUS_FIXTURE_BYTES (64U << 12)
#define CENSUS_FIXTURE_LAST_PAGE (CENSUS_FIXTURE_BASE + CENSUS_FIXTURE_BYTES - 4096)
#define CENSUS_FIXTURE_FIRST_MINOR 6
#define CENSUS_FIXTURE_NR_VERSIONS 10

/* What each instance that is tracked holds once. */
#define CENSUS_FIXTURE_LISTS 20
#define CENSUS_FIXTURE_ITEMS 3

struct census_fixture {
	uint8_t bytes[CENSUS_FIXTURE_BYTES];
	size_t used;
	size_t nr_reads;
	bool is_last_absent; /* the last page is not resident, and reading it says `absent` */
	int absent;
	struct census_target target;
	uint64_t types[16]; /* by enum census_fixture_type */
	uint64_t generations;
	uint64_t last; /* tracked object */
	uint64_t module_dict;
	unsigned int minor;
	uint64_t random;
};

enum census_fixture_type {
	FIXTURE_TYPE,
	FIXTURE_STR,
	FIXTURE_INT,
	FIXTURE_LIST,
	FIXTURE_TUPLE,
	FIXTURE_DICT,
	FIXTURE_SET,
	FIXTURE_DEQUE,
	FIXTURE_MODULE,
	FIXTURE_GENERATOR,
	FIXTURE_FRAME,
	FIXTURE_ORDERED_DICT,
	FIXTURE_WEAKREF,
	FIXTURE_NDARRAY,
	FIXTURE_FLOAT,
	FIXTURE_INSTANCE, /* of a heap type */
	FIXTURE_NR_TYPES
};

/* CENSUS_FIXTURE_LISTS lists of CENSUS_FIXTURE_ITEMS ints each, held by `fixture.held`, and, when
 * `seed` is not 0, objects of all kinds with references that the seed chooses. */
void census_fixture_init(struct census_fixture *fixture, unsigned int minor, uint64_t seed);
void census_fixture_clear(struct census_fixture *fixture);

void census_fixture_put(struct census_fixture *fixture, uint64_t address, uint64_t value);

#endif
