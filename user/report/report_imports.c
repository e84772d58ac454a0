/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of small imports; see report_imports.h. */
#include "report_imports.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define SMALL_PARTS 20 /* 5 % */

static bool is_module(const struct calltree *tree, size_t row)
{
	const struct tree_node *node = &tree->nodes[row];

	return node->kind == TREE_PYTHON &&
	       !strcmp(profile_string(tree->profile, tree->profile->sites[node->site].name),
		       "<module>");
}

/* A module without a caller is what was run. */
static bool is_small_import(const struct calltree *tree, size_t row)
{
	const struct tree_node *node = &tree->nodes[row];
	int64_t peak = tree->profile->processes[tree->process].peak;

	return node->parent != NO_NODE && is_module(tree, row) &&
	       llabs(calltree_amount(tree, node)) < peak / SMALL_PARTS;
}

/* By row: modules in it and below. */
static uint32_t *count_modules(const struct calltree *tree)
{
	uint32_t *modules = xcalloc(tree->nr_nodes, sizeof(*modules));

	for (size_t i = tree->nr_nodes; i--;) {
		modules[i] += is_module(tree, i);
		if (tree->nodes[i].parent != NO_NODE)
			modules[tree->nodes[i].parent] += modules[i];
	}
	return modules;
}

/* One module alone stays the row that it is. */
static void dissolve_single(struct import_group *groups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (groups[i].first == i && groups[i].nr_modules < 2)
			groups[i].first = NO_NODE;
	}
}

struct import_group *report_imports(const struct calltree *tree)
{
	struct import_group *groups = xcalloc(tree->nr_nodes, sizeof(*groups));
	_cleanup_(freep) uint32_t *modules = count_modules(tree);
	_cleanup_(freep) uint32_t *firsts = xcalloc(tree->nr_nodes, sizeof(*firsts));

	for (size_t i = 0; i < tree->nr_nodes; i++)
		groups[i].first = firsts[i] = NO_NODE;
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		const struct tree_node *node = &tree->nodes[walk.node];
		uint32_t *first;

		if (walk.is_leaving || !is_small_import(tree, walk.node))
			continue;
		first = &firsts[node->parent];
		if (*first == NO_NODE)
			*first = walk.node;
		groups[walk.node].first = *first;
		groups[*first].bytes += calltree_shown_bytes(tree, node);
		groups[*first].nr_modules += modules[walk.node];
		calltree_walk_skip(&walk);
	}
	dissolve_single(groups, tree->nr_nodes);
	return groups;
}
