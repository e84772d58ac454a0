/* SPDX-License-Identifier: BSD-2-Clause */
/* The report at the end of a capture, on stderr or in the file of --out; what it prints is for the
 * user who waits for the command. */
#ifndef MEMPROBE_RECORD_REPORT_H
#define MEMPROBE_RECORD_REPORT_H

#include <stdbool.h>

#include "profile.h"
#include "report_run.h"

/* Borrows all. */
struct record_report {
	const struct report_settings *settings;
	const char *dump; /* of -o, with places to fill; NULL: not given */
	bool force, keep_root;
};

/* EXIT_USAGE after printing: one output would replace the other, or stand in its middle. */
int record_report_check_names(const struct record_report *report);

/* Prints why the report could not be written, as far as it can be known before the command runs.
 * -errno. */
int record_report_check(const struct record_report *report);

/* Then says where the dump is. The status: of the command, unless the report could not be written;
 * that there was nothing for it is no failure of ours. */
int record_report_write(const struct record_report *report, const struct profile *profile,
			int status);

#endif
