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

/* A row of a module: with --lines it has one for each line, beside each other. */
struct module_row {
	uint32_t parent, file, row;
};

static int compare(uint32_t left, uint32_t right)
{
	return (left > right) - (left < right);
}

static int compare_module_rows(const void *left, const void *right)
{
	const struct module_row *a = left, *b = right;

	if (a->parent != b->parent)
		return compare(a->parent, b->parent);
	if (a->file != b->file)
		return compare(a->file, b->file);
	return compare(a->row, b->row);
}

static struct module_row *collect_rows(const struct calltree *tree, size_t *ret_count)
{
	struct module_row *rows = xcalloc(tree->nr_nodes, sizeof(*rows));
	size_t count = 0;

	for (size_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (is_module(tree, i))
			rows[count++] = (struct module_row){ node->parent,
							     tree->profile->sites[node->site].file,
							     (uint32_t)i };
	}
	qsort(rows, count, sizeof(*rows), compare_module_rows);
	*ret_count = count;
	return rows;
}

/* By row: the first of its module's, NO_NODE where it is of none. */
static uint32_t *find_modules(const struct calltree *tree)
{
	uint32_t *modules = xcalloc(tree->nr_nodes, sizeof(*modules));
	size_t count;
	_cleanup_(freep) struct module_row *rows = collect_rows(tree, &count);
	uint32_t first = NO_NODE;

	for (size_t i = 0; i < tree->nr_nodes; i++)
		modules[i] = NO_NODE;
	for (size_t i = 0; i < count; i++) {
		if (!i || rows[i].parent != rows[i - 1].parent || rows[i].file != rows[i - 1].file)
			first = rows[i].row;
		modules[rows[i].row] = first;
	}
	return modules;
}

/* By row: modules below it, each with the first of its rows. */
static uint32_t *count_below(const struct calltree *tree, const uint32_t *modules)
{
	uint32_t *below = xcalloc(tree->nr_nodes, sizeof(*below));

	for (size_t i = tree->nr_nodes; i--;) {
		if (tree->nodes[i].parent != NO_NODE)
			below[tree->nodes[i].parent] += below[i] + (modules[i] == i);
	}
	return below;
}

/* One module alone stays the rows that it is. */
static void dissolve_single(struct import_group *groups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (groups[i].first != NO_NODE && groups[groups[i].first].nr_modules < 2)
			groups[i].first = NO_NODE;
	}
}

struct import_group *report_imports(const struct calltree *tree)
{
	struct import_group *groups = xcalloc(tree->nr_nodes, sizeof(*groups));
	_cleanup_(freep) uint32_t *modules = find_modules(tree);
	_cleanup_(freep) uint32_t *below = count_below(tree, modules);
	_cleanup_(freep) bool *counted = xcalloc(tree->nr_nodes, sizeof(*counted));
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
		groups[*first].nr_modules += below[walk.node] + !counted[modules[walk.node]];
		counted[modules[walk.node]] = true;
		calltree_walk_skip(&walk);
	}
	dissolve_single(groups, tree->nr_nodes);
	return groups;
}
