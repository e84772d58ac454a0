/* SPDX-License-Identifier: BSD-2-Clause */
/* From nodes to rows: folding, rows without a site, order, minimum, depth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calltree.h"
#include "memory.h"
#include "profile_builder.h"

#define SCRIPT "/home/u/run.py"
#define DEEP 1000000

/* A tree, and what it is made of. */
struct fixture {
	struct profile_builder builder;
	struct tree_source *source;
	struct calltree *tree;
};

static struct fixture begin(const char *python)
{
	struct fixture fixture = { .builder = builder_new() };

	builder_process(&fixture.builder, 7, "/usr/bin/longer-than-fifteen x", python);
	return fixture;
}

static struct calltree *grow(struct fixture *fixture, struct tree_options options)
{
	builder_finish(&fixture->builder);
	fixture->source = calltree_source_new(fixture->builder.profile, &options);
	fixture->tree = calltree_new(fixture->source, fixture->builder.process);
	return fixture->tree;
}

static void end(struct fixture *fixture)
{
	calltree_free(fixture->tree);
	calltree_source_free(fixture->source);
	profile_free(fixture->builder.profile);
}

/* "name(child child) name": names of Python rows, kinds of the others. */
static void describe(const struct calltree *tree, char *ret, size_t size)
{
	bool after_row = false;
	size_t used = 0;

	ret[0] = '\0';
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		const struct tree_node *node = &tree->nodes[walk.node];
		const char *name = calltree_kind_name(node->kind);

		if (walk.is_leaving && node->first_child == NO_NODE)
			continue;
		if (node->kind == TREE_PYTHON)
			name = profile_string(tree->profile, tree->profile->sites[node->site].name);
		used += snprintf(ret + used, size - used, "%s%s%s",
				 walk.is_leaving || !after_row ? "" : " ",
				 walk.is_leaving ? "" : name,
				 walk.is_leaving		? ")"
				 : node->first_child != NO_NODE ? "("
								: "");
		after_row = walk.is_leaving || node->first_child == NO_NODE;
		assert_true(used < size);
	}
}

static void assert_shape(const struct calltree *tree, const char *expected)
{
	char shape[512];

	describe(tree, shape, sizeof(shape));
	assert_string_equal(shape, expected);
}

static int64_t total_of(const struct calltree *tree, uint32_t node)
{
	const struct cost total = calltree_total(tree, node);

	return cost_growth(&total);
}

static int64_t self_of(const struct calltree *tree, uint32_t node)
{
	const struct cost self = calltree_self(tree, node);

	return cost_growth(&self);
}

static void test_plain_tree(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct profile_builder *builder = &fixture.builder;
	uint32_t main = builder_python(builder, NO_NODE, SCRIPT, "main", 1);
	uint32_t a = builder_python(builder, main, SCRIPT, "a", 2);
	struct calltree *tree;

	builder_python(builder, main, SCRIPT, "b", -3);
	builder_python(builder, a, SCRIPT, "a", 4);
	tree = grow(&fixture, (struct tree_options){ 0 });
	assert_shape(tree, "main(a(a) b)");
	assert_int_equal(calltree_growth(tree), 4 * MB);
	assert_int_equal(total_of(tree, tree->first_root), 4 * MB);
	assert_int_equal(tree->nodes[tree->first_root].depth, 0);
	assert_int_equal(tree->nodes[tree->nodes[tree->first_root].first_child].depth, 1);
	end(&fixture);
}

static void test_order(void **state)
{
	static const struct {
		enum tree_sort sort;
		const char *shape;
	} orders[] = {
		{ SORT_FIRST, "main(a(d) b c)" },
		{ SORT_TOTAL, "main(a(d) c b)" },
		{ SORT_SELF, "main(c b a(d))" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct fixture fixture = begin("3.11.2");
		struct profile_builder *builder = &fixture.builder;
		uint32_t main = builder_python(builder, NO_NODE, SCRIPT, "main", 1);
		uint32_t a = builder_python(builder, main, SCRIPT, "a", -1);

		builder_python(builder, main, SCRIPT, "b", 2);
		builder_python(builder, main, SCRIPT, "c", 3);
		builder_python(builder, a, SCRIPT, "d", 9);
		assert_shape(grow(&fixture, (struct tree_options){ .sort = orders[i].sort }),
			     orders[i].shape);
		end(&fixture);
	}
}

/* Order of first call, not of the nodes' arrival in the profile. */
static void test_first_call_order(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct profile_builder *builder = &fixture.builder;
	uint32_t late = builder_python(builder, NO_NODE, SCRIPT, "late", 1);

	builder_python(builder, NO_NODE, SCRIPT, "early", 1);
	builder->profile->nodes[late].first_ns = 1000000000;
	assert_shape(grow(&fixture, (struct tree_options){ 0 }), "early late");
	end(&fixture);
}

static uint64_t calls_of(const struct calltree *tree, uint32_t node)
{
	return tree->nodes[node].calls;
}

/* Rows that folding brings together add up; what is folded is another function's row. */
static void test_calls(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct profile_builder *builder = &fixture.builder;
	uint32_t startup, main, machinery, row;
	struct calltree *tree;

	builder_count(builder, CALLS_BY_USDT, true, "");
	startup = builder_special(builder, NO_NODE, SITE_STARTUP, NULL, 1);
	main = builder_python(builder, NO_NODE, SCRIPT, "main", 1);
	machinery = builder_python(builder, main, "<frozen zipimport>", "load", 1);
	builder_calls(builder, startup, 9);
	builder_calls(builder, main, 1);
	builder_calls(builder, machinery, 100);
	builder_calls(builder, builder_python(builder, main, SCRIPT, "a", 1), 3);
	builder_calls(builder, builder_python(builder, machinery, SCRIPT, "a", 1), 4);
	builder_calls(builder, builder_special(builder, main, SITE_DEEPER, NULL, 0), 5);
	tree = grow(&fixture, (struct tree_options){ 0 });
	assert_shape(tree, "startup main(a deeper)");
	row = tree->first_root;
	assert_int_equal(calls_of(tree, row), 0);
	assert_int_equal(calltree_calls(tree, &tree->nodes[row]), CALLS_UNKNOWN);
	row = tree->nodes[row].next;
	assert_int_equal(calls_of(tree, row), 1);
	row = tree->nodes[row].first_child;
	assert_int_equal(calls_of(tree, row), 7);
	assert_int_equal(calltree_calls(tree, &tree->nodes[row]), CALLS_EXACT);
	row = tree->nodes[row].next;
	assert_int_equal(calls_of(tree, row), 5);
	end(&fixture);
}

static void test_calls_known(void **state)
{
	static const struct {
		enum calls_method method;
		bool is_complete;
		enum tree_calls known;
		uint64_t calls;
	} ways[] = {
		{ CALLS_BY_NOTHING, false, CALLS_UNKNOWN, 0 },
		{ CALLS_BY_NOTHING, true, CALLS_UNKNOWN, 0 },
		{ CALLS_BY_USDT, false, CALLS_BOUND, 2 },
		{ CALLS_BY_UPROBE, true, CALLS_EXACT, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct fixture fixture = begin("3.11.2");
		struct calltree *tree;

		builder_count(&fixture.builder, ways[i].method, ways[i].is_complete, "");
		builder_calls(&fixture.builder,
			      builder_python(&fixture.builder, NO_NODE, SCRIPT, "f", 1), 2);
		builder_special(&fixture.builder, NO_NODE, SITE_DEEPER, NULL, 0);
		tree = grow(&fixture, (struct tree_options){ 0 });
		assert_int_equal(calltree_calls(tree, &tree->nodes[0]), ways[i].known);
		assert_int_equal(calls_of(tree, 0), ways[i].calls);
		assert_int_equal(calltree_calls(tree, &tree->nodes[1]), CALLS_UNKNOWN);
		end(&fixture);
	}
}

/* main and d have one call, a two, c three; b gave back what it took. */
static struct calltree *grow_called(struct fixture *fixture, struct tree_options options)
{
	struct profile_builder *builder = &fixture->builder;
	uint32_t main, a, b;

	builder_count(builder, CALLS_BY_USDT, true, "");
	builder_opening(builder, BEGAN_FORK, 50);
	main = builder_python(builder, NO_NODE, SCRIPT, "main", 1);
	a = builder_python(builder, main, SCRIPT, "a", 9);
	b = builder_python(builder, main, SCRIPT, "b", 8);
	builder_cost(builder, b, KIND_ANON, 0, 8 * MB);
	builder_calls(builder, builder_python(builder, main, SCRIPT, "c", 1), 3);
	builder_calls(builder, builder_python(builder, a, SCRIPT, "d", 2), 1);
	builder_calls(builder, main, 1);
	builder_calls(builder, a, 2);
	return grow(fixture, options);
}

static void test_metrics(void **state)
{
	static const struct {
		struct tree_options options;
		int64_t minimum;
		const char *shape, *pruned;
	} ways[] = {
		{ { 0 }, MB, "inherited main(a(d) b c)", "inherited main(a(d) cut)" },
		{ { .metric = METRIC_GROWN },
		  2 * MB,
		  "inherited main(a(d) b c)",
		  "inherited main(a(cut) b cut)" },
		{ { .metric = METRIC_RELEASED },
		  0,
		  "inherited main(a(d) b c)",
		  "inherited main(cut b)" },
		{ { .metric = METRIC_RELEASED, .sort = SORT_TOTAL },
		  0,
		  "main(b a(d) c) inherited",
		  "main(b cut) inherited" },
		{ { .metric = METRIC_CALLS },
		  1,
		  "inherited main(a(d) b c)",
		  "inherited cut(a(cut) c)" },
		{ { .metric = METRIC_CALLS, .sort = SORT_SELF },
		  0,
		  "main(c a(d) b) inherited",
		  "main(c a(d) cut) inherited" },
		{ { .sort = SORT_CALLS },
		  0,
		  "main(c a(d) b) inherited",
		  "main(c a(d) cut) inherited" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct fixture fixture = begin("3.11.2");
		struct calltree *tree = grow_called(&fixture, ways[i].options), *pruned;

		assert_shape(tree, ways[i].shape);
		pruned = calltree_prune(tree, ways[i].minimum);
		assert_shape(pruned, ways[i].pruned);
		calltree_free(pruned);
		end(&fixture);
	}
}

/* The opening is no growth, so nothing that was grown or released. */
static void test_shown_bytes(void **state)
{
	static const struct {
		enum tree_metric metric;
		int64_t opening, main;
	} shown[] = {
		{ METRIC_GROWTH, 50 * MB, 13 * MB },
		{ METRIC_GROWN, 0, 21 * MB },
		{ METRIC_RELEASED, 0, 8 * MB },
		{ METRIC_CALLS, 50 * MB, 13 * MB },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		struct fixture fixture = begin("3.11.2");
		struct tree_options options = { .metric = shown[i].metric };
		struct calltree *tree = grow_called(&fixture, options);
		uint32_t main = tree->nodes[tree->first_root].next;

		assert_int_equal(calltree_shown_bytes(tree, &tree->nodes[tree->first_root]),
				 shown[i].opening);
		assert_int_equal(calltree_shown_bytes(tree, &tree->nodes[main]), shown[i].main);
		end(&fixture);
	}
}

static uint32_t add_machinery(struct profile_builder *builder, uint32_t parent)
{
	parent = builder_python(builder, parent, "<frozen importlib._bootstrap>", "find", 1);
	return builder_python(builder, parent, "/x/importlib/_bootstrap_external.py", "load", 1);
}

static struct calltree *grow_imports(struct fixture *fixture, bool import_frames)
{
	struct profile_builder *builder = &fixture->builder;
	uint32_t main;

	builder_python(builder, add_machinery(builder, NO_NODE), "/x/site.py", "site", 5);
	main = builder_python(builder, NO_NODE, SCRIPT, "main", 1);
	builder_python(builder, main, "/x/a.py", "a", 6);
	builder_python(builder, add_machinery(builder, main), "/x/a.py", "a", 7);
	return grow(fixture, (struct tree_options){ .import_frames = import_frames });
}

static void test_imports_are_folded(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct calltree *tree = grow_imports(&fixture, false);
	uint32_t startup = tree->first_root, main = tree->nodes[startup].next, a;

	assert_shape(tree, "startup(site) main(a)");
	a = tree->nodes[main].first_child;
	assert_int_equal(self_of(tree, startup), 2 * MB);
	assert_int_equal(self_of(tree, main), 3 * MB);
	assert_int_equal(self_of(tree, a), 13 * MB);
	end(&fixture);
}

static void test_imports_are_shown(void **state)
{
	struct fixture fixture = begin("3.11.2");

	assert_shape(grow_imports(&fixture, true), "find(load(site)) main(a find(load(a)))");
	end(&fixture);
}

/* What is folded without a row above and what was booked before the first frame is one row. */
static void test_folding_into_startup(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct calltree *tree;

	builder_special(&fixture.builder, NO_NODE, SITE_STARTUP, NULL, 3);
	add_machinery(&fixture.builder, NO_NODE);
	tree = grow(&fixture, (struct tree_options){ 0 });
	assert_shape(tree, "startup");
	assert_int_equal(total_of(tree, tree->first_root), 5 * MB);
	end(&fixture);
}

static void test_is_machinery(void **state)
{
	static const struct {
		const char *file;
		bool is_folded;
	} files[] = {
		{ "<frozen importlib._bootstrap>", true },
		{ "<frozen importlib._bootstrap_external>", true },
		{ "<frozen zipimport>", true },
		{ "/usr/lib/python3.6/importlib/_bootstrap.py", true },
		{ "importlib/_bootstrap_external.py", true },
		{ "<frozen zipimporter>", false },
		{ "<frozen runpy>", false },
		{ "/usr/lib/python3.6/importlib/__init__.py", false },
		{ "/opt/myimportlib/_bootstrap.py", false },
		{ "/x/importlib/_bootstrap.pyc", false },
		{ "/x/importlib/_bootstrap/a.py", false },
		{ "/_bootstrap.py", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct fixture fixture = begin("3.11.2");

		builder_python(&fixture.builder, NO_NODE, files[i].file, "f", 1);
		assert_shape(grow(&fixture, (struct tree_options){ 0 }),
			     files[i].is_folded ? "startup" : "f");
		end(&fixture);
	}
}

static void test_without_python(void **state)
{
	struct fixture fixture = begin(NULL);
	struct profile_builder *builder = &fixture.builder;
	struct calltree *tree;

	builder_special(builder, NO_NODE, SITE_STARTUP, NULL, 1);
	builder_special(builder, NO_NODE, SITE_NATIVE, "other", 2);
	builder_special(builder, NO_NODE, SITE_NATIVE, "longer-than-fif", 4);
	tree = grow(&fixture, (struct tree_options){ 0 });
	assert_shape(tree, "native native");
	assert_string_equal(tree->native_name, "longer-than-fif");
	assert_int_equal(total_of(tree, tree->first_root), 5 * MB);
	assert_int_equal(total_of(tree, tree->nodes[tree->first_root].next), 2 * MB);
	end(&fixture);
}

static void test_opening_is_no_growth(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct calltree *tree;

	builder_opening(&fixture.builder, BEGAN_FORK, 50);
	builder_special(&fixture.builder, NO_NODE, SITE_LOST, NULL, 2);
	tree = grow(&fixture, (struct tree_options){ 0 });
	assert_shape(tree, "inherited lost");
	assert_int_equal(calltree_growth(tree), 2 * MB);
	assert_int_equal(calltree_shown_bytes(tree, &tree->nodes[tree->first_root]), 50 * MB);
	assert_true(calltree_has_row_above(tree, MB));
	assert_false(calltree_has_row_above(tree, 2 * MB));
	end(&fixture);
}

static struct calltree *grow_hidden(struct fixture *fixture)
{
	struct profile_builder *builder = &fixture->builder;
	uint32_t main = builder_python(builder, NO_NODE, SCRIPT, "main", 1);
	uint32_t small = builder_python(builder, main, SCRIPT, "small", -5);
	uint32_t other = builder_python(builder, main, SCRIPT, "other", -20);

	builder_python(builder, small, SCRIPT, "large", 5);
	builder_python(builder, small, SCRIPT, "tiny", 1);
	builder_python(builder, builder_python(builder, other, SCRIPT, "below", -1), SCRIPT, "deep",
		       10);
	builder_python(builder, main, SCRIPT, "exact", 2);
	builder_python(builder, main, SCRIPT, "shown", 20);
	return grow(fixture, (struct tree_options){ 0 });
}

static void test_rows(void **state)
{
	static const uint8_t expected[] = {
		ROW_SHOWN,   /* main */
		ROW_SKIPPED, /* small: 1 MB, with large below */
		ROW_SHOWN,   /* other: -11 MB */
		ROW_SHOWN,   /* large */
		ROW_HIDDEN,  /* tiny */
		ROW_SHOWN,   /* below: 9 MB */
		ROW_SHOWN,   /* deep */
		ROW_HIDDEN,  /* exact: not more than 2 MB */
		ROW_SHOWN,   /* shown */
	};
	struct fixture fixture = begin("3.11.2");
	_cleanup_(freep) uint8_t *rows = calltree_rows(grow_hidden(&fixture), 2 * MB);

	assert_memory_equal(rows, expected, sizeof(expected));
	end(&fixture);
}

static void test_prune(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct calltree *pruned = calltree_prune(grow_hidden(&fixture), 2 * MB);

	assert_shape(pruned, "main(cut(large) other(below(deep)) shown)");
	assert_int_equal(calltree_growth(pruned), calltree_growth(fixture.tree));
	calltree_free(pruned);
	pruned = calltree_prune(fixture.tree, 100 * MB);
	assert_shape(pruned, "cut");
	assert_int_equal(calltree_growth(pruned), calltree_growth(fixture.tree));
	calltree_free(pruned);
	end(&fixture);
}

static void test_nodes_of_other_processes(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct profile_builder *builder = &fixture.builder;
	uint32_t main = builder_python(builder, NO_NODE, SCRIPT, "main", 1);
	struct calltree *other;

	builder_python(builder, main, SCRIPT, "a", 2);
	builder_process(builder, 8, "x", "3.11.2");
	builder_python(builder, NO_NODE, SCRIPT, "main", 4);
	assert_shape(grow(&fixture, (struct tree_options){ 0 }), "main");
	assert_int_equal(calltree_growth(fixture.tree), 4 * MB);
	other = calltree_new(fixture.source, 0);
	assert_shape(other, "main(a)");
	assert_int_equal(calltree_growth(other), 3 * MB);
	calltree_free(other);
	end(&fixture);
}

static void test_empty(void **state)
{
	struct fixture fixture = begin("3.11.2");
	struct calltree *tree = grow(&fixture, (struct tree_options){ 0 });
	struct calltree *pruned = calltree_prune(tree, 0);

	assert_shape(tree, "");
	assert_shape(pruned, "");
	calltree_free(pruned);
	end(&fixture);
}

/* Longer than any stack: nothing here may recurse. */
static void test_deep_chain(void **state)
{
	struct fixture fixture = begin("3.11.2");
	uint32_t parent = NO_NODE, visited = 0;
	struct calltree *tree, *pruned;

	for (int i = 0; i < DEEP; i++)
		parent = builder_python(&fixture.builder, parent, SCRIPT, "f", 1.0 / MB);
	tree = grow(&fixture, (struct tree_options){ .sort = SORT_TOTAL });
	assert_int_equal(tree->nr_nodes, DEEP);
	assert_int_equal(total_of(tree, tree->first_root), DEEP);
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk))
		visited++;
	assert_int_equal(visited, 2 * DEEP);
	pruned = calltree_prune(tree, DEEP / 2);
	assert_int_equal(pruned->nr_nodes, DEEP / 2 + 1);
	calltree_free(pruned);
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_tree),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_first_call_order),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_calls_known),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_shown_bytes),
		cmocka_unit_test(test_imports_are_folded),
		cmocka_unit_test(test_imports_are_shown),
		cmocka_unit_test(test_folding_into_startup),
		cmocka_unit_test(test_is_machinery),
		cmocka_unit_test(test_without_python),
		cmocka_unit_test(test_opening_is_no_growth),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_prune),
		cmocka_unit_test(test_nodes_of_other_processes),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_deep_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
