/* SPDX-License-Identifier: BSD-2-Clause */
/* How the rows of a group's tree (profile_group.h) spread over its members. */
#ifndef MEMPROBE_REPORT_SPREAD_H
#define MEMPROBE_REPORT_SPREAD_H

#include "report.h"

/* Of one row's total, in the tree's metric. */
struct spread {
	int64_t least, median, most;
};

/* By row of a tree that was just made, of those that `rows` shows (calltree_rows); NULL: the
 * process is no group, or there is too much of it. The caller frees it. */
struct spread *report_spreads(const struct report *report, const struct calltree *tree,
			      const uint8_t *rows);

#endif
