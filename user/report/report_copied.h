/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who had shared pages copied after a fork: no row of the tree says it, for RSS does not change. So
 * a process with such copies has a few lines for them below its rows.
 */
#ifndef MEMPROBE_REPORT_COPIED_H
#define MEMPROBE_REPORT_COPIED_H

#include "report.h"

/* Has the process so much of it that it is told? */
bool report_copied_is_any(const struct calltree *tree);
/* Nothing where there is not. */
void report_copied_write(const struct report *report, const struct calltree *tree,
			 struct sink *sink);

#endif
