/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a profile's nodes to a tree of rows; see calltree.h.
 *
 * Every profile node is mapped to one tree node, parents first, and adds its cost there. A node of
 * the import machinery is mapped to the tree node of its parent, so that two siblings which folding
 * brings together find the same tree node by (parent, site). Children are linked last, from one
 * array sorted by parent and order.
 *
 * Chains may be a million nodes long in a dump from elsewhere: everything here is a loop.
 */
#include "calltree_state.h"

#include <limits.h>
#include <string.h>

#include "memory.h"

static const uint8_t kind_of_site[NR_SITE_KINDS] = {
	[SITE_PYTHON] = TREE_PYTHON,	   [SITE_STARTUP] = TREE_STARTUP,
	[SITE_SHUTDOWN] = TREE_SHUTDOWN,   [SITE_NATIVE] = TREE_NATIVE,
	[SITE_KERNEL] = TREE_KERNEL,	   [SITE_TRUNCATED] = TREE_TRUNCATED,
	[SITE_LOST] = TREE_LOST,	   [SITE_DEEPER] = TREE_DEEPER,
	[SITE_INHERITED] = TREE_INHERITED, [SITE_BEFORE] = TREE_BEFORE,
	[SITE_UNOWNED] = TREE_UNOWNED,	   [SITE_FREE] = TREE_FREE,
	[SITE_THREAD] = TREE_THREAD,	   [SITE_C] = TREE_C,
};
/* Most rows have one node, whose children have different sites: they need not be searched for. */
static uint32_t add_code_row(struct tree_builder *builder, uint32_t parent, enum tree_kind kind,
			     const struct node *node)
{
	const struct calltree *tree = builder->tree;
	uint32_t child;

	if (parent != NO_NODE && tree->nodes[parent].is_searched)
		return calltree_child(builder, parent, node->site, kind);
	child = calltree_append(builder->tree, parent, kind);
	builder->tree->nodes[child].site = node->site;
	builder->tree->nodes[child].is_searched =
		builder->source->has_folded[node - builder->source->profile->nodes];
	return child;
}

/* In a process that runs no Python, what the main thread did before that was known, and after. */
static bool is_native_main(const struct tree_builder *builder, const struct site *site)
{
	const char *name = builder->tree->native_name;

	return name && (site->kind == SITE_STARTUP ||
			(site->kind == SITE_NATIVE &&
			 !strcmp(profile_string(builder->source->profile, site->name), name)));
}

/* Native threads below a path that was not theirs. Where rows are folded one stands for all. */
static uint32_t add_inferred_row(struct tree_builder *builder, uint32_t parent,
				 const struct node *node)
{
	bool is_one = builder->source->is_runner;
	uint32_t child, unused;
	struct tree_node *row;
	uint64_t key;

	child = calltree_child(builder, parent, is_one ? NO_SITE : node->site, TREE_NATIVE);
	row = &builder->tree->nodes[child];
	key = (uint64_t)child << 32 | node->site;
	row->is_inferred = true;
	if (hash_table_get(&builder->objects, key, &unused))
		return child;
	hash_table_put(&builder->objects, key, 0);
	if (row->nr_threads++ == 0)
		row->site = node->site;
	return child;
}

static uint32_t add_site_row(struct tree_builder *builder, uint32_t parent, const struct node *node)
{
	const struct site *site = &builder->source->profile->sites[node->site];
	enum tree_kind kind = site->kind < NR_SITE_KINDS ? kind_of_site[site->kind] : TREE_LOST;
	bool has_name;

	if (kind == TREE_PYTHON || kind == TREE_C)
		return add_code_row(builder, parent, kind, node);
	if (kind == TREE_NATIVE && parent != NO_NODE)
		return add_inferred_row(builder, parent, node);
	if (is_native_main(builder, site))
		return calltree_child(builder, parent, NO_SITE, TREE_NATIVE);
	if ((kind == TREE_INHERITED || kind == TREE_BEFORE) &&
	    builder->tree->opening_node != NO_NODE)
		return builder->tree->opening_node;
	has_name = kind == TREE_NATIVE || kind == TREE_THREAD;
	return calltree_child(builder, parent, has_name ? node->site : NO_SITE, kind);
}

static uint32_t map_node(struct tree_builder *builder, const struct node *node)
{
	const struct tree_source *source = builder->source;
	uint32_t parent = node->parent == NO_NODE ? NO_NODE : source->tree_node[node->parent];

	if (!calltree_folds(source, node))
		return add_site_row(builder, parent, node);
	return parent == NO_NODE ? calltree_child(builder, NO_NODE, NO_SITE, TREE_STARTUP) : parent;
}

/* A folded node's row is another function's; in a process that counted none, a number is damage. */
static uint64_t calls_of(const struct tree_builder *builder, const struct node *node,
			 const struct tree_node *row)
{
	const struct tree_source *source = builder->source;
	const struct process *process = &source->profile->processes[node->process];
	bool is_folded = calltree_folds(source, node) && row->site != node->site;

	if (is_folded || process->calls_method == CALLS_BY_NOTHING)
		return 0;
	return row->kind == TREE_PYTHON || row->kind == TREE_DEEPER ? node->calls : 0;
}

static void add_object(struct tree_builder *builder, uint32_t row, uint32_t object)
{
	const struct profile *profile = builder->source->profile;
	struct tree_node *node = &builder->tree->nodes[row];
	uint64_t key = (uint64_t)row << 32 | object;
	uint32_t unused;

	if (hash_table_get(&builder->objects, key, &unused))
		return;
	hash_table_put(&builder->objects, key, 0);
	if (node->nr_objects++ &&
	    profile->objects[node->object].class_name != profile->objects[object].class_name)
		node->is_one_class = false;
	/* The first that was seen: lists begin with the last. */
	if (node->object == NO_OBJECT || object < node->object)
		node->object = object;
}

/* The objects of a node whose row is a function. */
/* A row of frames below each other says how many there are on the deepest path. */
static void count_folded(struct tree_builder *builder, const struct node *node, uint32_t index)
{
	const struct tree_source *source = builder->source;
	const struct profile *profile = source->profile;
	uint32_t id = (uint32_t)(node - profile->nodes);
	struct tree_node *row = &builder->tree->nodes[index];

	if (!source->is_runner || (source->is_folded && source->is_folded[node->site]) ||
	    !calltree_folds(source, node))
		return;
	builder->levels[id] = builder->levels[node->parent] + 1;
	if (builder->levels[id] > row->nr_folded)
		row->nr_folded = builder->levels[id];
	row->has_recursed = row->site == node->site && row->kind == TREE_PYTHON;
}

static void add_objects(struct tree_builder *builder, const struct node *node, uint32_t row)
{
	const struct profile *profile = builder->source->profile;
	const struct tree_node *tree_node = &builder->tree->nodes[row];

	if (tree_node->kind != TREE_PYTHON || tree_node->site != node->site)
		return;
	if (profile->sites[node->site].part_object)
		add_object(builder, row, profile->sites[node->site].part_object - 1);
	for (uint32_t next = node->sightings; next; next = profile->sightings[next - 1].next)
		add_object(builder, row, profile->sightings[next - 1].object);
	builder->tree->nodes[row].is_crowded |= node->is_crowded;
}

/* The row of what a filter leaves out, so that sums stay true. */
static uint32_t cut_row(struct tree_builder *builder, uint32_t node, uint32_t row)
{
	const bool *only = builder->source->options.only;

	return only && !only[node] ? calltree_cut_root(builder->tree) : row;
}

/* Of what is left out, too, the calls stand on one row. */
static void add_calls(struct tree_builder *builder, uint32_t id, uint32_t index)
{
	const struct tree_source *source = builder->source;
	struct calltree *tree = builder->tree;
	int64_t calls = calls_of(builder, &source->profile->nodes[id], &tree->nodes[index]);
	uint32_t cut;

	if (!calls)
		return;
	if (!source->is_kept || source->is_kept[id]) {
		tree->nodes[index].calls += calls;
		return;
	}
	cut = calltree_cut_root(tree);
	calltree_add_cut_calls(&tree->nodes[cut], tree, &tree->nodes[index], calls);
}

static void add_nodes(struct tree_builder *builder)
{
	const struct tree_source *source = builder->source;
	const struct node_groups *groups = &source->groups;
	struct calltree *tree = builder->tree;

	for (uint32_t i = groups->starts[tree->process]; i < groups->starts[tree->process + 1];
	     i++) {
		const struct node *node = &source->profile->nodes[groups->nodes[i]];
		const struct cost cost = profile_cost(source->profile, groups->nodes[i]);
		uint32_t index = map_node(builder, node);
		uint32_t payer = cut_row(builder, groups->nodes[i], index);
		struct tree_node *row;

		source->tree_node[groups->nodes[i]] = index;
		amounts_add(&tree->totals, payer, &cost);
		add_calls(builder, groups->nodes[i], index);
		row = &tree->nodes[index];
		row->is_own |= node->origin != ORIGIN_OTHER;
		row->is_other |= node->origin != ORIGIN_OWN;
		if (node->first_ns < row->first_ns)
			row->first_ns = node->first_ns;
		count_folded(builder, node, index);
		add_objects(builder, node, index);
	}
}

static void add_opening(struct calltree *tree)
{
	const struct process *process = &tree->profile->processes[tree->process];

	if (process->begin != BEGAN_FORK && process->begin != BEGAN_ATTACH)
		return;
	tree->opening_node = calltree_append(
		tree, NO_NODE, process->begin == BEGAN_FORK ? TREE_INHERITED : TREE_BEFORE);
	tree->opening = rss_of(process->opening);
	tree->nodes[tree->opening_node].first_ns = 0;
}

/* What the kernel calls a thread of this command: the program's base name, cut as a comm is. */
static char *comm_of_command(const char *command)
{
	size_t length = strnlen(command, PATH_MAX), base; /* of many processes, each time */
	const char *blank = memchr(command, ' ', length);

	if (blank)
		length = (size_t)(blank - command);
	base = length;
	while (base && command[base - 1] != '/')
		base--;
	length -= base;
	return xstrndup(command + base, length < COMM_BYTES ? length : COMM_BYTES - 1);
}

uint32_t calltree_row_of(const struct tree_source *source, uint32_t node)
{
	return source->tree_node[node];
}

struct calltree *calltree_new(const struct tree_source *source, uint32_t process)
{
	return calltree_new_by(source, process, source->options.metric);
}

struct calltree *calltree_new_by(const struct tree_source *source, uint32_t process,
				 enum tree_metric metric)
{
	const struct process *entry = &source->profile->processes[process];
	struct calltree *tree = xcalloc(1, sizeof(*tree));
	struct tree_builder builder = { .source = source, .tree = tree };

	tree->profile = source->profile;
	tree->process = process;
	tree->metric = metric;
	tree->is_difference = source->options.is_difference;
	tree->is_chosen = source->options.only != NULL;
	tree->sort = source->options.sort;
	tree->opening_node = NO_NODE;
	if (!*profile_string(source->profile, entry->python))
		tree->native_name = comm_of_command(
			profile_string(source->profile, entry->command));
	if (source->is_runner)
		builder.levels = xcalloc(source->profile->nr_nodes, sizeof(*builder.levels));
	add_opening(tree);
	add_nodes(&builder);
	free(builder.levels);
	return calltree_finish(&builder);
}
