/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What grew between two moments of a run. A dump tells of its beginning, where nothing had grown,
 * and of its end; snapshots of the run (SIGUSR1), which lie beside it as FILE.N, of the moments at
 * which they were made.
 */
#ifndef MEMPROBE_DUMP_MOMENTS_H
#define MEMPROBE_DUMP_MOMENTS_H

#include "options.h"
#include "profile.h"

/* Seconds of the run; what is not given is its beginning, its end. */
struct moment_range {
	struct option_decimal from, to;
};

/* Does the order of both make sense? -EINVAL after printing why not. */
int dump_moments_check(const struct moment_range *range);

/*
 * Of the run that wrote `path`. *ret_is_difference tells whether there is something to take off at
 * the beginning. A moment that nothing tells of is refused. -errno after printing.
 */
int dump_moments_read(const char *path, const struct moment_range *range,
		      struct profile **ret_profile, bool *ret_is_difference);

#endif
