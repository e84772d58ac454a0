/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changed from one census of a process to a later one: how leaks of small objects are found.
 * Types are matched by module and name, rows of the tree of holders by their way from the root. A
 * row that only one of the two has was too small for a row in the other, or not there.
 */
#ifndef MEMPROBE_CENSUS_DIFF_H
#define MEMPROBE_CENSUS_DIFF_H

#include "census.h"

/* Of bytes with buffers. */
struct census_change {
	const char *module, *name;    /* module "" for a holder, whose name is its way */
	enum census_holder_kind kind; /* of the holder, or of its root where it is below one */
	int64_t objects, bytes;
	uint64_t bytes_after;
};

/* Owns its arrays and its names. */
struct census_diff {
	struct census_change *types, *holders; /* what grew most first */
	size_t nr_types, nr_holders;
	int64_t objects, bytes;
	uint64_t elapsed_ns;
	bool is_bound; /* one of them was cut short */
	struct string_pool names;
};

/* Neither may have been refused. Only what changed is in it. */
void census_diff_make(const struct census *before, const struct census *after,
		      struct census_diff *ret);
void census_diff_free(struct census_diff *diff);

/* The way of a row from its root, `flaskapp.CACHE > list > str`; owned by the caller. */
char *census_holder_path(const struct census *census, uint32_t holder);
/* A row's own part of it. */
const char *census_holder_name(const struct census *census, uint32_t holder);

#endif
