/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that go on while the profile is written: at its end, and in a dump in between. */
#ifndef MEMPROBE_SNAPSHOT_H
#define MEMPROBE_SNAPSHOT_H

#include <stdbool.h>

#include "capture_base.h"
#include "censuses.h"
#include "flush_listener.h"
#include "output.h"

struct snapshot {
	const struct capture_base *base;
	const struct censuses *censuses;
	bool is_split; /* by line or object: frames then tell no path */
};

/* Writes the profile as it is after a flush to a dump of its own. */
void snapshot_write(const struct snapshot *snapshot, const struct output *output);
/* At the end of a capture they are counted for good. */
struct flush_listener snapshot_hear_flush(struct snapshot *snapshot);

#endif
