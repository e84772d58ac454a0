/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports of a profile. One file a format; a format is a const struct and a line in
 * report_formats.c.
 */
#ifndef MEMPROBE_REPORT_H
#define MEMPROBE_REPORT_H

#include "calltree.h"
#include "calltree_view.h"
#include "label.h"
#include "profile_group.h"
#include "sink.h"
#include "source_line.h"

/* Where the text of source lines comes from: reports open no files. */
struct report_sources {
	void *context;
	/* Fills in what there is of a file that a process named, `lines` in ascending order. */
	void (*read)(void *context, uint32_t process, const char *path, struct source_line *lines,
		     size_t count);
};

/* What a user may ask of any format. */
struct report_options {
	struct tree_options tree;
	struct tree_view view;
	bool has_metric; /* the user chose tree.metric */
	bool has_min;	 /* else the format's own minimum counts */
	int64_t minimum; /* of the tree's metric: bytes or calls */
	bool leaks;	 /* only paths that kept growing (profile_leaks.h) */
	bool full_paths;
	const char *directory; /* files below it are written as seen from there; NULL: in full */
	bool full;	       /* a row for every frame, in reports for people too */
	bool by_process;       /* each process by itself, in reports for people too */
	const uint32_t *pids;  /* only these processes, borrowed */
	size_t nr_pids;	       /* 0: all */
	const struct report_sources *sources; /* NULL: lines have no text; borrowed */
};

/* What whoever asked for the report should know of it. */
struct report_remarks {
	uint32_t nesting;  /* how deep its brackets nest, 0 where a format has none */
	uint64_t nr_cut;   /* names that were too long for it */
	int64_t negative;  /* what rows have released more than grown, where a format cannot say it
			    */
	bool lacks_metric; /* that the user chose: the format has no column of it */
};

struct report;

/* The rows of one process in a report for people. */
typedef void (*report_rows)(const struct report *report, const struct calltree *tree,
			    struct sink *sink);

/* What a format is given: all borrowed. */
struct report {
	report_rows write_rows;		/* of a format for people */
	const struct profile *profile;	/* with groups (profile_group.h) in reports for people */
	const struct profile *original; /* without */
	const struct profile_groups *groups; /* NULL: there is none */
	const struct report_options *options;
	const bool *only; /* by node of `profile`: what counts (struct tree_options) */
	const struct tree_source *source;
	struct tree_viewer *viewer; /* NULL: trees are shown as they are */
	struct label_style labels;
	bool is_by_peak; /* a difference of what was held at the highest moments */
	bool has_min;	 /* only rows with more than the minimum */
	int64_t minimum;
	struct report_remarks *remarks;
};

struct reporter {
	const char *name;
	bool has_min; /* without the user's word: rows above 1 MB, or with more than 1 call */
	report_rows write_rows;
	bool folds; /* without the user's word, frames that say little stand in one row */
	bool (*is_missing)(void); /* NULL: every build has it */
	/* Errors stay in the sink. */
	void (*write)(const struct report *report, struct sink *sink);
};

extern const struct reporter report_tree, report_table, report_json, report_jsonl, report_csv,
	report_collapsed, report_speedscope, report_pprof, report_html;

/* Names of formats; NULL behind the last. */
const char *report_format(size_t index);
/* NULL when there is no format of that name. */
const struct reporter *report_find(const char *name);

struct report_remarks report_write(const struct reporter *reporter, const struct profile *profile,
				   const struct report_options *options, struct sink *sink);

/* No byte of a text grows to more than this by escaping: C0 controls become \xNN. */
#define REPORT_ESCAPED_BYTES 4

/* How much of a text is printable ASCII from its beginning on: most names are as a whole. */
size_t report_plain_length(const char *text);
/* Writes text that comes from a target, made inert for a terminal. */
void report_escaped(struct sink *sink, const char *text);
/* The same in so many columns, its middle left out where it takes more. */
void report_shortened(struct sink *sink, const char *text, size_t columns);
/* Is the row's code the program's own, rather than of an installation? */
bool report_is_own(const struct calltree *tree, const struct tree_node *node);
/* May processes that do the same be summed up? Not what is chosen by process or by path of one. */
bool report_may_group(const struct report_options *options);
/* Where sources are asked for what a process named: its number without groups, its first member's.
 */
uint32_t report_origin(const struct report *report, uint32_t process);
/* The other way: what a process of `original` is part of in `profile`. */
uint32_t report_group(const struct report *report, uint32_t original);
/* The tree of a process; the caller frees it. Without the user's word it is of what was held at the
 * highest moment where the process was killed, most likely for that; in a difference all are, where
 * one of either side was killed. */
struct calltree *report_tree_of(const struct report *report, uint32_t process);
/* The same in two steps: before filters and roll-ups, and what they make of it, which is then all
 * that there is to free. */
struct calltree *report_whole_tree_of(const struct report *report, uint32_t process);
struct calltree *report_view(const struct report *report, struct calltree *tree);
/* By a metric, as the user wants to see it. */
struct calltree *report_view_of(const struct report *report, uint32_t process,
				enum tree_metric metric);
/* Is the process, of those without groups, one of those asked for? With a choice there are none. */
bool report_includes(const struct report *report, uint32_t process);
/* The highest of those of `profile` (the report's, or its original) that the report includes,
 * NO_PROCESS without one, and how many they are. */
uint32_t report_highest(const struct report *report, const struct profile *profile,
			size_t *ret_count);
/* Why calls were not counted, or are bounds; empty where nothing is to be said. */
const char *report_calls_reason(const struct profile *profile, const struct process *process);
/* Is there a process of that pid? */
bool report_has_pid(const struct profile *profile, uint32_t pid);

/* The books of a process, in bytes: start + growth = end, unexplained = kernel_end - end. */
struct report_balance {
	int64_t start, growth, end, kernel_end, unexplained;
};

struct report_balance report_balance(const struct calltree *tree);

#endif
