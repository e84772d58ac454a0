/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options that say how a report looks and where it goes, alike for every command that makes
 * one; and making it.
 */
#ifndef MEMPROBE_REPORT_RUN_H
#define MEMPROBE_REPORT_RUN_H

#include "options.h"
#include "profile.h"
#include "report.h"
#include "report_needs.h"

/* As the user gave them; words are borrowed from argv. */
struct report_settings {
	struct option_decimal min;
	const char *format, *metric, *color, *by;
	const char *sort;     /* NULL: not given */
	const char *out;      /* NULL: the descriptor that the command gives; with places to fill */
	const char *dumps[2]; /* what the report is made of, which --out does not replace */
	const char *threads;  /* only these, parted by commas; NULL: all */
	const char *focus, *ignore; /* regular expressions, NULL: none */
	uint32_t kinds, depth;	    /* as struct tree_view */
	bool full, full_paths, import_frames, leaks, invert, imports;
	bool is_largest_first; /* without --sort, in formats for people */
	bool is_difference;    /* of two profiles: rows without one are left out */
};

#define NR_REPORT_OPTIONS 17
extern const struct option_spec report_run_specs[NR_REPORT_OPTIONS];

void report_run_defaults(struct report_settings *ret);

/* Prints why --out cannot be written, as far as that can be known before. In its name %p stands for
 * the first process, %h and %t for where and when the capture began (name_pattern.h). */
int report_run_check(const struct report_settings *settings, bool force);

/* The same where a report without --out goes to a file descriptor. */
int report_run_check_on(const struct report_settings *settings, int fd);

/* Prints why this output cannot be written. Returns the error. */
int report_run_refuse_output(const char *name, int error);

/* Prints what of these settings a run of this kind could not show; -ENOSYS: on this kernel. */
int report_run_check_run(const struct report_settings *settings, const struct report_run_kind *run);

struct report_target {
	int fd;		  /* where the report goes without --out */
	const char *name; /* of that, for messages */
	bool force;
	bool is_beside; /* what is written there is no part of the command's work */
	const struct report_sources *sources; /* of the text of lines */
};

/* Only the processes of `pids`, all when there are none. -errno after printing; -EPIPE without:
 * whoever read has seen enough, or what stands beside could not be written. -ENODATA: the run had
 * nothing of what is to be shown. */
int report_run(const struct profile *profile, const struct report_settings *settings,
	       const struct option_pids *pids, const struct report_target *target);

#endif
