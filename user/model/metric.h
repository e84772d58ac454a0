/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be counted of a row: the one table from which options, help and completion, reports and
 * JSON know it. Another metric is one more of struct cost's amounts and one more row here.
 */
#ifndef MEMPROBE_METRIC_H
#define MEMPROBE_METRIC_H

#include "amounts.h"

/* In the order of JSON's fields. */
enum tree_metric {
	METRIC_GROWTH,
	METRIC_GROWN,
	METRIC_RELEASED,
	METRIC_ANON,
	METRIC_FILE,
	METRIC_SHMEM,
	METRIC_PEAK,
	METRIC_LIVE,
	METRIC_MAPPED,
	METRIC_UNSHARED,
	METRIC_ALLOCATED,
	METRIC_CALLS,
	NR_METRICS,
};

/* What must have been followed in a process for the metric to be known. */
enum metric_need { NEEDS_NOTHING, NEEDS_OWNERS, NEEDS_MAPPED, NEEDS_UNSHARED, NEEDS_ALLOCS };

/* A minimum is in MB or a number. */
enum metric_unit { UNIT_BYTES, UNIT_COUNT };

struct metric {
	const char *name;  /* of --metric, and of a cost's field in JSON */
	const char *title; /* for people; NULL: it cannot be asked for and stands in JSON only */
	enum metric_unit unit;
	enum metric_need need;
	enum tree_metric bytes; /* of UNIT_COUNT: whose MB stand in the rows */
	bool is_signed;		/* else a row has at least what each row below it has */
	bool counts_opening;	/* what was there at the opening is shown in rows of its own */
	/* NULL: no cost has it. That of calls is in the nodes. */
	int64_t (*amount)(const struct cost *cost);
	/* What the amount is the sum of (rss_of); NULL: it is not known by kind. */
	const int64_t *(*by_kind)(const struct cost *cost);
};

extern const struct metric metrics[NR_METRICS];

/* Names of those that can be asked for; NULL behind the last. */
const char *metric_choice(size_t index);
/* The one of them with this name; -ENOENT. */
int metric_find(const char *name);
/* The metric whose MB stand in the rows: itself, unless it is a number. */
enum tree_metric metric_of_bytes(enum tree_metric metric);

#endif
