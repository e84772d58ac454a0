/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who held the memory at the highest moment, in a few rows that no minimum hides.
 */
#ifndef MEMPROBE_REPORT_HELD_H
#define MEMPROBE_REPORT_HELD_H

#include "report.h"

/* Nothing of a process whose owners were not followed. The rows' sum is the peak. */
void report_held_write(const struct report *report, const struct calltree *tree, struct sink *sink);

#endif
