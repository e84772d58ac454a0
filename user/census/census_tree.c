/* SPDX-License-Identifier: BSD-2-Clause */
/* Holders; see census_tree.h. */
#include "census_tree.h"

#include <stdlib.h>

#include "memory.h"

#define MAX_DEPTH 5	 /* below the root */
#define MAX_NODES 400000 /* 20 MB; classes' attributes are roots, too */
#define CUT 100		 /* rows have one part of so many */
#define NODE_BITS 26
#define KIND_BITS 4

void census_tree_clear(struct census_tree *tree)
{
	free(tree->nodes);
	hash_table_free(&tree->ids);
	*tree = (struct census_tree){ 0 };
}

static uint32_t find_node(struct census_tree *tree, uint32_t parent, enum census_holder_kind kind,
			  uint32_t name)
{
	uint64_t key = ((uint64_t)name << KIND_BITS | kind) << NODE_BITS | parent;
	uint32_t id;

	if (hash_table_get(&tree->ids, key, &id))
		return id;
	if (tree->count >= MAX_NODES)
		return CENSUS_NO_NODE;
	tree->nodes = array_reserve(tree->nodes, &tree->capacity, tree->count + 1,
				    sizeof(*tree->nodes));
	id = (uint32_t)tree->count++;
	tree->nodes[id] = (struct census_node){
		.parent = parent,
		.root = parent == CENSUS_NO_NODE ? id : tree->nodes[parent].root,
		.group = CENSUS_NO_NODE,
		.name = name,
		.kind = (uint8_t)kind,
		.depth = parent == CENSUS_NO_NODE ? 0 : (uint8_t)(tree->nodes[parent].depth + 1),
	};
	hash_table_put(&tree->ids, key, id);
	return id;
}

uint32_t census_tree_root(struct census_tree *tree, enum census_holder_kind kind, uint32_t name,
			  uint32_t group)
{
	size_t count = tree->count;
	uint32_t node = find_node(tree, CENSUS_NO_NODE, kind, name);

	if (node == CENSUS_NO_NODE) /* full: what follows is counted in its group, or the first */
		return group == CENSUS_NO_NODE ? 0 : group;
	if (tree->count > count)
		tree->nodes[node].group = group;
	return node;
}

uint32_t census_tree_child(struct census_tree *tree, uint32_t parent, enum census_holder_kind kind,
			   uint32_t name)
{
	uint32_t node;

	if (tree->nodes[parent].depth >= MAX_DEPTH)
		return parent;
	node = find_node(tree, parent, kind, name);
	return node == CENSUS_NO_NODE ? parent : node;
}

/* ---- Results ---- */

struct finish {
	struct census_tree *tree;
	struct census *census;
	size_t capacity;	/* of the holders */
	uint32_t *first, *next; /* children of a node; the last stands for roots */
	uint32_t *rows;
	uint64_t least;
};

/* Children were made after their parents. */
static void add_node(struct census_node *to, const struct census_node *node)
{
	to->objects += node->objects;
	to->bytes += node->bytes;
	to->shared_bytes += node->shared_bytes;
}

static void add_up(struct census_tree *tree)
{
	for (size_t i = tree->count; i-- > 0;) {
		const struct census_node *node = &tree->nodes[i];

		if (node->parent != CENSUS_NO_NODE)
			add_node(&tree->nodes[node->parent], node);
	}
}

static void link_children(struct finish *finish)
{
	const struct census_tree *tree = finish->tree;

	for (size_t i = 0; i <= tree->count; i++)
		finish->first[i] = CENSUS_NO_NODE;
	for (size_t i = 0; i < tree->count; i++) {
		uint32_t parent = tree->nodes[i].parent;

		if (parent == CENSUS_NO_NODE)
			parent = (uint32_t)tree->count;
		finish->next[i] = finish->first[parent];
		finish->first[parent] = (uint32_t)i;
	}
}

static uint32_t put_row(struct finish *finish, const struct census_node *node, uint32_t parent)
{
	struct census *census = finish->census;

	census->holders = array_reserve(census->holders, &finish->capacity, census->nr_holders + 1U,
					sizeof(*census->holders));
	census->holders[census->nr_holders] = (struct census_holder){
		.parent = parent,
		.kind = (enum census_holder_kind)node->kind,
		.name = node->name,
		.objects = node->objects,
		.bytes = node->bytes,
		.shared_bytes = node->shared_bytes,
	};
	return census->nr_holders++;
}

/* What garbage there is, and what C code holds, is told however little it is. */
static bool is_shown(const struct finish *finish, const struct census_node *node)
{
	return node->bytes && (node->bytes >= finish->least || node->kind == CENSUS_GARBAGE ||
			       node->kind == CENSUS_C_CODE);
}

/* A small root goes into its group, whole: what is below it has no row then. */
static void fold_roots(const struct finish *finish)
{
	for (size_t i = finish->tree->count; i-- > 0;) {
		struct census_node *node = &finish->tree->nodes[i];

		if (node->group == CENSUS_NO_NODE)
			continue;
		if (is_shown(finish, node)) {
			node->group = CENSUS_NO_NODE;
			continue;
		}
		add_node(&finish->tree->nodes[node->group], node);
		node->objects = node->bytes = node->shared_bytes = 0;
	}
}

struct child {
	uint64_t bytes;
	uint32_t node;
};

static int by_bytes(const void *a, const void *b)
{
	const struct child *left = a, *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return left->node < right->node ? -1 : left->node > right->node;
}

/* The children of a node that have rows, largest first, and the sum of the others. */
static size_t choose(const struct finish *finish, uint32_t first, struct census_node *ret_rest,
		     struct child **ret_children)
{
	struct child *children = NULL;
	size_t count = 0, capacity = 0;

	for (uint32_t i = first; i != CENSUS_NO_NODE; i = finish->next[i]) {
		const struct census_node *node = &finish->tree->nodes[i];

		if (!is_shown(finish, node)) {
			add_node(ret_rest, node);
			continue;
		}
		children = array_reserve(children, &capacity, count + 1, sizeof(*children));
		children[count++] = (struct child){ node->bytes, i };
	}
	if (count)
		qsort(children, count, sizeof(*children), by_bytes);
	*ret_children = children;
	return count;
}

/* Depth first, what is too small last. `row` is the parent's; what has no row of its own is counted
 * there, or in the rest's. */
static void put_children(struct finish *finish, uint32_t first, uint32_t row)
{
	struct census_node rest = { .kind = CENSUS_REST };
	_cleanup_(freep) struct child *children = NULL;
	size_t count = choose(finish, first, &rest, &children);
	uint32_t rest_row = row;

	for (size_t i = 0; i < count; i++) {
		uint32_t node = children[i].node;

		finish->rows[node] = put_row(finish, &finish->tree->nodes[node], row);
		put_children(finish, finish->first[node], finish->rows[node]);
	}
	if (rest.bytes && (count || row == CENSUS_NONE))
		rest_row = put_row(finish, &rest, row);
	for (uint32_t i = first; i != CENSUS_NO_NODE; i = finish->next[i])
		if (finish->rows[i] == CENSUS_NONE)
			finish->rows[i] = rest_row;
}

void census_tree_finish(struct census_tree *tree, struct census *census, uint32_t *ret_rows)
{
	struct finish finish = {
		.tree = tree,
		.census = census,
		.first = xcalloc(tree->count + 1, sizeof(*finish.first)),
		.next = xcalloc(tree->count + 1, sizeof(*finish.next)),
		.rows = ret_rows,
		.least = (census->bytes + census->buffer_bytes) / CUT,
	};

	for (size_t i = 0; i < tree->count; i++)
		ret_rows[i] = CENSUS_NONE;
	add_up(tree);
	fold_roots(&finish);
	link_children(&finish);
	put_children(&finish, finish.first[tree->count], CENSUS_NONE);
	/* Below what has no row, none has; groups were made before what is in them. */
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->nodes[i].group != CENSUS_NO_NODE)
			ret_rows[i] = ret_rows[tree->nodes[i].group];
		else if (ret_rows[i] == CENSUS_NONE && tree->nodes[i].parent != CENSUS_NO_NODE)
			ret_rows[i] = ret_rows[tree->nodes[i].parent];
	}
	free(finish.first);
	free(finish.next);
}
