/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a flat table: one for each function, over all paths.
 */
#ifndef MEMPROBE_REPORT_TABLE_H
#define MEMPROBE_REPORT_TABLE_H

#include "report.h"

void report_table_rows(const struct report *report, const struct calltree *tree, struct sink *sink);

#endif
