/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One capture from start to end: checks, load, attach, run or adopt, drain, flush, close.
 * Prints its own errors and notes (one of the two logging parts, see log.h).
 */
#ifndef MEMPROBE_RUN_H
#define MEMPROBE_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct profile;

struct capture_options {
	char **command; /* NULL-terminated argv, or NULL with pids */
	pid_t *pids;
	size_t nr_pids;
	const char *output; /* dump, with places to fill (name_pattern.h); NULL: mem_trace.raw, with
			     * the renaming of an old one */
	bool force;	    /* replace an existing output */
	double duration_s;  /* 0: until the processes end or a signal */
	uint32_t max_nodes, max_sites, ring_mb;
	bool keep_root; /* --no-drop-root */
	bool no_children;
	uint32_t calls_mode; /* enum calls_mode */
	bool lines;	     /* split nodes by line */
	const char
		*instances; /* classes whose methods are split by object, "" for all; NULL: none */
	const char *label_attributes; /* names parted by commas */
	const char *options_text;     /* for the dump's meta: the options as given */
};

#define EXIT_FAILURE_OWN 125 /* memprobe itself failed */
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL_BASE 128

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
