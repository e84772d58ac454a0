/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small imports as one row: of real programs they are most of the rows. Modules that the same row
 * imports and of which each, with all that it imports in turn, moved less than 5 % of the process's
 * peak stand together.
 */
#ifndef MEMPROBE_REPORT_IMPORTS_H
#define MEMPROBE_REPORT_IMPORTS_H

#include "report.h"

struct import_group {
	uint32_t first; /* the row that the group stands at; NO_NODE: the row is in no group */
	uint32_t nr_modules;
	int64_t bytes;
};

/* By row; bytes and modules of a group stand with its first row. The caller frees it. */
struct import_group *report_imports(const struct calltree *tree);

#endif
