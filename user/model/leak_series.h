/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node's history as a series over its process's life, and what the last third of it tells: does
 * it rise, does it fall, and by how much in either half.
 */
#ifndef MEMPROBE_LEAK_SERIES_H
#define MEMPROBE_LEAK_SERIES_H

#include "profile_history.h"

struct leak_series {
	struct node_history history; /* brought up to the end */
	int64_t live;		     /* what it holds, or has allocated, in the end */
	uint64_t end_ns;
	/* Slots of the process's life. The last is left out when little of it has passed: a low of
	 * a moment is none. */
	uint32_t first, third, last;
};

/* Bytes in each half of the last third. Of many nodes a sum may be more than 64 bits have. */
struct leak_halves {
	double of[2];
};

/* Of HISTORY_LIVE or HISTORY_ALLOCATED. False: of a process of less than 6 slots nobody can tell.
 */
bool leak_series_read(const struct profile *profile, const struct node_history *history,
		      struct leak_series *ret);
/* In each slot of the last third its least was more than any least before: a cache that is emptied
 * now and then, or a temporary, only comes back to what it was. */
bool leak_series_rises(const struct leak_series *series);
/* What rises by steps that may last longer than a slot, as what a list or a bytearray asks for: an
 * eighth more each time. */
bool leak_series_climbs(const struct leak_series *series);
/* It gave back, and at no time took more. */
bool leak_series_falls(const struct leak_series *series);

/* Of what rises: the low of a slot is what it held when the slot began. */
struct leak_halves leak_series_risen(const struct leak_series *series);
/* Of what falls: the low of a slot is what it held when the slot ended. */
struct leak_halves leak_series_fallen(const struct leak_series *series);
/* The same of what need not rise all the time: how much its least rose, 0 if it did not. */
struct leak_halves leak_series_least_risen(const struct leak_series *series);

#endif
