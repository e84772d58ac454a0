/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line on the terminal that tells how a capture goes.
 */
#ifndef MEMPROBE_PROGRESS_H
#define MEMPROBE_PROGRESS_H

#include <stdbool.h>

#include "drain.h"
#include "flush_listener.h"

/* Is standard error a terminal that can take a line back, and not asked to be quiet? */
bool progress_is_wanted(void);

/* `last_*` were those of the last line. */
struct progress {
	struct drain *drain; /* which has counted the events; borrowed */
	uint64_t last_events, last_ns;
};

/* The line at each flush; `now_ns` after the capture's start. */
struct flush_listener progress_hear_flush(struct progress *progress);

#endif
