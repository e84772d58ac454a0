/* SPDX-License-Identifier: BSD-2-Clause */
/* See profile_leaks.h. */
#include "profile_leaks.h"

#include <float.h>
#include <stdlib.h>

#include "leak_exchange.h"
#include "leak_series.h"
#include "memory.h"
#include "profile_allocs.h"
#include "profile_held.h"

#define SLIGHT_PARTS 100.0 /* 1 % */
/* What grew faster than this in the mean, by the pace of the last third, is not of it. */
#define MAX_PACES 1.5

/* ---- What a history tells ---- */

/* Bytes that it would have grown by in so long, as fast as it did in the last third; without bound
 * where no time is told, as a dump may that nobody of us wrote. */
static double at_pace(const struct leak *leak, uint64_t ns)
{
	if (leak->end_ns <= leak->since_ns)
		return DBL_MAX;
	return (double)leak->grown * (double)ns / (double)(leak->end_ns - leak->since_ns);
}

/* The first slot from which on it never fell and grew about as fast as in the last third: not the
 * one in which a table was loaded, or a cache became full. */
static uint32_t find_first(const struct leak_series *series, const struct leak *leak)
{
	uint64_t width = history_width(&series->history);
	const int64_t *low = series->history.low;
	uint32_t first = series->third;

	for (uint32_t slot = series->third; slot > series->first; slot--) {
		uint64_t begin_ns = (slot - 1) * width;

		if (low[slot] < low[slot - 1])
			break;
		if (low[slot] > low[slot - 1] &&
		    (double)(leak->live - low[slot - 1]) <=
			    MAX_PACES * at_pace(leak, leak->end_ns - begin_ns))
			first = slot;
	}
	return first;
}

static void tell(const struct leak_series *series, struct leak *ret)
{
	uint64_t width = history_width(&series->history);
	const int64_t *low = series->history.low;
	uint32_t first;

	ret->node = series->history.node;
	ret->live = series->live;
	ret->grown = ret->live - low[series->third - 1];
	/* The low of what rises is what it held when the slot began. */
	ret->since_ns = (series->third - 1) * width;
	ret->end_ns = series->end_ns;
	/* A low that is higher than the one before was taken in the slot before. */
	first = find_first(series, ret);
	ret->risen = ret->live - low[first - 1];
	ret->first_ns = (first - 1) * width;
	ret->last_ns = history_lower((int64_t)((series->last + 1) * width),
				     (int64_t)series->end_ns);
}

static int compare_leaks(const void *left, const void *right)
{
	const struct leak *a = left, *b = right;

	if (a->grown != b->grown)
		return a->grown > b->grown ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

/*
 * No block knows its age, but two numbers of its path bound it. Of what is there now at most so
 * much is younger as was taken since, so that the rest is older; and at no time since can there
 * have been less than what is left of then.
 */
static void tell_age(const struct profile *profile, const struct leak_series *series,
		     struct leak *ret)
{
	const struct node_history *history = &series->history;
	const struct node_history *kept = profile_history(profile, history->node, HISTORY_TAKEN);
	int64_t taken = profile_cost(profile, history->node).alloc_taken;
	struct node_history before;

	ret->older_ns = ret->end_ns - series->third * history_width(history);
	ret->older_most = ret->live;
	for (uint32_t slot = series->third; slot <= series->last; slot++)
		ret->older_most = history_lower(ret->older_most, history->low[slot]);
	if (!kept)
		return;
	before = *kept;
	history_bring_up(&before, taken, ret->end_ns);
	if (before.doublings == history->doublings && taken >= before.low[series->third])
		ret->older_least = ret->live - (taken - before.low[series->third]);
	if (ret->older_least < 0)
		ret->older_least = 0;
	ret->older_least = history_lower(ret->older_least, ret->older_most);
}

/* As histories are only of what has held so much, so much would have to come in the whole run: a
 * full cache's path may rise by a few bytes that a library keeps for others. */
static bool is_enough(const struct leak_series *series, const struct leak *leak)
{
	uint64_t start_ns = series->first * history_width(&series->history);

	return at_pace(leak, leak->end_ns - start_ns) >= HISTORY_MIN_BYTES;
}

/* Of blocks that only climb `ret_by_steps` says so: they are a leak if their pages are. */
static bool find_leak(const struct profile *profile, const struct node_history *kept,
		      struct leak *ret, bool *ret_by_steps)
{
	struct leak_series series;
	bool is_rising;

	if (kept->kind == HISTORY_TAKEN || !leak_series_read(profile, kept, &series))
		return false;
	*ret = (struct leak){ .is_allocated = kept->kind == HISTORY_ALLOCATED };
	is_rising = leak_series_rises(&series);
	if (!is_rising && !(ret->is_allocated && leak_series_climbs(&series)))
		return false;
	*ret_by_steps = !is_rising;
	tell(&series, ret);
	if (!is_enough(&series, ret))
		return false;
	if (ret->is_allocated)
		tell_age(profile, &series, ret);
	return true;
}

/* ---- Whose heap it is ---- */

/* By node: the address space that it and those below it have taken, without the heap, which others
 * fill. The caller frees it. */
static int64_t *sum_mapped(const struct profile *profile)
{
	int64_t *mapped = xcalloc(profile->nr_nodes, sizeof(*mapped));

	for (size_t i = profile->nr_nodes; i--;) {
		const struct cost cost = profile_cost(profile, i);
		uint32_t parent = profile->nodes[i].parent;

		mapped[i] += cost.mapped - cost.heap;
		if (parent != NO_NODE)
			mapped[parent] += mapped[i];
	}
	return mapped;
}

/* Pages of files or of shared memory are in nobody's heap. */
static bool is_anonymous(const struct cost *cost)
{
	return 2 * cost->live[KIND_ANON] > cost_live(cost);
}

/* Of what it holds less than half is in mappings that it and those below it have made. */
static bool is_mapped_elsewhere(const struct profile *profile, uint32_t node, int64_t mapped)
{
	const struct process *process = &profile->processes[profile->nodes[node].process];
	const struct cost cost = profile_cost(profile, node);

	return process->has_mapped && is_anonymous(&cost) && 2 * mapped < cost_live(&cost);
}

/* It has touched twice as much as it holds: most of it went, and which part stayed an allocator
 * may have chosen. */
static bool is_mostly_given_back(const struct profile *profile, uint32_t node)
{
	const struct cost cost = profile_cost(profile, node);

	return is_anonymous(&cost) && cost.grown[KIND_ANON] > 2 * cost_live(&cost);
}

/* Blocks explain most of the pages: small Python objects are in none. */
static bool is_explained(const struct profile *profile, uint32_t node)
{
	const struct cost cost = profile_cost(profile, node);

	return 2 * cost.alloc_end >= cost_live(&cost);
}

/* What a node's histories say. */
enum { TOLD_BY_PAGES = 1, TOLD_BY_BLOCKS = 2, TOLD_BY_STEPS = 4 };

/* Leaks by node: a set of TOLD_BY_*, the caller frees it. */
static uint8_t *collect_told(const struct profile *profile, const struct leak *leaks,
			     const bool *by_steps, size_t count)
{
	uint8_t *told = xcalloc(profile->nr_nodes, sizeof(*told));

	for (size_t i = 0; i < count; i++) {
		if (!leaks[i].is_allocated)
			told[leaks[i].node] |= TOLD_BY_PAGES;
		else
			told[leaks[i].node] |= by_steps[i] ? TOLD_BY_STEPS : TOLD_BY_BLOCKS;
	}
	return told;
}

/* Pages of which blocks tell are not told again; blocks that grew by steps only where they explain
 * pages that grew all the time. */
static bool is_leak(const struct profile *profile, const struct leak *leak, uint8_t told)
{
	if (!leak->is_allocated)
		return !profile_is_free_room(profile, leak->node) &&
		       !(told & (TOLD_BY_BLOCKS | TOLD_BY_STEPS) &&
			 is_explained(profile, leak->node));
	return told & TOLD_BY_BLOCKS || (told & TOLD_BY_PAGES && is_explained(profile, leak->node));
}

/* Returns how many are left. */
static size_t judge(const struct profile *profile, struct leak *leaks, const bool *by_steps,
		    size_t count)
{
	_cleanup_(freep) uint8_t *told = NULL;
	_cleanup_(freep) int64_t *mapped = NULL;
	size_t kept = 0;

	if (!count)
		return 0;
	told = collect_told(profile, leaks, by_steps, count);
	mapped = sum_mapped(profile);
	for (size_t i = 0; i < count; i++) {
		uint32_t node = leaks[i].node;

		if (!is_leak(profile, &leaks[i], told[node]))
			continue;
		leaks[i].is_heap = !leaks[i].is_allocated &&
				   (is_mapped_elsewhere(profile, node, mapped[node]) ||
				    is_mostly_given_back(profile, node));
		leaks[kept++] = leaks[i];
	}
	return kept;
}

/* ---- All of them ---- */

/* Beside one of which it is certain whose it is. They are sorted by what they grew by. */
static void find_slight(const struct profile *profile, struct leak *leaks, size_t count)
{
	_cleanup_(freep) int64_t *most = xcalloc(profile->nr_processes, sizeof(*most));

	for (size_t i = 0; i < count; i++) {
		int64_t *of = &most[profile->nodes[leaks[i].node].process];

		if (leak_is_one(&leaks[i]) && (double)leaks[i].grown * SLIGHT_PARTS < (double)*of)
			leaks[i].beside = LEAK_SLIGHT;
		else if (leaks[i].beside == LEAK_ALONE && !leaks[i].is_heap && !*of)
			*of = leaks[i].grown;
	}
}

/* What others did meanwhile. */
static void look_beside(const struct profile *profile, uint32_t process, struct leak *leaks,
			size_t count)
{
	_cleanup_(freep) struct leak_exchange *exchange = NULL;

	if (!count)
		return;
	exchange = leak_exchange_new(profile, process);
	for (size_t i = 0; i < count; i++)
		leaks[i].beside = leak_exchange_judge(profile, exchange, &leaks[i]);
	leak_exchange_find_edges(profile, leaks, count);
	find_slight(profile, leaks, count);
}

struct leak *profile_leaks(const struct profile *profile, uint32_t process, size_t *ret_count)
{
	struct leak *leaks = xcalloc(profile->nr_histories, sizeof(*leaks));
	_cleanup_(freep) bool *by_steps = xcalloc(profile->nr_histories, sizeof(*by_steps));
	size_t count = 0;

	for (size_t i = 0; i < profile->nr_histories; i++) {
		const struct node_history *history = &profile->histories[i];

		if (process == NO_PROCESS || profile->nodes[history->node].process == process)
			count += find_leak(profile, history, &leaks[count], &by_steps[count]);
	}
	count = judge(profile, leaks, by_steps, count);
	qsort(leaks, count, sizeof(*leaks), compare_leaks);
	look_beside(profile, process, leaks, count);
	*ret_count = count;
	return leaks;
}
