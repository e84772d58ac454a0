/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of views of trees made of random nodes: whatever is left out or turned round, all rows
 * together have what they had; and each pass does what it is for, told by another way of counting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calltree_view.h"
#include "memory.h"
#include "profile_builder.h"
#include "random_profile.h"
#include "tree_checks.h"

#define ROUNDS 200

/* What a view is made of. */
struct fixture {
	struct profile *profile;
	struct tree_source *source;
	struct tree_viewer *viewer; /* of the last view */
	struct label_style style;
	regex_t names, files;
};

static void add_held(struct profile *profile)
{
	for (uint32_t i = 0; i < profile->nr_nodes; i += 1 + random_below(3)) {
		struct cost cost = { .unshared = random_below(99), .alloc_end = random_below(99) };

		cost.peak[KIND_SHMEM] = random_below(99);
		cost.live[KIND_SWAP] = random_below(99);
		profile_add_cost(profile, i, &cost);
	}
}

/* Rows that hold, and are on no path of the program. */
static void add_special(struct profile *profile)
{
	static const uint8_t kinds[] = { SITE_INHERITED, SITE_BEFORE, SITE_UNOWNED, SITE_FREE };

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		uint8_t kind = kinds[random_below(ARRAY_SIZE(kinds))];
		struct cost cost = { .alloc_peak = random_below(99), .unshared = random_below(99) };

		cost.peak[KIND_ANON] = 1 + random_below(99);
		cost.live[KIND_ANON] = 1 + random_below(99);
		profile_add_cost(profile, profile_add_root(profile, i, kind, 0), &cost);
	}
}

static void add_coroutines(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_sites; i++)
		profile->sites[i].is_coroutine = random_below(2);
}

static void count_calls(struct profile *profile)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		profile->processes[i].calls_method = random_below(4) ? CALLS_BY_USDT
								     : CALLS_BY_NOTHING;
		profile->processes[i].calls_seen = random_below(NR_CALLS_SEEN);
	}
	for (size_t i = 0; i < profile->nr_sites; i++)
		profile->sites[i].is_resumable = random_below(2);
}

static struct fixture begin(void)
{
	const struct tree_options options = { .sort = random_below(4),
					      .metric = random_below(2) ? METRIC_GROWTH
									: METRIC_CALLS,
					      .import_frames = random_below(2) };
	struct fixture fixture = { .profile = random_profile_new() };

	add_held(fixture.profile);
	add_special(fixture.profile);
	add_coroutines(fixture.profile);
	count_calls(fixture.profile);
	fixture.source = calltree_source_new(fixture.profile, &options);
	label_style_init(&fixture.style, fixture.profile, NULL, false);
	assert_int_equal(regcomp(&fixture.names, "^(f|C\\.m)$", REG_EXTENDED | REG_NOSUB), 0);
	assert_int_equal(regcomp(&fixture.files, "a\\.py|kernel", REG_EXTENDED | REG_NOSUB), 0);
	return fixture;
}

static void end(struct fixture *fixture)
{
	tree_viewer_free(fixture->viewer);
	regfree(&fixture->names);
	regfree(&fixture->files);
	calltree_source_free(fixture->source);
	profile_free(fixture->profile);
}

/* A tree borrows from its viewer, which is freed with the fixture. */
static struct calltree *view_of(struct fixture *fixture, const struct tree_view *view,
				uint32_t process)
{
	tree_viewer_free(fixture->viewer);
	fixture->viewer = tree_viewer_new(fixture->profile, view, &fixture->style);
	return tree_viewer_apply(fixture->viewer, calltree_new(fixture->source, process));
}

static bool is_found(const struct fixture *fixture, const struct calltree *tree, uint32_t node,
		     bool by_name)
{
	const struct tree_place place = calltree_place(tree, &tree->nodes[node]);

	if (!by_name)
		return (place.file && !strcmp(place.file, "/a.py")) ||
		       tree->nodes[node].kind == TREE_KERNEL;
	return place.function && (!strcmp(place.function, "f") || !strcmp(place.function, "C.m"));
}

/* What is on paths with a row that the name finds and none of those files. */
static struct cost sum_of_paths(const struct fixture *fixture, const struct calltree *tree)
{
	struct cost sum = { 0 };

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		bool is_wanted = false, is_ignored = false;
		const struct cost self = calltree_self(tree, i);

		for (uint32_t node = i; node != NO_NODE; node = tree->nodes[node].parent) {
			is_wanted |= is_found(fixture, tree, node, true);
			is_ignored |= is_found(fixture, tree, node, false);
		}
		if (is_wanted && !is_ignored)
			cost_add(&sum, &self);
	}
	return sum;
}

static struct cost sum_of_shown(const struct calltree *tree)
{
	struct cost sum = { 0 };

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct cost self = calltree_self(tree, i);

		if (tree->nodes[i].kind != TREE_CUT)
			cost_add(&sum, &self);
	}
	return sum;
}

/* Calls that are known, of all rows. */
static int64_t sum_of_calls(const struct calltree *tree)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < tree->nr_nodes; i++)
		sum += calltree_self_calls(tree, i);
	return sum;
}

static void check_filter(struct fixture *fixture, uint32_t process)
{
	const struct tree_view view = { .focus = &fixture->names, .ignore = &fixture->files };
	_cleanup_(calltree_freep) struct calltree *whole = calltree_new(fixture->source, process);
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);
	const struct cost wanted = sum_of_paths(fixture, whole), shown = sum_of_shown(tree);

	assert_memory_equal(&wanted, &shown, sizeof(wanted));
	assert_int_equal(sum_of_calls(tree), sum_of_calls(whole));
	tree_checks_cuts(tree);
}

static void check_kinds(struct fixture *fixture, uint32_t process)
{
	const struct tree_view view = { .kinds = 1U << KIND_FILE | 1U << KIND_SWAP };
	_cleanup_(calltree_freep) struct calltree *whole = calltree_new(fixture->source, process);
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);
	const struct cost all = sum_of_shown(whole), kept = sum_of_shown(tree);

	assert_int_equal(kept.grown[KIND_FILE], all.grown[KIND_FILE]);
	assert_int_equal(kept.grown[KIND_ANON], 0);
	assert_int_equal(kept.peak[KIND_SHMEM], 0);
	assert_int_equal(kept.alloc_end, 0);
	assert_int_equal(cost_grown(&kept), all.grown[KIND_FILE] + all.grown[KIND_SWAP]);
	assert_int_equal(cost_live(&kept), all.live[KIND_FILE] + all.live[KIND_SWAP]);
}

/* Rows that are left have the totals that they had. */
static void check_depth(struct fixture *fixture, uint32_t process)
{
	const struct tree_view view = { .depth = 1 + random_below(4) };
	_cleanup_(calltree_freep) struct calltree *whole = calltree_new(fixture->source, process);
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);
	struct cost sums[2] = { 0 };

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct cost total = calltree_total(tree, i);

		assert_true(tree->nodes[i].depth <= view.depth);
		if (tree->nodes[i].kind == TREE_CUT)
			continue;
		assert_true(tree->nodes[i].depth < view.depth);
		cost_add(&sums[0], &total);
	}
	for (uint32_t i = 0; i < whole->nr_nodes; i++) {
		const struct cost total = calltree_total(whole, i);

		if (whole->nodes[i].depth < view.depth)
			cost_add(&sums[1], &total);
	}
	assert_memory_equal(&sums[0], &sums[1], sizeof(sums[0]));
	assert_int_equal(sum_of_calls(tree), sum_of_calls(whole));
}

/* Is the number of calls of a function a bound? Of all rows it is the same. */
static enum tree_calls calls_of_site(const struct calltree *whole, const struct tree_node *root)
{
	for (uint32_t i = 0; i < whole->nr_nodes; i++) {
		const struct tree_node *node = &whole->nodes[i];

		if (node->kind == root->kind && node->site == root->site &&
		    calltree_calls(whole, node) != CALLS_UNKNOWN)
			return calltree_calls(whole, node);
	}
	return CALLS_UNKNOWN;
}

/* What is left of an inverted tree has the calls that it had. */
static void check_inverted_rest(struct fixture *fixture, uint32_t process,
				const struct calltree *whole)
{
	const struct tree_view view = { .is_inverted = true, .depth = 1 + random_below(4) };
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);
	_cleanup_(calltree_freep) struct calltree *pruned = calltree_prune(tree, 8 * MB);

	assert_int_equal(sum_of_calls(tree), sum_of_calls(whole));
	assert_int_equal(sum_of_calls(pruned), sum_of_calls(whole));
}

/* A root has what its function has by itself on all paths, and its calls. */
static void check_invert(struct fixture *fixture, uint32_t process)
{
	const struct tree_view view = { .is_inverted = true };
	_cleanup_(calltree_freep) struct calltree *whole = calltree_new(fixture->source, process);
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);

	for (uint32_t root = tree->first_root; root != NO_NODE; root = tree->nodes[root].next) {
		const struct cost total = calltree_total(tree, root);
		struct cost sum = { 0 };
		int64_t calls = 0;

		for (uint32_t i = 0; i < whole->nr_nodes; i++) {
			const struct cost self = calltree_self(whole, i);

			if (whole->nodes[i].kind != tree->nodes[root].kind ||
			    whole->nodes[i].site != tree->nodes[root].site)
				continue;
			cost_add(&sum, &self);
			calls += whole->nodes[i].calls;
		}
		assert_memory_equal(&sum, &total, sizeof(sum));
		assert_int_equal(calls, tree->nodes[root].calls);
		assert_int_equal(calltree_calls(tree, &tree->nodes[root]),
				 calls_of_site(whole, &tree->nodes[root]));
	}
	assert_int_equal(sum_of_calls(tree), sum_of_calls(whole));
	check_inverted_rest(fixture, process, whole);
}

/* All rows of a file have what its functions have. */
static void check_roll_up(struct fixture *fixture, uint32_t process)
{
	const struct tree_view view = { .by = TREE_BY_FILE };
	_cleanup_(calltree_freep) struct calltree *whole = calltree_new(fixture->source, process);
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);
	struct cost sums[2][NR_TREE_KINDS] = { 0 }, a[2] = { 0 };

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];
		const struct cost self = calltree_self(tree, i);

		cost_add(&sums[0][node->kind], &self);
		if (node->kind != TREE_PYTHON)
			continue;
		if (!strcmp(calltree_place(tree, node).file, "/a.py"))
			cost_add(&a[0], &self);
		if (node->parent != NO_NODE && tree->nodes[node->parent].kind == TREE_PYTHON)
			assert_true(tree->nodes[node->parent].site != node->site);
	}
	for (uint32_t i = 0; i < whole->nr_nodes; i++) {
		const struct tree_node *node = &whole->nodes[i];
		const struct cost self = calltree_self(whole, i);

		cost_add(&sums[1][node->kind], &self);
		if (node->kind == TREE_PYTHON && !strcmp(calltree_place(whole, node).file, "/a.py"))
			cost_add(&a[1], &self);
	}
	assert_memory_equal(sums[0], sums[1], sizeof(sums[0]));
	assert_memory_equal(&a[0], &a[1], sizeof(a[0]));
}

static bool is_code(const struct tree_node *node)
{
	return node->kind == TREE_PYTHON || node->kind == TREE_C;
}

/* What C took is the package's, the module's and the line's that called it: it has no row of its
 * own but where nothing of Python did. Imports have what all of theirs took. */
static void check_callers(struct fixture *fixture, uint32_t process)
{
	static const enum tree_by by[] = { TREE_BY_PACKAGE, TREE_BY_MODULE, TREE_BY_LINE };
	const struct tree_view view = { .by = by[random_below(ARRAY_SIZE(by))],
					.imports = random_below(4) == 0 };
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (node->kind != TREE_C)
			continue;
		assert_false(view.imports);
		assert_false(node->parent != NO_NODE && is_code(&tree->nodes[node->parent]));
	}
	tree_checks_sums(tree);
}

/* The site of the outermost coroutine on a node's path, NO_SITE: there is none. */
static uint32_t task_of(const struct calltree *tree, uint32_t node)
{
	uint32_t task = NO_SITE;

	for (; node != NO_NODE; node = tree->nodes[node].parent) {
		const struct tree_node *row = &tree->nodes[node];

		if (row->kind == TREE_PYTHON && tree->profile->sites[row->site].is_coroutine)
			task = row->site;
	}
	return task;
}

/* A task has what all paths have that lead through it first; all else stays where it is. */
static void check_tasks(struct fixture *fixture, uint32_t process)
{
	const struct tree_view view = { .by = TREE_BY_TASK };
	_cleanup_(calltree_freep) struct calltree *whole = calltree_new(fixture->source, process);
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct cost total = calltree_total(tree, i);
		struct cost sum = { 0 };

		assert_int_equal(tree->nodes[i].is_task,
				 tree->nodes[i].parent == NO_NODE && task_of(tree, i) != NO_SITE);
		if (!tree->nodes[i].is_task)
			continue;
		for (uint32_t node = 0; node < whole->nr_nodes; node++) {
			const struct cost self = calltree_self(whole, node);

			if (task_of(whole, node) == tree->nodes[i].site)
				cost_add(&sum, &self);
		}
		assert_memory_equal(&sum, &total, sizeof(sum));
	}
	tree_checks_sums(tree);
	tree_checks_links(tree);
}

static struct tree_view random_view(const struct fixture *fixture)
{
	return (struct tree_view){
		.focus = random_below(2) ? &fixture->names : NULL,
		.ignore = random_below(2) ? &fixture->files : NULL,
		.kinds = random_below(1U << NR_KINDS),
		.depth = random_below(2) * random_below(6),
		.by = random_below(6),
		.imports = random_below(4) == 0,
		.is_inverted = random_below(2),
	};
}

/* All at once keep the sums, and what a minimum leaves of them does. */
static void check_any(struct fixture *fixture, uint32_t process)
{
	const struct tree_view view = random_view(fixture);
	_cleanup_(calltree_freep) struct calltree *whole = calltree_new(fixture->source, process);
	_cleanup_(calltree_freep) struct calltree *tree = view_of(fixture, &view, process);
	int64_t minimum = tree->metric == METRIC_CALLS ? 2 : 8 * MB;
	_cleanup_(calltree_freep) struct calltree *pruned = calltree_prune(tree, minimum);

	if (!view.imports)
		assert_int_equal(sum_of_calls(tree), sum_of_calls(whole));
	assert_int_equal(sum_of_calls(pruned), sum_of_calls(tree));
	tree_checks_sums(tree);
	tree_checks_links(tree);
	tree_checks_cuts(tree);
	tree_checks_sums(pruned);
	tree_checks_links(pruned);
	tree_checks_cuts(pruned);
}

static void test_views(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct fixture fixture = begin();

		for (uint32_t i = 0; i < fixture.profile->nr_processes; i++) {
			check_filter(&fixture, i);
			check_kinds(&fixture, i);
			check_depth(&fixture, i);
			check_invert(&fixture, i);
			check_roll_up(&fixture, i);
			check_callers(&fixture, i);
			check_tasks(&fixture, i);
			check_any(&fixture, i);
		}
		end(&fixture);
	}
}

#define DEEP 100000

/* A chain that no stack has: its inversion is bounded, and loses nothing. */
static void test_deep_chain(void **state)
{
	const struct tree_view view = { .is_inverted = true };
	struct profile_builder builder = builder_new();
	struct fixture fixture = { .profile = builder.profile };
	uint32_t parent = NO_NODE;
	struct calltree *tree;

	builder_process(&builder, 7, "deep", "3.11.2");
	for (int i = 0; i < DEEP; i++)
		parent = builder_python(&builder, parent, "/a.py", i % 2 ? "even" : "odd", 0.001);
	builder_finish(&builder);
	fixture.source = calltree_source_new(fixture.profile, &(const struct tree_options){ 0 });
	label_style_init(&fixture.style, fixture.profile, NULL, false);
	tree = view_of(&fixture, &view, 0);
	tree_checks_sums(tree);
	assert_true(tree->nr_nodes < 2 * (MAX_FRAMES + 20));
	calltree_free(tree);
	tree_viewer_free(fixture.viewer);
	calltree_source_free(fixture.source);
	profile_free(fixture.profile);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_deep_chain),
	};

	random_begin(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
