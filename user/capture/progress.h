/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line on the terminal that tells how a capture goes.
 */
#ifndef MEMPROBE_PROGRESS_H
#define MEMPROBE_PROGRESS_H

#include <stdbool.h>

#include "profile.h"

/* Is standard error a terminal that can take a line back, and not asked to be quiet? */
bool progress_is_wanted(void);

/* `events` since the capture's start, `now_ns` after it; `last_*` were those of the last line. */
struct progress {
	uint64_t last_events, last_ns;
};

void progress_show(struct progress *progress, const struct profile *profile, uint64_t events,
		   uint64_t now_ns);

#endif
