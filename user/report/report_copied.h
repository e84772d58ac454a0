/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who had shared pages copied after a fork: no row of the tree says it, for RSS does not change. So
 * a process with such copies has a few lines for them below its rows.
 */
#ifndef MEMPROBE_REPORT_COPIED_H
#define MEMPROBE_REPORT_COPIED_H

#include "report.h"

/* Is it told of the process, and is one of its paths above the minimum? Of its tree without
 * filters, as they are told. */
bool report_copied_has_path_above(const struct calltree *tree, int64_t minimum);
/* Nothing where there is not. */
void report_copied_write(const struct report *report, const struct calltree *tree,
			 struct sink *sink);

#endif
