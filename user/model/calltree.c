/* SPDX-License-Identifier: BSD-2-Clause */
/* The nodes of a tree: appended, found, summed up, walked; see calltree.h. */
#include "calltree_state.h"

#include "memory.h"

static const char *const kind_names[NR_TREE_KINDS] = {
	[TREE_PYTHON] = "python",
	[TREE_STARTUP] = "startup",
	[TREE_SHUTDOWN] = "shutdown",
	[TREE_NATIVE] = "native",
	[TREE_THREAD] = "thread",
	[TREE_KERNEL] = "kernel",
	[TREE_TRUNCATED] = "truncated",
	[TREE_INHERITED] = "inherited",
	[TREE_BEFORE] = "before",
	[TREE_UNOWNED] = "unowned",
	[TREE_FREE] = "free",
	[TREE_DEEPER] = "deeper",
	[TREE_CUT] = "cut",
	[TREE_LOST] = "lost",
	[TREE_C] = "c",
};
const char *calltree_kind_name(enum tree_kind kind)
{
	return kind_names[kind];
}
/* Pseudo sites are told from sites by their numbers, counted down from the highest. */
static uint32_t site_of_kind(enum tree_kind kind)
{
	return NO_SITE - kind;
}

uint32_t calltree_append(struct calltree *tree, uint32_t parent, enum tree_kind kind)
{
	struct tree_node *node;

	tree->nodes = array_reserve(tree->nodes, &tree->nodes_capacity, tree->nr_nodes + 1,
				    sizeof(*tree->nodes));
	node = &tree->nodes[tree->nr_nodes];
	*node = (struct tree_node){
		.parent = parent,
		.first_child = NO_NODE,
		.next = NO_NODE,
		.depth = parent == NO_NODE ? 0 : tree->nodes[parent].depth + 1,
		.site = NO_SITE,
		.kind = kind,
		.object = NO_OBJECT,
		.is_one_class = true,
		.first_ns = UINT64_MAX,
	};
	return tree->nr_nodes++;
}

uint32_t calltree_child(struct tree_builder *builder, uint32_t parent, uint32_t site,
			enum tree_kind kind)
{
	uint64_t key = (uint64_t)parent << 32 | (site == NO_SITE ? site_of_kind(kind) : site);
	uint32_t child;

	if (hash_table_get(&builder->children, key, &child))
		return child;
	child = calltree_append(builder->tree, parent, kind);
	builder->tree->nodes[child].site = site;
	builder->tree->nodes[child].is_searched = true;
	hash_table_put(&builder->children, key, child);
	return child;
}

static void sum_calls(struct calltree *tree)
{
	for (size_t i = tree->nr_nodes; i--;) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->parent == NO_NODE)
			continue;
		tree->nodes[node->parent].calls += node->calls;
		calltree_join_calls(&tree->nodes[node->parent], node->summed_calls);
	}
}

void calltree_sum(struct calltree *tree)
{
	if (tree->is_inverted)
		sum_calls(tree);
	for (size_t column = 0; column < NR_AMOUNTS; column++) {
		int64_t *values = tree->totals.columns[column];

		for (size_t i = values ? tree->nr_nodes : 0; i--;) {
			uint32_t parent = tree->nodes[i].parent;

			/* A row that has no amount may lie behind the columns' end. */
			if (i < tree->totals.capacity && parent != NO_NODE)
				values[parent] += values[i];
		}
	}
}
void calltree_free(struct calltree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	amounts_free(&tree->totals);
	free(tree->native_name);
	free(tree);
}

void calltree_freep(struct calltree **tree)
{
	calltree_free(*tree);
}
struct tree_walk calltree_walk(const struct calltree *tree)
{
	return (struct tree_walk){ .tree = tree, .node = tree->first_root };
}

void calltree_walk_skip(struct tree_walk *walk)
{
	walk->is_leaving = true;
}

void calltree_walk_next(struct tree_walk *walk)
{
	const struct tree_node *node = &walk->tree->nodes[walk->node];

	if (!walk->is_leaving && node->first_child != NO_NODE) {
		walk->node = node->first_child;
	} else if (!walk->is_leaving) {
		walk->is_leaving = true;
	} else if (node->next != NO_NODE) {
		walk->node = node->next;
		walk->is_leaving = false;
	} else {
		walk->node = node->parent;
	}
}
