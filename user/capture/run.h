/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One capture from start to end: checks, load, attach, run or adopt, drain, flush, close.
 * Prints its own errors and notes (one of the two logging parts, see log.h).
 */
#ifndef MEMPROBE_RUN_H
#define MEMPROBE_RUN_H

#include "capture_options.h"

struct profile;

/*
 * Returns 0 when something was captured: *ret_profile (owned by the caller) is what the dump
 * holds, *ret_status the exit status that memprobe should end with. Otherwise an error has been
 * printed and the return value is the exit status (125, 126, 127).
 * After the second SIGTERM or third SIGINT the profile is given back all the same, with
 * *ret_is_hasty set: leave without a report.
 */
int capture_run(const struct capture_options *options, struct profile **ret_profile,
		int *ret_status, bool *ret_is_hasty);

/* Where the dump of the capture before can be read, NULL: it went to a stream or failed. Until
 * capture_finish. */
const char *capture_dump_path(void);

/* The report is out: frees what capture_run kept alive (probes detach last, because it is slow). */
void capture_finish(void);

#endif
