/* SPDX-License-Identifier: BSD-2-Clause */
/* See leak_exchange.h. */
#include "leak_exchange.h"

#include <stdlib.h>

#include "leak_series.h"
#include "memory.h"
#include "profile_allocs.h"

#define PAGE_BYTES 4096.0

/* In a process, of pages and of blocks. */
struct leak_exchange {
	struct leak_halves risen[2], fallen[2];
};

static void add(struct leak_halves *sum, const struct leak_halves *more)
{
	for (int half = 0; half < 2; half++)
		sum->of[half] += more->of[half];
}

static void add_node(const struct profile *profile, const struct node_history *history,
		     struct leak_exchange *exchange)
{
	bool of_blocks = history->kind == HISTORY_ALLOCATED;
	struct leak_series series;
	struct leak_halves halves;

	if (!leak_series_read(profile, history, &series))
		return;
	if (leak_series_falls(&series)) {
		halves = leak_series_fallen(&series);
		if (!profile_is_free_room(profile, history->node))
			add(&exchange->fallen[of_blocks], &halves);
	} else {
		halves = leak_series_least_risen(&series);
		add(&exchange->risen[of_blocks], &halves);
	}
}

struct leak_exchange *leak_exchange_new(const struct profile *profile, uint32_t process)
{
	struct leak_exchange *exchanges = xcalloc(profile->nr_processes, sizeof(*exchanges));

	for (size_t i = 0; i < profile->nr_histories; i++) {
		const struct node_history *history = &profile->histories[i];
		uint32_t of = profile->nodes[history->node].process;

		if (history->kind != HISTORY_TAKEN && (process == NO_PROCESS || process == of))
			add_node(profile, history, &exchanges[of]);
	}
	return exchanges;
}

/* Bytes that a node's least rose by in the last third; none is known of what was always small. */
static struct leak_halves rise_of(const struct profile *profile, uint32_t node,
				  enum history_kind kind)
{
	const struct node_history *history = profile_history(profile, node, kind);
	struct leak_series series;

	if (!history || !leak_series_read(profile, history, &series))
		return (struct leak_halves){ 0 };
	return leak_series_least_risen(&series);
}

static enum leak_beside judge(const struct leak_exchange *exchange, bool of_blocks,
			      const struct leak_halves *grown)
{
	const struct leak_halves *risen = &exchange->risen[of_blocks];
	const struct leak_halves *fallen = &exchange->fallen[of_blocks];
	bool replaces = true, is_beside = true;

	for (int half = 0; half < 2; half++) {
		replaces &= 2 * (risen->of[half] - fallen->of[half]) <= grown->of[half];
		is_beside &= 2 * fallen->of[half] >= grown->of[half];
	}
	if (!is_beside)
		return LEAK_ALONE;
	return replaces ? LEAK_REPLACES : LEAK_BESIDE_FALL;
}

/* As many blocks that nobody had followed were freed as half of what it keeps. How large they were
 * is not known, but where its pages grew as its blocks did, these did not come where those were,
 * and pages tell the rest. */
static enum leak_beside judge_unknown(const struct profile *profile,
				      const struct leak_exchange *exchange, uint32_t node,
				      const struct leak_halves *grown)
{
	const struct leak_halves pages = rise_of(profile, node, HISTORY_LIVE);

	for (int half = 0; half < 2; half++) {
		if (2 * pages.of[half] < grown->of[half])
			return LEAK_BESIDE_UNKNOWN;
	}
	return judge(exchange, false, &pages);
}

enum leak_beside leak_exchange_judge(const struct profile *profile,
				     const struct leak_exchange *exchange, const struct leak *leak)
{
	uint32_t index = profile->nodes[leak->node].process;
	const struct process *process = &profile->processes[index];
	const struct leak_halves grown = rise_of(
		profile, leak->node, leak->is_allocated ? HISTORY_ALLOCATED : HISTORY_LIVE);
	enum leak_beside beside = judge(&exchange[index], leak->is_allocated, &grown), unknown;
	int64_t blocks = profile_cost(profile, leak->node).alloc_blocks;
	uint64_t unknown_frees = allocs_unknown_frees(process);

	if (!leak->is_allocated || !unknown_frees || 2 * (double)unknown_frees < (double)blocks)
		return beside;
	unknown = judge_unknown(profile, &exchange[index], leak->node, &grown);
	return unknown > beside ? unknown : beside;
}

/* ---- Edges of blocks ---- */

/*
 * Pages, in bytes, that a path's blocks grew into and that others were the first to touch, at the
 * most. What the blocks grew by more than its pages lies there; a block begins and ends anywhere in
 * a page, so that these are half full on the average, and half of them is explained. And a block of
 * a page or more lies on one page more than its bytes take, on the average.
 */
static double edges_of(const struct profile *profile, const struct leak *leak)
{
	const struct leak_halves pages = rise_of(profile, leak->node, HISTORY_LIVE);
	double blocks = (double)profile_cost(profile, leak->node).alloc_blocks;
	double edges = 4 * ((double)leak->grown - pages.of[0] - pages.of[1]);

	if (edges < 0)
		edges = 0;
	if ((double)leak->live >= blocks * PAGE_BYTES)
		edges += PAGE_BYTES * blocks * (double)leak->grown / (double)leak->live;
	return edges;
}

void leak_exchange_find_edges(const struct profile *profile, struct leak *leaks, size_t count)
{
	_cleanup_(freep) double *edges = xcalloc(profile->nr_processes, sizeof(*edges));

	for (size_t i = 0; i < count; i++) {
		uint32_t process = profile->nodes[leaks[i].node].process;

		/* Where blocks from before were freed, others may lie there. */
		if (leaks[i].is_allocated && leak_is_one(&leaks[i]) &&
		    !profile->processes[process].allocs_since_ns)
			edges[process] += edges_of(profile, &leaks[i]);
	}
	for (size_t i = 0; i < count; i++) {
		double *left = &edges[profile->nodes[leaks[i].node].process];

		if (!leaks[i].is_heap || !leak_is_one(&leaks[i]) || *left < (double)leaks[i].grown)
			continue;
		leaks[i].beside = LEAK_IN_BLOCKS;
		*left -= (double)leaks[i].grown;
	}
}
