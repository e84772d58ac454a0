/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Censuses of the Python objects of processes that run (--objects): at a snapshot, and at the end
 * of a capture that ends before they do.
 */
#ifndef MEMPROBE_CENSUSES_H
#define MEMPROBE_CENSUSES_H

#include "capture_base.h"
#include "flush_listener.h"

struct censuses {
	const struct capture_base *base;
	bool is_wanted, is_frozen; /* --objects, --freeze */
};

#define CENSUSES_MOST_NS 20000000000ULL /* for all of them */

struct census_turn {
	uint32_t process;
	uint64_t budget_ns;
	uint64_t stopped_ns; /* CLOCK_MONOTONIC since when it stands already; 0: it does not */
};

void censuses_take_one(const struct censuses *censuses, const struct census_turn *turn);
/* Takes those of all that run, for some seconds at most: the largest first. */
void censuses_take(const struct censuses *censuses);

/* Before the dump is written. */
struct flush_listener censuses_hear_flush(struct censuses *censuses);

#endif
