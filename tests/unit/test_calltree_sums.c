/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of trees made of random nodes, with every option: each row has what the nodes of its
 * path have; the sum of self is the sum of the nodes and what the balance says; order and depth are
 * what they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calltree.h"
#include "memory.h"
#include "profile_builder.h"
#include "random_profile.h"
#include "tree_checks.h"

#define ROUNDS 300

static bool is_machinery(const struct profile *profile, const struct site *site)
{
	const char *file = profile_string(profile, site->file);

	return site->kind == SITE_PYTHON && strcmp(file, "/a.py") != 0 &&
	       strcmp(file, "/b.py") != 0;
}

/* A number for the path of each node: its own way of folding, to hold the tree's against. Python
 *, C and native threads are told apart by site, all else by kind. */
static uint64_t *number_nodes(const struct profile *profile, bool import_frames)
{
	uint64_t *paths = xcalloc(profile->nr_nodes, sizeof(*paths));

	for (size_t i = 0; i < profile->nr_nodes; i++) {
		const struct node *node = &profile->nodes[i];
		const struct site *site = &profile->sites[node->site];
		bool has_site = site->kind == SITE_PYTHON || site->kind == SITE_NATIVE ||
				site->kind == SITE_THREAD || site->kind == SITE_C;
		uint64_t step[] = { node->parent == NO_NODE ? 0 : paths[node->parent],
				    has_site ? 1000 + node->site : site->kind };

		if (!import_frames && is_machinery(profile, site)) {
			paths[i] = step[0];
			if (node->parent != NO_NODE)
				continue;
			step[1] = SITE_STARTUP;
		}
		paths[i] = hash_bytes(step, sizeof(step), 0);
	}
	return paths;
}

static uint64_t *number_rows(const struct calltree *tree)
{
	static const uint8_t kinds[NR_TREE_KINDS] = {
		[TREE_STARTUP] = SITE_STARTUP, [TREE_SHUTDOWN] = SITE_SHUTDOWN,
		[TREE_KERNEL] = SITE_KERNEL,   [TREE_TRUNCATED] = SITE_TRUNCATED,
		[TREE_LOST] = SITE_LOST,       [TREE_DEEPER] = SITE_DEEPER,
		[TREE_INHERITED] = UINT8_MAX,  [TREE_BEFORE] = UINT8_MAX,
	};
	uint64_t *paths = xcalloc(tree->nr_nodes, sizeof(*paths));

	for (size_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		uint64_t step[] = { node->parent == NO_NODE ? 0 : paths[node->parent],
				    node->site == NO_SITE ? kinds[node->kind] : 1000 + node->site };

		paths[i] = hash_bytes(step, sizeof(step), 0);
	}
	return paths;
}

/* Each row has what the nodes of its path have, and no path has two rows. */
static void assert_rows(const struct calltree *tree, bool import_frames)
{
	_cleanup_(freep) uint64_t *nodes = number_nodes(tree->profile, import_frames);
	_cleanup_(freep) uint64_t *rows = number_rows(tree);

	if (tree->native_name) /* more is one row there: [native thread NAME] */
		return;
	for (size_t row = 0; row < tree->nr_nodes; row++) {
		const struct cost self = calltree_self(tree, row);
		struct cost sum = { 0 };

		for (size_t i = 0; i < tree->profile->nr_nodes; i++) {
			const struct cost cost = profile_cost(tree->profile, i);

			if (tree->profile->nodes[i].process == tree->process &&
			    nodes[i] == rows[row])
				cost_add(&sum, &cost);
		}
		assert_memory_equal(&self, &sum, sizeof(sum));
		for (size_t other = 0; other < row; other++)
			assert_true(rows[other] != rows[row]);
	}
}

static bool is_counted(const struct calltree *tree, const struct node *node, bool import_frames)
{
	const struct site *site = &tree->profile->sites[node->site];

	if (site->kind == SITE_PYTHON)
		return import_frames || !is_machinery(tree->profile, site);
	return site->kind == SITE_DEEPER;
}

/* Calls of rows are those of the nodes, but for folded ones and rows that are no function. */
static void assert_calls(const struct calltree *tree, bool import_frames)
{
	const struct process *process = &tree->profile->processes[tree->process];
	uint64_t rows = 0, nodes = 0;

	for (size_t i = 0; i < tree->nr_nodes; i++)
		rows += tree->nodes[i].calls;
	for (size_t i = 0; i < tree->profile->nr_nodes; i++) {
		const struct node *node = &tree->profile->nodes[i];

		if (node->process == tree->process && is_counted(tree, node, import_frames))
			nodes += node->calls;
	}
	assert_int_equal(rows, process->calls_method == CALLS_BY_NOTHING ? 0 : nodes);
}

static int64_t sort_value(const struct calltree *tree, const struct tree_node *node,
			  enum tree_sort sort)
{
	uint32_t index = (uint32_t)(node - tree->nodes);
	const struct cost cost = sort == SORT_TOTAL ? calltree_total(tree, index)
						    : calltree_self(tree, index);

	if (sort == SORT_FIRST)
		return -(int64_t)node->first_ns;
	if (sort == SORT_CALLS || tree->metric == METRIC_CALLS)
		return node->calls;
	return metrics[tree->metric].amount(&cost);
}

static void assert_order(const struct calltree *tree, enum tree_sort sort)
{
	for (size_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->next != NO_NODE)
			assert_true(sort_value(tree, node, sort) >=
				    sort_value(tree, &tree->nodes[node->next], sort));
	}
}

/* A parent has at least what each row below it has, of metrics that say so; and what is known by
 * kind adds up. */
static void assert_metrics(const struct calltree *tree, uint32_t index)
{
	uint32_t parent = tree->nodes[index].parent;
	const struct cost total = calltree_total(tree, index);

	for (size_t i = 0; i < NR_METRICS; i++) {
		const struct metric *metric = &metrics[i];
		struct cost above;

		if (!metric->amount)
			continue;
		if (metric->by_kind)
			assert_int_equal(metric->amount(&total), rss_of(metric->by_kind(&total)));
		if (metric->is_signed || parent == NO_NODE)
			continue;
		above = calltree_total(tree, parent);
		assert_true(metric->amount(&above) >= metric->amount(&total));
	}
}

static void check_process(const struct tree_source *source, uint32_t process,
			  const struct tree_options *options)
{
	static const int64_t minimums[] = { INT64_MIN, -MB, 0, 1, 3, MB, 8 * MB, INT64_MAX };
	_cleanup_(calltree_freep) struct calltree *tree = calltree_new(source, process);

	tree_checks_sums(tree);
	assert_rows(tree, options->import_frames);
	tree_checks_links(tree);
	assert_order(tree, options->sort);
	assert_calls(tree, options->import_frames);
	for (uint32_t i = 0; i < tree->nr_nodes; i++)
		assert_metrics(tree, i);
	for (size_t i = 0; i < ARRAY_SIZE(minimums); i++) {
		_cleanup_(calltree_freep) struct calltree *pruned = calltree_prune(tree,
										   minimums[i]);

		tree_checks_sums(pruned);
		tree_checks_links(pruned);
		tree_checks_cuts(pruned);
	}
}

static void add_allocs(struct profile *profile)
{
	for (uint32_t i = 0; i < profile->nr_nodes; i += 1 + random_below(3)) {
		const struct cost cost = {
			.alloc_peak = random_below(MB),
			.alloc_end = random_below(MB),
			.alloc_blocks = random_below(99),
			.alloc_taken = random_below(MB),
			.alloc_taken_blocks = random_below(99),
			.alloc_freed_blocks = random_below(99),
		};

		profile_add_cost(profile, i, &cost);
	}
}

static void test_sums(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct profile *profile = random_profile_new();
		struct tree_options options = { .sort = round % 4,
						.metric = metric_find(
							metric_choice(random_below(4))),
						.import_frames = random_below(2) };
		struct tree_source *source = calltree_source_new(profile, &options);

		add_allocs(profile);

		for (uint32_t process = 0; process < profile->nr_processes; process++)
			check_process(source, process, &options);
		calltree_source_free(source);
		profile_free(profile);
	}
}

/* Rows of the tree that is walked: of chosen nodes and of those above, of what was there before,
 * and of all else. The caller frees it. */
static bool *find_wanted(const struct tree_source *source, const struct calltree *tree,
			 const bool *only)
{
	const struct profile *profile = tree->profile;
	bool *is_wanted = xcalloc(tree->nr_nodes + 1, sizeof(*is_wanted));

	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		uint32_t row;

		if (profile->nodes[i].process != tree->process || !only[i])
			continue;
		row = calltree_row_of(source, i);
		for (; row != NO_NODE; row = tree->nodes[row].parent)
			is_wanted[row] = true;
	}
	for (size_t i = 0; i < tree->nr_nodes; i++)
		is_wanted[i] |= tree->nodes[i].kind == TREE_CUT || i == tree->opening_node;
	return is_wanted;
}

static int64_t calls_of_rows(const struct calltree *tree)
{
	int64_t calls = 0;

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (!walk.is_leaving)
			calls += calltree_self_calls(tree, walk.node);
	}
	return calls;
}

/* The filter's copy, which has no row of its own. */
static void check_filtered(const struct calltree *tree, int64_t calls)
{
	_cleanup_(calltree_freep) struct calltree *pruned = calltree_prune(tree, INT64_MIN);

	tree_checks_sums(pruned);
	tree_checks_links(pruned);
	tree_checks_cuts(pruned);
	assert_int_equal(calls_of_rows(pruned), calls);
}

static void check_chosen(const struct tree_source *whole, const struct tree_source *source,
			 uint32_t process, const bool *only)
{
	_cleanup_(calltree_freep) struct calltree *all = calltree_new(whole, process);
	_cleanup_(calltree_freep) struct calltree *tree = calltree_new(source, process);
	_cleanup_(freep) bool *is_wanted = find_wanted(source, tree, only);

	tree_checks_sums(tree);
	tree_checks_cuts(tree);
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk))
		assert_true(is_wanted[walk.node]);
	assert_int_equal(calls_of_rows(tree), calls_of_rows(all));
	check_filtered(tree, calls_of_rows(all));
}

/* Of what is not chosen one row is left, with its calls, too. */
static void test_chosen(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct profile *profile = random_profile_new();
		_cleanup_(freep) bool *only = xcalloc(profile->nr_nodes + 1, sizeof(*only));
		struct tree_options options = { .metric = METRIC_CALLS, .folds = round % 2 };
		struct tree_source *whole = calltree_source_new(profile, &options), *source;

		for (uint32_t i = 0; i < profile->nr_nodes; i++)
			only[i] = !random_below(4);
		options.only = only;
		source = calltree_source_new(profile, &options);
		for (uint32_t process = 0; process < profile->nr_processes; process++)
			check_chosen(whole, source, process, only);
		calltree_source_free(whole);
		calltree_source_free(source);
		profile_free(profile);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sums),
					    cmocka_unit_test(test_chosen) };

	random_begin(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
