/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as stacks of numbered frames, for formats that name each frame once (speedscope, pprof). A
 * frame is a function, or a line of one; rows that are no Python are frames by their labels.
 */
#ifndef MEMPROBE_REPORT_STACKS_H
#define MEMPROBE_REPORT_STACKS_H

#include "report_export.h"

/* Its names are as the target gave them. */
struct report_frame {
	const char *name;     /* for people: a module's with its file; in the table's pool */
	const char *function; /* by itself; "": it has none */
	const char *file;     /* "": it has none */
	int32_t line, at;     /* of the function; that is executed, 0: any */
	bool has_line;
};

/* Owns its frames and the pool; the rest is the profile's. */
struct report_frames {
	const struct report *report;
	struct report_frame *frames;
	size_t count, capacity;
	uint32_t *by_site;	   /* frame + 1, 0: none yet */
	struct hash_table by_name; /* string of the pool to frame */
	struct string_pool names;
};

void report_frames_init(struct report_frames *ret, const struct report *report);
void report_frames_free(struct report_frames *frames);

/* What a path has by itself. */
struct report_stack {
	const struct calltree *tree;
	uint32_t node;		/* whose row the stack ends with */
	const uint32_t *frames; /* from the root on */
	uint32_t nr_frames;
	const int64_t *values; /* of each metric; one of them at least is not 0 */
};

typedef void (*report_stack_write)(void *context, const struct report_stack *stack);

/* What of a tree is wanted, and who is told. */
struct report_stack_request {
	const enum tree_metric *metrics;
	size_t nr_metrics;
	report_stack_write write;
	void *context;
};

/* Each path of the tree that has something; what is deeper than REPORT_STACK_DEPTH counts for its
 * last row that is not. */
void report_stacks(struct report_frames *frames, const struct calltree *tree,
		   const struct report_stack_request *request);

/* The metrics of stacks that were followed: the one that the user chose alone, when `is_single`, or
 * else first; then those that every format of stacks has. Returns how many. */
size_t report_stack_metrics(const struct report *report, bool is_single,
			    enum tree_metric ret[NR_METRICS]);

#endif
