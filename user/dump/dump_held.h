/* SPDX-License-Identifier: BSD-2-Clause */
/* What a node holds, as values that are mostly 0; of the encoder and the decoder. */
#ifndef MEMPROBE_DUMP_HELD_H
#define MEMPROBE_DUMP_HELD_H

#include "dump_format.h"
#include "profile.h"

/* In pages. By kind of memory: first live, then peak_more, final_more. */
enum dump_held_value {
	HELD_LIVE = 0, /* less what is expected */
	HELD_PEAK_MORE = NR_KINDS,
	HELD_FINAL_MORE = 2 * NR_KINDS,
	HELD_UNSHARED = 3 * NR_KINDS,
	HELD_MAPPED,
	NR_HELD_VALUES,
};

/* Most paths release what they have taken, and nothing of others: they hold their growth. */
static inline int64_t dump_expected_live(const struct cost *cost, int kind)
{
	return cost_growth_of(cost, (enum wire_kind)kind) / DUMP_PAGE_BYTES;
}

#endif
