/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of metrics; see metric.h. */
#include "metric.h"

#include <errno.h>
#include <string.h>

static int64_t anon_of(const struct cost *cost)
{
	return cost_growth_of(cost, KIND_ANON);
}

static int64_t file_of(const struct cost *cost)
{
	return cost_growth_of(cost, KIND_FILE);
}

static int64_t shmem_of(const struct cost *cost)
{
	return cost_growth_of(cost, KIND_SHMEM);
}

static const int64_t *grown_by_kind(const struct cost *cost)
{
	return cost->grown;
}

static const int64_t *released_by_kind(const struct cost *cost)
{
	return cost->released;
}

static const int64_t *live_by_kind(const struct cost *cost)
{
	return cost->live;
}

static const int64_t *peak_by_kind(const struct cost *cost)
{
	return cost->peak;
}

static int64_t mapped_of(const struct cost *cost)
{
	return cost->mapped;
}

static int64_t unshared_of(const struct cost *cost)
{
	return cost->unshared;
}

static int64_t allocated_of(const struct cost *cost)
{
	return cost->alloc_end;
}

const struct metric metrics[NR_METRICS] = {
	[METRIC_GROWTH] = { .name = "growth",
			    .title = "grown less released",
			    .is_signed = true,
			    .counts_opening = true,
			    .amount = cost_growth },
	[METRIC_GROWN] = { .name = "grown",
			   .title = "what became resident",
			   .amount = cost_grown,
			   .by_kind = grown_by_kind },
	[METRIC_RELEASED] = { .name = "released",
			      .title = "what ceased to be resident",
			      .amount = cost_released,
			      .by_kind = released_by_kind },
	[METRIC_ANON] = { .name = "anon", .is_signed = true, .amount = anon_of },
	[METRIC_FILE] = { .name = "file", .is_signed = true, .amount = file_of },
	[METRIC_SHMEM] = { .name = "shmem", .is_signed = true, .amount = shmem_of },
	[METRIC_PEAK] = { .name = "peak",
			  .title = "held at the highest moment of the process",
			  .need = NEEDS_OWNERS,
			  .amount = cost_peak,
			  .by_kind = peak_by_kind },
	[METRIC_LIVE] = { .name = "live",
			  .title = "held in the end, before all is freed",
			  .need = NEEDS_OWNERS,
			  .amount = cost_live,
			  .by_kind = live_by_kind },
	[METRIC_MAPPED] = { .name = "mapped",
			    .title = "address space taken less what was given back",
			    .is_signed = true,
			    .need = NEEDS_MAPPED,
			    .amount = mapped_of },
	[METRIC_UNSHARED] = { .name = "unshared",
			      .title = "copied after a fork",
			      .need = NEEDS_UNSHARED,
			      .amount = unshared_of },
	[METRIC_ALLOCATED] = { .name = "allocated",
			       .title = "allocated and not freed in the end",
			       .need = NEEDS_ALLOCS,
			       .amount = allocated_of },
	[METRIC_CALLS] = { .name = "calls",
			   .title = "calls and resumes, beside the MB of growth",
			   .unit = UNIT_COUNT,
			   .bytes = METRIC_GROWTH },
};

static bool is_choice(enum tree_metric metric)
{
	return metrics[metric].title;
}

const char *metric_choice(size_t index)
{
	for (int metric = 0; metric < NR_METRICS; metric++) {
		if (is_choice(metric) && !index--)
			return metrics[metric].name;
	}
	return NULL;
}

int metric_find(const char *name)
{
	for (int metric = 0; metric < NR_METRICS; metric++) {
		if (is_choice(metric) && !strcmp(metrics[metric].name, name))
			return metric;
	}
	return -ENOENT;
}

enum tree_metric metric_of_bytes(enum tree_metric metric)
{
	return metrics[metric].unit == UNIT_BYTES ? metric : metrics[metric].bytes;
}
