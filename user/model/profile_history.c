/* SPDX-License-Identifier: BSD-2-Clause */
/* See profile_history.h. */
#include "profile_history.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "profile_held.h"

#define MIN_SLOTS 6 /* of which the last third are two */

/* ---- Keeping it ---- */

static int64_t lower(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static uint64_t width_of(const struct node_history *history)
{
	return HISTORY_SLOT_NS << history->doublings;
}

static void double_width(struct node_history *history)
{
	for (int i = 0; i < HISTORY_SLOTS / 2; i++)
		history->low[i] = lower(history->low[2 * i], history->low[2 * i + 1]);
	memset(&history->low[HISTORY_SLOTS / 2], 0, sizeof(history->low) / 2);
	history->last /= 2;
	history->doublings++;
}

/* Until `time_ns` it was `held`. Returns whether a slot more was begun. */
static bool bring_up(struct node_history *history, int64_t held, uint64_t time_ns)
{
	uint32_t last = history->last, doublings = history->doublings, slot;

	while (time_ns / width_of(history) >= HISTORY_SLOTS &&
	       history->doublings < HISTORY_MAX_DOUBLINGS) {
		/* The upper half of a pair that has not begun is no low. */
		if (!(history->last & 1))
			history->low[history->last + 1] = held;
		double_width(history);
	}
	slot = (uint32_t)(time_ns / width_of(history));
	if (slot >= HISTORY_SLOTS)
		slot = HISTORY_SLOTS - 1;
	while (history->last < slot)
		history->low[++history->last] = held;
	return history->last != last || history->doublings != doublings;
}

/* What it holds; what a runtime that finalizes frees, is not given back. */
static int64_t amount_of(const struct held *held)
{
	return rss_of(held->live) + (held->final_moment ? rss_of(held->final_more) : 0);
}

static int64_t amount_of_allocs(const struct node_allocs *allocs)
{
	return allocs->bytes + (allocs->final_moment ? allocs->final_more : 0);
}

static uint64_t key_of(uint32_t node, enum history_kind kind)
{
	return (uint64_t)kind << 32 | node;
}

struct node_history *profile_history(const struct profile *profile, uint32_t node,
				     enum history_kind kind)
{
	uint32_t index;

	return hash_table_get(&profile->history_ids, key_of(node, kind), &index)
		       ? &profile->histories[index]
		       : NULL;
}

static struct node_history *add_history(struct profile *profile, uint32_t node,
					enum history_kind kind)
{
	profile->histories = array_reserve(profile->histories, &profile->histories_capacity,
					   profile->nr_histories + 1, sizeof(*profile->histories));
	hash_table_put(&profile->history_ids, key_of(node, kind), (uint32_t)profile->nr_histories);
	profile->histories[profile->nr_histories] = (struct node_history){ .node = node,
									   .kind = kind };
	return &profile->histories[profile->nr_histories++];
}

static void mark_changed(struct profile *profile, struct node_history *history)
{
	history->has_changed = true;
	profile_note_change(profile, history->node);
}

/* From one amount to another. */
struct change {
	int64_t was, is;
	uint64_t time_ns;
};

static void note(struct profile *profile, uint32_t node, enum history_kind kind,
		 const struct change *change)
{
	struct node_history *history = profile_history(profile, node, kind);
	bool is_other;

	if (!history && change->is < HISTORY_MIN_BYTES)
		return;
	if (!history) {
		history = add_history(profile, node, kind);
		/* Nobody knows when it came to what it was. */
		bring_up(history, 0, change->time_ns);
		history->low[history->last] = lower(change->was, change->is);
		mark_changed(profile, history);
		return;
	}
	is_other = bring_up(history, change->was, change->time_ns) ||
		   change->is < history->low[history->last];
	history->low[history->last] = lower(history->low[history->last], change->is);
	if (is_other)
		mark_changed(profile, history);
}

void profile_note_history(struct profile *profile, uint32_t node, const struct held *before,
			  const struct held *after, uint64_t time_ns)
{
	const struct change change = { amount_of(before), amount_of(after), time_ns };

	note(profile, node, HISTORY_LIVE, &change);
}

void profile_note_alloc_history(struct profile *profile, const struct node_allocs *before,
				const struct node_allocs *after, uint64_t time_ns)
{
	const struct change change = { amount_of_allocs(before), amount_of_allocs(after), time_ns };

	const struct change taken = { before->taken, after->taken, time_ns };

	note(profile, after->node, HISTORY_ALLOCATED, &change);
	if (profile_history(profile, after->node, HISTORY_ALLOCATED))
		note(profile, after->node, HISTORY_TAKEN, &taken);
}

void profile_set_history(struct profile *profile, const struct node_history *history)
{
	struct node_history *to = profile_history(profile, history->node, history->kind);

	if (!to)
		to = add_history(profile, history->node, history->kind);
	*to = *history;
	mark_changed(profile, to);
}

void profile_forget_histories(struct profile *profile)
{
	profile->nr_histories = 0;
	hash_table_free(&profile->history_ids);
	profile->history_ids = (struct hash_table){ 0 };
}

/* ---- What it tells ---- */

/* The slots of a process's life. The last is left out when little of it has passed: a low of a
 * moment is none. */
struct span {
	uint32_t first, third, last;
};

static uint64_t end_of(const struct profile *profile, const struct process *process)
{
	return process->end == END_RUNNING && process->end_ns < profile->meta.duration_ns
		       ? profile->meta.duration_ns
		       : process->end_ns;
}

static bool find_span(const struct node_history *history, uint64_t start_ns, uint64_t end_ns,
		      struct span *ret)
{
	uint64_t width = width_of(history);
	uint64_t first = start_ns / width;
	uint32_t last = history->last;

	if (end_ns % width < width / 2 && last)
		last--;
	if (first > last || last - first + 1 < MIN_SLOTS)
		return false;
	ret->first = (uint32_t)first;
	ret->last = last;
	ret->third = last - (last - ret->first + 1) / 3 + 1;
	return true;
}

/* In each slot of the last third its least was more than any least before: a cache that is emptied
 * now and then, or a temporary, only comes back to what it was. Of the slot right before it may be
 * the same: the shortest slots are as long as the time between two readings, so that one may pass
 * without any. */
static bool rises(const struct node_history *history, const struct span *span, int64_t live)
{
	int64_t most = 0, most_before = 0; /* to the slot before, and to the one before that */

	for (uint32_t slot = span->first; slot <= span->last; slot++) {
		if (slot >= span->third &&
		    (history->low[slot] <= most_before || history->low[slot] < most))
			return false;
		most_before = most;
		if (history->low[slot] > most)
			most = history->low[slot];
	}
	return live >= most;
}

/* What rises by steps that may last longer than a slot, as what a list or a bytearray asks for: an
 * eighth more each time. */
static bool climbs(const struct node_history *history, const struct span *span, int64_t live)
{
	for (uint32_t slot = span->third; slot <= span->last; slot++) {
		if (history->low[slot] < history->low[slot - 1])
			return false;
	}
	return live >= history->low[span->last] && live > history->low[span->third - 1];
}

static void tell(const struct node_history *history, const struct span *span, uint64_t end_ns,
		 struct leak *ret)
{
	uint64_t width = width_of(history);
	uint32_t first = span->third;

	for (uint32_t slot = span->third; slot > span->first; slot--) {
		if (history->low[slot] < history->low[slot - 1])
			break;
		if (history->low[slot] > history->low[slot - 1])
			first = slot;
	}
	ret->node = history->node;
	ret->grown = ret->live - history->low[span->third - 1];
	/* The low of what rises is what it held when the slot began. */
	ret->since_ns = (span->third - 1) * width;
	ret->end_ns = end_ns;
	/* A low that is higher than the one before was taken in the slot before. */
	ret->first_ns = (first - 1) * width;
	ret->last_ns = lower((int64_t)((span->last + 1) * width), (int64_t)end_ns);
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
static void tell_age(const struct profile *profile, const struct node_history *history,
		     const struct span *span, struct leak *ret)
{
	const struct node_history *kept = profile_history(profile, history->node, HISTORY_TAKEN);
	int64_t taken = profile_cost(profile, history->node).alloc_taken;
	struct node_history before;

	ret->older_ns = ret->end_ns - span->third * width_of(history);
	ret->older_most = ret->live;
	for (uint32_t slot = span->third; slot <= span->last; slot++)
		ret->older_most = lower(ret->older_most, history->low[slot]);
	if (!kept)
		return;
	before = *kept;
	bring_up(&before, taken, ret->end_ns);
	if (before.doublings == history->doublings && taken >= before.low[span->third])
		ret->older_least = ret->live - (taken - before.low[span->third]);
	if (ret->older_least < 0)
		ret->older_least = 0;
	ret->older_least = lower(ret->older_least, ret->older_most);
}

/* Of blocks that only climb `ret_by_steps` says so: they are a leak if their pages are. */
static bool find_leak(const struct profile *profile, const struct node_history *kept,
		      struct leak *ret, bool *ret_by_steps)
{
	const struct process *process = &profile->processes[profile->nodes[kept->node].process];
	const struct cost cost = profile_cost(profile, kept->node);
	struct node_history history = *kept;
	uint64_t end_ns = end_of(profile, process);
	struct span span;
	bool is_rising;

	if (kept->kind == HISTORY_TAKEN)
		return false;
	*ret = (struct leak){ .is_allocated = kept->kind == HISTORY_ALLOCATED };
	ret->live = ret->is_allocated ? cost.alloc_end : cost_live(&cost);
	bring_up(&history, ret->live, end_ns);
	if (!find_span(&history, process->start_ns, end_ns, &span))
		return false;
	is_rising = rises(&history, &span, ret->live);
	if (!is_rising && !(ret->is_allocated && climbs(&history, &span, ret->live)))
		return false;
	*ret_by_steps = !is_rising;
	tell(&history, &span, end_ns, ret);
	if (ret->is_allocated)
		tell_age(profile, &history, &span, ret);
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

/* What is free in the allocator is no path's, however much it grows. */
static bool is_path(const struct profile *profile, uint32_t node)
{
	return profile->sites[profile->nodes[node].site].kind != SITE_FREE;
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
		return is_path(profile, leak->node) && !(told & (TOLD_BY_BLOCKS | TOLD_BY_STEPS) &&
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
	*ret_count = count;
	return leaks;
}
