/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of some kinds of memory; see calltree_passes.h. */
#include "calltree_passes.h"
#include "calltree_state.h"

static void clear_others(int64_t amounts[NR_KINDS], uint32_t kinds)
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		amounts[kind] = kinds >> kind & 1 ? amounts[kind] : 0;
}

/* A copy of a page and a block are anonymous memory; what was mapped is of no kind. */
static void clear_anonymous(struct cost *cost)
{
	cost->unshared = 0;
	cost->alloc_peak = 0;
	cost->alloc_end = 0;
	cost->alloc_blocks = 0;
	cost->alloc_taken = 0;
	cost->alloc_taken_blocks = 0;
	cost->alloc_freed_blocks = 0;
}

static struct cost keep_kinds(struct cost cost, uint32_t kinds)
{
	if (!(kinds >> KIND_ANON & 1))
		clear_anonymous(&cost);
	clear_others(cost.grown, kinds);
	clear_others(cost.released, kinds);
	clear_others(cost.live, kinds);
	clear_others(cost.peak, kinds);
	if (kinds >> KIND_SWAP & 1)
		cost_count_swap(&cost);
	return cost;
}

static int64_t opening_of(const struct calltree *tree, uint32_t kinds)
{
	const int64_t *opening = tree->profile->processes[tree->process].opening;
	int64_t sum = 0;

	for (int kind = 0; kind < NR_KINDS; kind++)
		sum += kinds >> kind & 1 ? opening[kind] : 0;
	return sum;
}

/* All roots together stay what they were: what swap adds to them the cut row takes. */
void calltree_keep_kinds(struct calltree *tree, uint32_t kinds)
{
	struct cost cut = { 0 };

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct cost total = calltree_total(tree, i), kept = keep_kinds(total, kinds);

		amounts_set(&tree->totals, i, &kept);
		if (tree->nodes[i].parent != NO_NODE)
			continue;
		cost_add(&cut, &total);
		cost_subtract(&cut, &kept);
	}
	tree->opening = opening_of(tree, kinds);
	if (!cost_is_zero(&cut))
		amounts_add(&tree->totals, calltree_cut_root(tree), &cut);
	calltree_link(tree, tree->sort, NULL);
}
