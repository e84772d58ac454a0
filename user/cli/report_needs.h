/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a report shows that not every run has: refused before the run where its options tell, else
 * when the report is made. All print why.
 */
#ifndef MEMPROBE_REPORT_NEEDS_H
#define MEMPROBE_REPORT_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "metric.h"
#include "profile.h"

/* What a run to come follows, by its options. */
struct report_run_kind {
	bool has_owners, has_allocs, has_lines;
	/* Does the kernel tell who owns pages? Asked where it matters only, for it takes a while.
	 */
	bool (*can_follow_owners)(void);
};

/* -ENOTSUP: it would have none of that. -ENOSYS: on another kernel it would. */
int report_needs_metric_of(const struct report_run_kind *run, enum tree_metric metric);
int report_needs_rows_of(const struct report_run_kind *run, uint32_t by);

/* -ENOTSUP: it was not followed. -ENODATA: nothing of that kind has happened, which no option of
 * the run foretells. */
int report_needs_metric(const struct profile *profile, enum tree_metric metric);
int report_needs_rows(const struct profile *profile, uint32_t by);

#endif
