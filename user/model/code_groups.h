/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions put together: which of a profile's sites are one row of a report. Each group has the
 * number of one of its sites, the lowest.
 */
#ifndef MEMPROBE_CODE_GROUPS_H
#define MEMPROBE_CODE_GROUPS_H

#include "profile.h"

enum tree_by {
	TREE_BY_PATH,
	TREE_BY_PACKAGE,
	TREE_BY_MODULE,
	TREE_BY_FILE,
	TREE_BY_LINE,
	TREE_BY_TASK, /* no groups of functions: calltree_tasks.c */
};

/* Names in the order of enum tree_by; NULL behind the last. */
const char *code_groups_by(size_t by);

/* Owns its arrays and names. */
struct code_groups {
	enum tree_by by;
	uint32_t *sites;  /* by site: the one that its group is named by */
	bool *is_callers; /* by site: it belongs to its caller's group: compiled from a text to its
			   * package, what is no Python to its package, module and line */
	uint32_t *names;  /* by site: in the pool */
	struct string_pool pool;
};

/* One of each program that the captures of a profile are of, for its files are named as seen from
 * its folder. Owns everything. */
struct code_grouping {
	struct code_groups *groups; /* by program; zeroed: of none */
	size_t count;
	uint32_t *by_capture; /* the program */
};

struct code_grouping *code_grouping_new(const struct profile *profile, enum tree_by by);
void code_grouping_free(struct code_grouping *grouping);
/* Which program a process is of. */
uint32_t code_grouping_program(const struct code_grouping *grouping, const struct process *process);

/* Of a package or a module. */
const char *code_groups_name(const struct code_groups *groups, uint32_t site);

#endif
