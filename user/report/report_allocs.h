/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who keeps blocks of an allocator in the end, beside what the same path was the first to touch:
 * where an allocator gives out memory again these are different paths, and the second is the one
 * that the rows of a report name.
 */
#ifndef MEMPROBE_REPORT_ALLOCS_H
#define MEMPROBE_REPORT_ALLOCS_H

#include "report.h"

/* Behind "blocks": which of them are told of, where smaller ones were not followed. */
void report_least_block(const struct report *report, struct sink *sink);
/* Nothing of a process whose allocations were not followed. */
void report_allocs_write(const struct report *report, const struct calltree *tree,
			 struct sink *sink);

#endif
