/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a capture is over because nobody is left whom it follows. */
#ifndef MEMPROBE_END_WATCH_H
#define MEMPROBE_END_WATCH_H

#include <stdbool.h>

#include "capture_base.h"
#include "flush_listener.h"

struct end_watch {
	const struct capture_base *base;
	bool is_possible;     /* a process has ended since the last look */
	uint64_t last_end_ns; /* since when nobody is left, 0: somebody is */
};

/* A process has ended of which no record tells. */
void end_watch_expect(struct end_watch *watch);
/* True when no process is left and their address spaces have been torn down. */
bool end_watch_look(struct end_watch *watch);

/* What it hears of the drain, and of flushes. */
struct drain_listener end_watch_hear_drain(struct end_watch *watch);
struct flush_listener end_watch_hear_flush(struct end_watch *watch);

#endif
