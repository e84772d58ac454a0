/* SPDX-License-Identifier: BSD-2-Clause */
/* A metric, or rows, that a run does not have; see report_needs.h. */
#include "report_needs.h"

#include <errno.h>

#include "calltree.h"
#include "code_groups.h"
#include "log.h"

static const char *hint_of(enum metric_need need)
{
	switch (need) {
	case NEEDS_UNSHARED:
		return "it is from the first fork of a process on, or with --cow";
	case NEEDS_ALLOCS:
		return "it is with --allocs, on kernels from 6.6 on";
	default:
		return "it is without --no-owners, on kernels from 6.2 on";
	}
}

/* ---- Before the run ---- */

static int check_kernel(const struct report_run_kind *run, enum tree_metric metric)
{
	if (run->can_follow_owners())
		return 0;
	log_error("cannot show '%s': this kernel cannot tell who owns pages", metrics[metric].name);
	log_hint("Linux 6.2 or later is needed; --metric=growth is measured all the same");
	return -ENOSYS;
}

int report_needs_metric_of(const struct report_run_kind *run, enum tree_metric metric)
{
	enum metric_need need = metrics[metric].need;
	bool is_of_blocks = need == NEEDS_ALLOCS;

	if (need == NEEDS_NOTHING)
		return 0;
	if (is_of_blocks ? run->has_allocs : run->has_owners)
		return is_of_blocks ? 0 : check_kernel(run, metric);
	log_error("cannot show '%s': it would not be followed in this run", metrics[metric].name);
	log_hint("%s", hint_of(need == NEEDS_UNSHARED ? NEEDS_OWNERS : need));
	return -ENOTSUP;
}

int report_needs_rows_of(const struct report_run_kind *run, uint32_t by)
{
	if (by != TREE_BY_LINE || run->has_lines)
		return 0;
	log_error("cannot show '--by=line': lines would not be followed in this run");
	log_hint("they are with --lines");
	return -ENOTSUP;
}

/* ---- After it ---- */

static bool is_followed(const struct profile *profile, enum tree_metric metric)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (calltree_has_metric(&profile->processes[i], metric))
			return true;
	}
	return !profile->nr_processes;
}

int report_needs_metric(const struct profile *profile, enum tree_metric metric)
{
	enum metric_need need = metrics[metric].need;
	bool is_of_forks = need == NEEDS_UNSHARED && is_followed(profile, METRIC_LIVE);

	if (is_followed(profile, metric))
		return 0;
	log_error("cannot show '%s': it was not followed in this run", metrics[metric].name);
	log_hint("%s", hint_of(need == NEEDS_UNSHARED && !is_of_forks ? NEEDS_OWNERS : need));
	return is_of_forks ? -ENODATA : -ENOTSUP;
}

static bool has_lines(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_sites; i++) {
		if (profile->sites[i].at)
			return true;
	}
	return !profile->nr_sites;
}

static bool has_coroutines(const struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_sites; i++) {
		if (profile->sites[i].is_coroutine)
			return true;
	}
	return false;
}

int report_needs_rows(const struct profile *profile, uint32_t by)
{
	if (by == TREE_BY_TASK && !has_coroutines(profile)) {
		log_error("cannot show '--by=task': no coroutine was seen in this run");
		log_hint("--by=path shows functions, --by=package packages; a dump from before "
			 "--by=task tells no coroutines");
		return -ENODATA;
	}
	if (by != TREE_BY_LINE || has_lines(profile))
		return 0;
	log_error("cannot show '--by=line': lines were not followed in this run");
	log_hint("they are with --lines");
	return -ENOTSUP;
}
