/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths that took more in each part of the last third of the run and never gave back: which
 * they are, how fast they grow.
 */
#ifndef MEMPROBE_REPORT_LEAKS_H
#define MEMPROBE_REPORT_LEAKS_H

#include "report.h"

/* Those of the tree's process, which is the last that was made. */
void report_leaks_write(const struct report *report, const struct calltree *tree,
			struct sink *sink);

#endif
