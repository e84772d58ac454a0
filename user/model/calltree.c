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
#include "calltree.h"

#include <limits.h>
#include <string.h>

#include "memory.h"

static const char *const kind_names[NR_TREE_KINDS] = {
	[TREE_PYTHON] = "python",	[TREE_STARTUP] = "startup", [TREE_SHUTDOWN] = "shutdown",
	[TREE_NATIVE] = "native",	[TREE_KERNEL] = "kernel",   [TREE_TRUNCATED] = "truncated",
	[TREE_INHERITED] = "inherited", [TREE_BEFORE] = "before",   [TREE_UNOWNED] = "unowned",
	[TREE_DEEPER] = "deeper",	[TREE_CUT] = "cut",	    [TREE_LOST] = "lost",
};

static const uint8_t kind_of_site[NR_SITE_KINDS] = {
	[SITE_PYTHON] = TREE_PYTHON,	 [SITE_STARTUP] = TREE_STARTUP,
	[SITE_SHUTDOWN] = TREE_SHUTDOWN, [SITE_NATIVE] = TREE_NATIVE,
	[SITE_KERNEL] = TREE_KERNEL,	 [SITE_TRUNCATED] = TREE_TRUNCATED,
	[SITE_LOST] = TREE_LOST,	 [SITE_DEEPER] = TREE_DEEPER,
};

/* Owns its arrays. */
struct tree_source {
	const struct profile *profile;
	struct tree_options options;
	bool *is_folded;     /* by site */
	uint32_t *nodes;     /* indices of profile nodes, grouped by process, in their order */
	uint32_t *starts;    /* by process: where its group begins; one more at the end */
	uint32_t *tree_node; /* by profile node: the tree node that it was mapped to */
	bool *has_folded;    /* by profile node: children of folded nodes come to its row, too */
};

/* A tree while it grows. */
struct builder {
	const struct tree_source *source;
	struct calltree *tree;
	struct hash_table children; /* (parent, site or kind) to tree node */
	struct hash_table objects;  /* (tree node, object) */
};

const char *calltree_kind_name(enum tree_kind kind)
{
	return kind_names[kind];
}

/* ---- What all trees of a profile share ---- */

static bool is_import_machinery(const char *file)
{
	static const char frozen[] = "<frozen importlib", folder[] = "importlib";
	const size_t length = strlen(file), folder_length = strlen(folder);
	const char *slash = strrchr(file, '/'), *begin;

	if (!strncmp(file, frozen, strlen(frozen)) || !strcmp(file, "<frozen zipimport>"))
		return true;
	if (!slash || (size_t)(slash - file) < folder_length ||
	    strcmp(file + length - 3, ".py") != 0)
		return false;
	begin = slash - folder_length;
	return (begin == file || begin[-1] == '/') && !strncmp(begin, folder, folder_length) &&
	       !strncmp(slash, "/_bootstrap", strlen("/_bootstrap"));
}

/* Each file is looked at once: many sites may name one that is long. */
static bool *find_folded(const struct profile *profile)
{
	enum { UNKNOWN, MACHINERY, NO_MACHINERY };
	bool *is_folded = xcalloc(profile->nr_sites, sizeof(*is_folded));
	_cleanup_(freep) uint8_t *files = xcalloc(profile->strings.count, sizeof(*files));

	for (size_t i = 0; i < profile->nr_sites; i++) {
		const struct site *site = &profile->sites[i];
		uint8_t *file = &files[site->file];

		if (*file == UNKNOWN)
			*file = is_import_machinery(profile_string(profile, site->file))
					? MACHINERY
					: NO_MACHINERY;
		is_folded[i] = site->kind == SITE_PYTHON && *file == MACHINERY;
	}
	return is_folded;
}

/* Counting sort of the nodes by process. */
static void group_nodes(struct tree_source *source)
{
	const struct profile *profile = source->profile;
	uint32_t *starts = xcalloc(profile->nr_processes + 2, sizeof(*starts));

	source->nodes = xcalloc(profile->nr_nodes, sizeof(*source->nodes));
	source->tree_node = xcalloc(profile->nr_nodes, sizeof(*source->tree_node));
	source->starts = starts;
	for (size_t i = 0; i < profile->nr_nodes; i++)
		starts[profile->nodes[i].process + 2]++;
	for (size_t process = 2; process < profile->nr_processes + 2; process++)
		starts[process] += starts[process - 1];
	/* starts[p + 1] is where p's group begins, and moves to where it ends. */
	for (size_t i = 0; i < profile->nr_nodes; i++)
		source->nodes[starts[profile->nodes[i].process + 1]++] = i;
}

/* Which rows get the children of folded nodes. `tree_node` serves as room for the nearest node that
 * is not folded: a node itself, or an ancestor. */
static void find_gathering(struct tree_source *source)
{
	const struct profile *profile = source->profile;
	uint32_t *nearest = source->tree_node;

	source->has_folded = xcalloc(profile->nr_nodes, sizeof(*source->has_folded));
	for (size_t i = 0; source->is_folded && i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];

		nearest[i] = (uint32_t)i;
		if (!source->is_folded[node->site])
			continue;
		nearest[i] = node->parent == NO_NODE ? NO_NODE : nearest[node->parent];
		if (nearest[i] != NO_NODE)
			source->has_folded[nearest[i]] = true;
	}
}

struct tree_source *calltree_source_new(const struct profile *profile,
					const struct tree_options *options)
{
	struct tree_source *source = xcalloc(1, sizeof(*source));

	source->profile = profile;
	source->options = *options;
	if (!options->import_frames)
		source->is_folded = find_folded(profile);
	group_nodes(source);
	find_gathering(source);
	return source;
}

void calltree_source_free(struct tree_source *source)
{
	if (!source)
		return;
	free(source->is_folded);
	free(source->nodes);
	free(source->starts);
	free(source->tree_node);
	free(source->has_folded);
	free(source);
}

/* ---- Growing a tree ---- */

/* Pseudo sites are told from sites by their numbers, counted down from the highest. */
static uint32_t site_of_kind(enum tree_kind kind)
{
	return NO_SITE - kind;
}

static uint32_t append_node(struct calltree *tree, uint32_t parent, enum tree_kind kind)
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

/* The child of `parent` with this site, or of this kind when one row stands for all of that kind.
 */
static uint32_t find_child(struct builder *builder, uint32_t parent, uint32_t site,
			   enum tree_kind kind)
{
	uint64_t key = (uint64_t)parent << 32 | (site == NO_SITE ? site_of_kind(kind) : site);
	uint32_t child;

	if (hash_table_get(&builder->children, key, &child))
		return child;
	child = append_node(builder->tree, parent, kind);
	builder->tree->nodes[child].site = site;
	builder->tree->nodes[child].is_searched = true;
	hash_table_put(&builder->children, key, child);
	return child;
}

/* Most rows have one node, whose children have different sites: they need not be searched for. */
static uint32_t add_python_row(struct builder *builder, uint32_t parent, const struct node *node)
{
	const struct calltree *tree = builder->tree;
	uint32_t child;

	if (parent != NO_NODE && tree->nodes[parent].is_searched)
		return find_child(builder, parent, node->site, TREE_PYTHON);
	child = append_node(builder->tree, parent, TREE_PYTHON);
	builder->tree->nodes[child].site = node->site;
	builder->tree->nodes[child].is_searched =
		builder->source->has_folded[node - builder->source->profile->nodes];
	return child;
}

/* In a process that runs no Python, what the main thread did before that was known, and after. */
static bool is_native_main(const struct builder *builder, const struct site *site)
{
	const char *name = builder->tree->native_name;

	return name && (site->kind == SITE_STARTUP ||
			(site->kind == SITE_NATIVE &&
			 !strcmp(profile_string(builder->source->profile, site->name), name)));
}

static uint32_t add_site_row(struct builder *builder, uint32_t parent, const struct node *node)
{
	const struct site *site = &builder->source->profile->sites[node->site];
	enum tree_kind kind = site->kind < NR_SITE_KINDS ? kind_of_site[site->kind] : TREE_LOST;

	if (kind == TREE_PYTHON)
		return add_python_row(builder, parent, node);
	if (is_native_main(builder, site))
		return find_child(builder, parent, NO_SITE, TREE_NATIVE);
	return find_child(builder, parent, kind == TREE_NATIVE ? node->site : NO_SITE, kind);
}

static uint32_t map_node(struct builder *builder, const struct node *node)
{
	const struct tree_source *source = builder->source;
	uint32_t parent = node->parent == NO_NODE ? NO_NODE : source->tree_node[node->parent];

	if (!source->is_folded || !source->is_folded[node->site])
		return add_site_row(builder, parent, node);
	return parent == NO_NODE ? find_child(builder, NO_NODE, NO_SITE, TREE_STARTUP) : parent;
}

/* A folded node's row is another function's; in a process that counted none, a number is damage. */
static uint64_t calls_of(const struct builder *builder, const struct node *node,
			 const struct tree_node *row)
{
	const struct tree_source *source = builder->source;
	const struct process *process = &source->profile->processes[node->process];
	bool is_folded = source->is_folded && source->is_folded[node->site];

	if (is_folded || process->calls_method == CALLS_BY_NOTHING)
		return 0;
	return row->kind == TREE_PYTHON || row->kind == TREE_DEEPER ? node->calls : 0;
}

static void add_object(struct builder *builder, uint32_t row, uint32_t object)
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
static void add_objects(struct builder *builder, const struct node *node, uint32_t row)
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

static void add_nodes(struct builder *builder)
{
	const struct tree_source *source = builder->source;
	struct calltree *tree = builder->tree;

	for (uint32_t i = source->starts[tree->process]; i < source->starts[tree->process + 1];
	     i++) {
		const struct node *node = &source->profile->nodes[source->nodes[i]];
		const struct cost cost = profile_cost(source->profile, source->nodes[i]);
		uint32_t index = map_node(builder, node);
		struct tree_node *row = &tree->nodes[index];

		source->tree_node[source->nodes[i]] = index;
		amounts_add(&tree->totals, index, &cost);
		row->calls += calls_of(builder, node, row);
		if (node->first_ns < row->first_ns)
			row->first_ns = node->first_ns;
		add_objects(builder, node, index);
	}
}

static void add_opening(struct calltree *tree)
{
	const struct process *process = &tree->profile->processes[tree->process];

	if (process->begin != BEGAN_FORK && process->begin != BEGAN_ATTACH)
		return;
	tree->opening_node = append_node(
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

/* The columns have each row's own cost at first. */
static void sum_totals(struct calltree *tree)
{
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

/* ---- Amounts ---- */

static int64_t bytes_of(const struct cost *cost, enum tree_metric metric)
{
	if (metric == METRIC_GROWN)
		return cost_grown(cost);
	if (metric == METRIC_RELEASED)
		return cost_released(cost);
	return cost_growth(cost);
}

static bool is_opening(const struct tree_node *node)
{
	return node->kind == TREE_INHERITED || node->kind == TREE_BEFORE;
}

static uint32_t index_of(const struct calltree *tree, const struct tree_node *node)
{
	return (uint32_t)(node - tree->nodes);
}

struct cost calltree_total(const struct calltree *tree, uint32_t node)
{
	return amounts_get(&tree->totals, node);
}

struct cost calltree_self(const struct calltree *tree, uint32_t node)
{
	struct cost self = amounts_get(&tree->totals, node);

	for (uint32_t child = tree->nodes[node].first_child; child != NO_NODE;
	     child = tree->nodes[child].next) {
		const struct cost total = amounts_get(&tree->totals, child);

		cost_subtract(&self, &total);
	}
	return self;
}

/* What was there is shown where growth is, though it is none. */
static int64_t opening_of(const struct calltree *tree, const struct tree_node *node)
{
	bool is_growth = tree->metric == METRIC_GROWTH || tree->metric == METRIC_CALLS;

	return is_growth && index_of(tree, node) == tree->opening_node ? tree->opening : 0;
}

int64_t calltree_shown_bytes(const struct calltree *tree, const struct tree_node *node)
{
	const struct cost total = calltree_total(tree, index_of(tree, node));

	return bytes_of(&total, tree->metric) + opening_of(tree, node);
}

int64_t calltree_self_bytes(const struct calltree *tree, const struct tree_node *node)
{
	const struct cost self = calltree_self(tree, index_of(tree, node));

	return bytes_of(&self, tree->metric) + opening_of(tree, node);
}

/* Is it a line of a function other than the first, where its calls stand? */
static bool is_inside(const struct profile *profile, const struct tree_node *node)
{
	const struct site *site;

	if (node->kind != TREE_PYTHON)
		return false;
	site = &profile->sites[node->site];
	return site->at && site->at != site->line;
}

enum tree_calls calltree_calls(const struct calltree *tree, const struct tree_node *node)
{
	const struct process *process = &tree->profile->processes[tree->process];
	bool is_function = node->kind == TREE_PYTHON || (node->kind == TREE_DEEPER && node->calls);

	if (process->calls_method == CALLS_BY_NOTHING || !is_function ||
	    is_inside(tree->profile, node))
		return CALLS_UNKNOWN;
	if (process->calls_seen == CALLS_SEEN_ENDS)
		return node->kind == TREE_PYTHON && !tree->profile->sites[node->site].is_resumable
			       ? CALLS_EXACT
			       : CALLS_BOUND;
	return process->calls_seen == CALLS_SEEN_ALL ? CALLS_EXACT : CALLS_BOUND;
}

/* What a minimum is compared with. */
static int64_t metric_amount(const struct calltree *tree, const struct tree_node *node)
{
	if (tree->metric == METRIC_CALLS)
		return (int64_t)node->calls;
	return calltree_shown_bytes(tree, node);
}

/* ---- Order ---- */

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
		return (int64_t)tree->nodes[node].calls;
	cost = sort == SORT_TOTAL ? calltree_total(tree, node) : calltree_self(tree, node);
	return bytes_of(&cost, tree->metric);
}

/* Siblings in the order of their numbers, which mostly is that of their first sight. */
static void link_as_added(struct calltree *tree)
{
	tree->first_root = NO_NODE;
	for (size_t i = tree->nr_nodes; i--;) {
		uint32_t parent = tree->nodes[i].parent;
		uint32_t *first = parent == NO_NODE ? &tree->first_root
						    : &tree->nodes[parent].first_child;

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

static void link_children(struct calltree *tree, enum tree_sort sort)
{
	struct sorter sorter = { .tree = tree, .sort = sort };

	link_as_added(tree);
	sort_siblings(&sorter, &tree->first_root);
	for (size_t i = 0; i < tree->nr_nodes; i++) {
		if (tree->nodes[i].first_child != NO_NODE)
			sort_siblings(&sorter, &tree->nodes[i].first_child);
	}
	free(sorter.keys);
}

/* ---- The whole ---- */

struct calltree *calltree_new(const struct tree_source *source, uint32_t process)
{
	const struct process *entry = &source->profile->processes[process];
	struct calltree *tree = xcalloc(1, sizeof(*tree));
	struct builder builder = { .source = source, .tree = tree };

	tree->profile = source->profile;
	tree->process = process;
	tree->metric = source->options.metric;
	tree->opening_node = NO_NODE;
	if (!*profile_string(source->profile, entry->python))
		tree->native_name = comm_of_command(
			profile_string(source->profile, entry->command));
	add_opening(tree);
	add_nodes(&builder);
	hash_table_free(&builder.children);
	hash_table_free(&builder.objects);
	sum_totals(tree);
	link_children(tree, source->options.sort);
	return tree;
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

int64_t calltree_growth(const struct calltree *tree)
{
	int64_t growth = 0;

	for (uint32_t root = tree->first_root; root != NO_NODE; root = tree->nodes[root].next) {
		const struct cost total = calltree_total(tree, root);

		growth += cost_growth(&total);
	}
	return growth;
}

/* ---- Minimum ---- */

uint8_t *calltree_rows(const struct calltree *tree, int64_t minimum)
{
	uint8_t *rows = xcalloc(tree->nr_nodes, sizeof(*rows));

	for (size_t i = tree->nr_nodes; i--;) {
		const struct tree_node *node = &tree->nodes[i];

		if (metric_amount(tree, node) > minimum)
			rows[i] = ROW_SHOWN;
		if (rows[i] != ROW_HIDDEN && node->parent != NO_NODE)
			rows[node->parent] = ROW_SKIPPED;
	}
	return rows;
}

bool calltree_has_row_above(const struct calltree *tree, int64_t minimum)
{
	for (size_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (!is_opening(node) && metric_amount(tree, node) > minimum)
			return true;
	}
	return false;
}

static bool is_kept(const struct tree_node *node, enum tree_row row)
{
	return row == ROW_SHOWN || is_opening(node);
}

/* The place of `node` in the pruned tree below `parent`, its place there. What is hidden with all
 * that is below it needs no place of its own below a cut node. */
static uint32_t prune_node(struct builder *builder, const struct tree_node *node, enum tree_row row,
			   uint32_t parent)
{
	struct calltree *pruned = builder->tree;
	uint32_t copy;

	if (!is_kept(node, row)) {
		if (row == ROW_HIDDEN && parent != NO_NODE &&
		    pruned->nodes[parent].kind == TREE_CUT)
			return parent;
		return find_child(builder, parent, NO_SITE, TREE_CUT);
	}
	copy = append_node(pruned, parent, node->kind);
	if (is_opening(node))
		pruned->opening_node = copy;
	pruned->nodes[copy].site = node->site;
	pruned->nodes[copy].calls = node->calls;
	pruned->nodes[copy].object = node->object;
	pruned->nodes[copy].nr_objects = node->nr_objects;
	pruned->nodes[copy].is_crowded = node->is_crowded;
	pruned->nodes[copy].is_one_class = node->is_one_class;
	return copy;
}

/* Appended in the order of the walk, so that first-come order keeps whatever order there was. */
static void prune_nodes(struct builder *builder, const struct calltree *tree, const uint8_t *rows)
{
	_cleanup_(freep) uint32_t *places = xcalloc(tree->nr_nodes, sizeof(*places));

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		const struct tree_node *node = &tree->nodes[walk.node];
		uint32_t parent = node->parent == NO_NODE ? NO_NODE : places[node->parent];
		struct cost self;

		if (walk.is_leaving)
			continue;
		self = calltree_self(tree, walk.node);
		places[walk.node] = prune_node(builder, node, rows[walk.node], parent);
		builder->tree->nodes[places[walk.node]].first_ns = 0;
		amounts_add(&builder->tree->totals, places[walk.node], &self);
	}
}

struct calltree *calltree_prune(const struct calltree *tree, int64_t minimum)
{
	_cleanup_(freep) uint8_t *rows = calltree_rows(tree, minimum);
	struct calltree *pruned = xcalloc(1, sizeof(*pruned));
	struct builder builder = { .tree = pruned };

	pruned->profile = tree->profile;
	pruned->process = tree->process;
	pruned->metric = tree->metric;
	pruned->opening_node = NO_NODE;
	pruned->opening = tree->opening;
	pruned->native_name = tree->native_name ? xstrdup(tree->native_name) : NULL;
	prune_nodes(&builder, tree, rows);
	hash_table_free(&builder.children);
	sum_totals(pruned);
	link_children(pruned, SORT_FIRST);
	return pruned;
}

/* ---- Walking ---- */

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
