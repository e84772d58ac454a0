/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be captured, and the exit statuses that are memprobe's own. */
#ifndef MEMPROBE_CAPTURE_OPTIONS_H
#define MEMPROBE_CAPTURE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct capture_options {
	char **command; /* NULL-terminated argv, or NULL with pids */
	pid_t *pids;
	size_t nr_pids;
	const char *output; /* dump, with places to fill (name_pattern.h); NULL: mem_trace.raw, with
			     * the renaming of an old one */
	bool force;	    /* replace an existing output */
	double duration_s;  /* 0: until the processes end or a signal */
	double every_s;	    /* between two snapshots, 0: they are taken at SIGUSR1 only */
	uint32_t max_nodes, max_sites, ring_mb, max_blocks, native_rows;
	bool keep_root; /* --no-drop-root */
	bool no_children;
	uint32_t calls_mode;  /* enum calls_mode */
	bool lines;	      /* split nodes by line */
	bool threads;	      /* split the tree by thread at its root */
	bool no_owners;	      /* do not follow who owns each page */
	bool allocs;	      /* follow the blocks of allocators */
	uint64_t allocs_min;  /* those of so many bytes and more */
	bool objects, freeze; /* a census at snapshots and at the end; stopped for it */
	bool submitters;      /* what a pool does hangs below who gave it its work */
	bool native;	      /* C functions below Python's */
	bool cow;	      /* follow copies of shared pages from the start */
	const char
		*instances; /* classes whose methods are split by object, "" for all; NULL: none */
	const char *label_attributes; /* names parted by commas */
	const char *options_text;     /* for the dump's meta: the options as given */
};

#define EXIT_FAILURE_OWN 125 /* memprobe itself failed */
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL_BASE 128

#endif
