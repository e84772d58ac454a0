/* SPDX-License-Identifier: BSD-2-Clause */
/* Siblings in the order that was asked for; see calltree.h. */
#include "calltree_state.h"

#include "memory.h"

const char *calltree_sort_name(size_t sort)
{
	static const char *const names[] = {
		[SORT_FIRST] = "first",
		[SORT_TOTAL] = "total",
		[SORT_SELF] = "self",
		[SORT_CALLS] = "calls",
	};

	return sort < ARRAY_SIZE(names) ? names[sort] : NULL;
}

struct sort_key {
	int64_t amount; /* 0 for SORT_FIRST */
	uint64_t first_ns;
	uint32_t node;
};

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_keys(const void *left, const void *right)
{
	const struct sort_key *a = left, *b = right;

	if (a->amount != b->amount)
		return COMPARE(b->amount, a->amount);
	if (a->first_ns != b->first_ns)
		return COMPARE(a->first_ns, b->first_ns);
	return COMPARE(a->node, b->node);
}

static int64_t sort_amount(const struct calltree *tree, uint32_t node, enum tree_sort sort)
{
	struct cost cost;

	if (sort == SORT_FIRST)
		return 0;
	if (sort == SORT_CALLS || tree->metric == METRIC_CALLS)
		return tree->nodes[node].calls;
	cost = sort == SORT_TOTAL ? calltree_total(tree, node) : calltree_self(tree, node);
	return metrics[tree->metric].amount(&cost);
}

/* Siblings in the order of their numbers, which mostly is that of their first sight. */
static void link_as_added(struct calltree *tree, const bool *keep)
{
	tree->first_root = NO_NODE;
	for (size_t i = 0; i < tree->nr_nodes; i++) /* it may have been linked before */
		tree->nodes[i].first_child = NO_NODE;
	for (size_t i = tree->nr_nodes; i--;) {
		uint32_t parent = tree->nodes[i].parent;
		uint32_t *first = parent == NO_NODE ? &tree->first_root
						    : &tree->nodes[parent].first_child;

		if (keep && !keep[i])
			continue;
		tree->nodes[i].next = *first;
		*first = (uint32_t)i;
	}
}

/* Room for the keys of one list of siblings after the other. */
struct sorter {
	struct calltree *tree;
	enum tree_sort sort;
	struct sort_key *keys; /* owned */
	size_t capacity;
};

/* Sorts the siblings that *first begins with. */
static void sort_siblings(struct sorter *sorter, uint32_t *first)
{
	struct calltree *tree = sorter->tree;
	bool is_in_order = true;
	size_t count = 0;

	for (uint32_t node = *first; node != NO_NODE; node = tree->nodes[node].next, count++) {
		sorter->keys = array_reserve(sorter->keys, &sorter->capacity, count + 1,
					     sizeof(*sorter->keys));
		sorter->keys[count] = (struct sort_key){ sort_amount(tree, node, sorter->sort),
							 tree->nodes[node].first_ns, node };
		if (count && compare_keys(&sorter->keys[count - 1], &sorter->keys[count]) > 0)
			is_in_order = false;
	}
	if (is_in_order)
		return;
	qsort(sorter->keys, count, sizeof(*sorter->keys), compare_keys);
	for (size_t i = 0; i < count; i++) {
		*first = sorter->keys[i].node;
		first = &tree->nodes[*first].next;
	}
	*first = NO_NODE;
}

void calltree_link(struct calltree *tree, enum tree_sort sort, const bool *keep)
{
	struct sorter sorter = { .tree = tree, .sort = sort };

	link_as_added(tree, keep);
	sort_siblings(&sorter, &tree->first_root);
	for (size_t i = 0; i < tree->nr_nodes; i++) {
		if (tree->nodes[i].first_child != NO_NODE)
			sort_siblings(&sorter, &tree->nodes[i].first_child);
	}
	free(sorter.keys);
}
