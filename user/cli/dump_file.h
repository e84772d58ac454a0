/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading dumps that a user names, and reporting what was read. */
#ifndef MEMPROBE_DUMP_FILE_H
#define MEMPROBE_DUMP_FILE_H

#include "report_run.h"

/* Prints why a dump cannot be read, and that one is incomplete. "-" is standard input; what comes
 * through a pipe is waited for. 0 or -errno; the caller owns *ret_profile. */
int dump_file_read(const char *path, struct profile **ret_profile);

/* Says so where both have followed blocks of an allocator, but not from the same size on. */
void dump_file_compare_allocs(const struct profile *first, const struct profile *second,
			      const char *second_path);

/* Says so where one has rows of functions that are no Python, and the other has none. */
void dump_file_compare_native(const struct profile *first, const struct profile *second,
			      const char *second_path);

/* The report of it, on standard output where the settings name no file. Returns the exit status. */
int dump_file_report(const struct profile *profile, const struct report_settings *settings,
		     const struct option_pids *pids, bool force);

#endif
