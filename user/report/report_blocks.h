/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report for people: a block a process with rows to show, what the others lost and how high they
 * were, then all processes at a glance. Where no process has rows, the highest has a block all the
 * same: no report is without a balance. Everything that a target named is escaped.
 */
#ifndef MEMPROBE_REPORT_BLOCKS_H
#define MEMPROBE_REPORT_BLOCKS_H

#include "report.h"

/* The rows are those of the report's format. */
void report_blocks_write(const struct report *report, struct sink *sink);

#endif
