/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files and paths of two profiles are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calltree.h"
#include "profile_builder.h"
#include "profile_held.h"
#include "profile_merge.h"

/* What one function of AFTER, 3 MB, has more than one of BEFORE, 1 MB; 3: it was matched with
 * none. */
static double more_of(const char *before_file, const char *after_file)
{
	struct profile_builder before = builder_new(), after = builder_new();
	struct cost cost;

	builder_process(&before, 1, "/opt/3.9/bin/python3.9 a.py", "3.9.2");
	builder_python(&before, NO_NODE, before_file, "f", 1);
	builder_finish(&before);
	builder_process(&after, 9, "python3 a.py", "3.13.0");
	builder_python(&after, NO_NODE, after_file, "f", 3);
	builder_finish(&after);
	profile_settle(before.profile);
	profile_settle(after.profile);
	profile_merge(after.profile, before.profile, MERGE_DIFFERENCE);
	cost = profile_cost(after.profile, 0);
	profile_free(before.profile);
	profile_free(after.profile);
	return (double)cost_growth(&cost) / MB;
}

static void test_files(void **state)
{
	static const struct {
		const char *before, *after;
		double more;
	} files[] = {
		{ "/usr/lib/python3.9/json/decoder.py", "/x/lib/python3.13/json/decoder.py", 2 },
		{ "/usr/lib/python3.9/json/decoder.py", "/x/lib/python3.13t/json/decoder.py", 2 },
		{ "/usr/lib/python3.9/os.py", "<frozen os>", 2 },
		{ "/usr/lib/python3.9/importlib/__init__.py", "<frozen importlib>", 2 },
		{ "/usr/lib/python3.9/json/decoder.py", "/x/lib/python3.13/json/encoder.py", 3 },
		{ "/v/lib/python3.9/site-packages/numpy/core.py",
		  "/usr/lib/python3/dist-packages/numpy/core.py", 2 },
		{ "/v/lib/python3.9/site-packages/numpy/core.py",
		  "/v/lib/python3.9/site-packages/pandas/core.py", 3 },
		{ "/srv/v1/app.py", "/srv/v2/app.py", 2 },
		{ "/srv/app.py", "/usr/lib/python3.9/app.py", 3 },
		{ "/python3x/a/b.py", "/python3y/a/c.py", 3 },
		{ "/a/b/", "/c/d/", 3 },
		{ "<string>", "<stdin>", 3 },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		double more = more_of(files[i].before, files[i].after);

		if (more != files[i].more)
			fail_msg("%s and %s: %.0f MB more", files[i].before, files[i].after, more);
	}
}

/* Two files of one profile could be it: neither is. */
static void test_ambiguous_names(void **state)
{
	struct profile_builder before = builder_new(), after = builder_new();

	builder_process(&before, 1, "python3 a.py", "3.11.2");
	builder_python(&before, NO_NODE, "/v1/a/util.py", "f", 1);
	builder_python(&before, NO_NODE, "/v1/b/util.py", "f", 2);
	builder_finish(&before);
	builder_process(&after, 1, "python3 a.py", "3.11.2");
	builder_python(&after, NO_NODE, "/v2/a/util.py", "f", 4);
	builder_finish(&after);
	profile_merge(after.profile, before.profile, MERGE_DIFFERENCE);
	assert_int_equal(after.profile->nr_nodes, 3);
	profile_free(before.profile);
	profile_free(after.profile);
}

/* What was run is one program under whatever name. */
static void test_programs(void **state)
{
	struct profile_builder before = builder_new(), after = builder_new();

	builder_process(&before, 1, "python3 old.py", "3.11.2");
	builder_python(&before, builder_python(&before, NO_NODE, "/old.py", "<module>", 1),
		       "/old.py", "f", 1);
	builder_finish(&before);
	builder_process(&after, 1, "python3 new.py", "3.11.2");
	builder_python(&after, builder_python(&after, NO_NODE, "/new.py", "<module>", 1), "/new.py",
		       "f", 4);
	builder_finish(&after);
	profile_merge(after.profile, before.profile, MERGE_DIFFERENCE);
	assert_int_equal(after.profile->nr_nodes, 2);
	profile_free(before.profile);
	profile_free(after.profile);
}

/* A run of a script whose worker, forked, has `megabytes`. */
static struct profile *run_with_worker(const char *command, const char *worker, double megabytes)
{
	struct profile_builder builder = builder_new();
	struct process *process;

	builder_process(&builder, 7, command, "3.11.2");
	builder_python(&builder, NO_NODE, "/a.py", "<module>", 1);
	builder_process(&builder, 8, worker, "3.11.2");
	process = &builder.profile->processes[builder.process];
	process->ppid = 7;
	process->begin = BEGAN_FORK;
	builder_python(&builder, NO_NODE, "/a.py", "work", megabytes);
	builder_finish(&builder);
	return builder.profile;
}

/* How many processes and nodes a difference has, and what node 1, the worker's, has more. */
static void check_workers(const char *worker, size_t nr_processes, double more)
{
	struct profile *before = run_with_worker("python3 old.py", "python3 old.py", 2);
	struct profile *after = run_with_worker("python3 new.py", worker, 5);
	struct cost cost;

	profile_merge(after, before, MERGE_DIFFERENCE);
	assert_int_equal(after->nr_processes, nr_processes);
	cost = profile_cost(after, 1);
	assert_int_equal(cost_growth(&cost), more * MB);
	profile_free(before);
	profile_free(after);
}

/* Children of what was run are one, too, if they run the same program. */
static void test_children(void **state)
{
	check_workers("python3 new.py", 2, 3);
	check_workers("/opt/bin/python3.13 new.py --worker", 2, 3);
	check_workers("postgres", 3, 5);
}

static const char *change_of(const struct calltree *tree, const char *name)
{
	for (size_t i = 0; i < tree->nr_nodes; i++) {
		uint32_t site = tree->nodes[i].site;

		if (site != NO_SITE &&
		    !strcmp(profile_string(tree->profile, tree->profile->sites[site].name), name))
			return calltree_change(tree, &tree->nodes[i]);
	}
	return "";
}

static void test_changes(void **state)
{
	static const struct tree_options options = { .is_difference = true };
	struct profile_builder before = builder_new(), after = builder_new();
	struct tree_source *source;
	struct calltree *tree;
	size_t nr_rows = 0;

	builder_process(&before, 1, "python3 a.py", "3.11.2");
	builder_python(&before, NO_NODE, "/a.py", "goes", 1);
	builder_python(&before, NO_NODE, "/a.py", "grows", 1);
	builder_python(&before, NO_NODE, "/a.py", "shrinks", 1);
	builder_python(&before, NO_NODE, "/a.py", "stays", 1);
	builder_finish(&before);
	builder_process(&after, 1, "python3 a.py", "3.11.2");
	builder_python(&after, NO_NODE, "/a.py", "comes", 1);
	builder_python(&after, NO_NODE, "/a.py", "grows", 2);
	builder_python(&after, NO_NODE, "/a.py", "shrinks", 0.5);
	builder_python(&after, NO_NODE, "/a.py", "stays", 1);
	builder_finish(&after);
	profile_merge(after.profile, before.profile, MERGE_DIFFERENCE);
	source = calltree_source_new(after.profile, &options);
	tree = calltree_new(source, 0);
	assert_string_equal(change_of(tree, "goes"), "gone");
	assert_string_equal(change_of(tree, "comes"), "new");
	assert_string_equal(change_of(tree, "grows"), "grown");
	assert_string_equal(change_of(tree, "shrinks"), "shrunk");
	assert_string_equal(change_of(tree, "stays"), "same");
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk))
		nr_rows += !walk.is_leaving;
	assert_int_equal(nr_rows, 4);
	calltree_free(tree);
	calltree_source_free(source);
	profile_free(before.profile);
	profile_free(after.profile);
}

/* Whether the difference of the calls of two runs is one depends on whether both are exact. */
static void test_calls_of_bounds(void **state)
{
	static const struct {
		enum calls_seen seen;
		bool is_difference;
		enum tree_calls calls;
	} cases[] = {
		{ CALLS_SEEN_ALL, false, CALLS_EXACT },
		{ CALLS_SEEN_SOME, false, CALLS_BOUND },
		{ CALLS_SEEN_ALL, true, CALLS_EXACT },
		{ CALLS_SEEN_SOME, true, CALLS_UNKNOWN },
	};
	struct profile_builder builder = builder_new();
	struct process *process;

	builder_process(&builder, 1, "python3 a.py", "3.11.2");
	builder_python(&builder, NO_NODE, "/a.py", "f", 1);
	process = &builder.profile->processes[0];
	process->calls_method = CALLS_BY_USDT;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct tree_options options = { .is_difference = cases[i].is_difference };
		struct tree_source *source = calltree_source_new(builder.profile, &options);
		struct calltree *tree = calltree_new(source, 0);

		process->calls_seen = cases[i].seen;
		assert_int_equal(calltree_calls(tree, &tree->nodes[0]), cases[i].calls);
		calltree_free(tree);
		calltree_source_free(source);
	}
	profile_free(builder.profile);
}

#define UMATH "/v/lib/python3.11/site-packages/numpy/umath.so"
#define UMATH_OF_313 "/w/lib/python3.13/site-packages/numpy/umath.so"

static uint32_t add_c(struct profile_builder *builder, const char *library, const char *name,
		      uint64_t offset, double megabytes)
{
	return builder_c(builder, 0, library, name, offset, megabytes);
}

static double more_at(const struct profile *profile, uint32_t node)
{
	const struct cost cost = profile_cost(profile, node);

	return (double)cost_growth(&cost) / MB;
}

/* Functions of a library are one by their names where they moved, and else by where they are. */
static void test_c(void **state)
{
	struct profile_builder before = builder_new(), after = builder_new();
	uint32_t multiply, first, second, nameless, moved, alone;

	builder_process(&before, 1, "python3 a.py", "3.11.2");
	builder_python(&before, NO_NODE, "/a.py", "f", 0);
	add_c(&before, UMATH, "multiply", 0x100, 1);
	add_c(&before, UMATH, "find", 0x200, 1);
	add_c(&before, UMATH, "find", 0x300, 2);
	add_c(&before, UMATH, "", 0x400, 1);
	add_c(&before, UMATH, "", 0x500, 1);
	add_c(&before, "/lib/libz.so.1", "find", 0x900, 1);
	builder_finish(&before);
	builder_process(&after, 1, "python3 a.py", "3.13.0");
	builder_python(&after, NO_NODE, "/a.py", "f", 0);
	multiply = add_c(&after, UMATH_OF_313, "multiply", 0x180, 8);
	first = add_c(&after, UMATH_OF_313, "find", 0x280, 8);
	second = add_c(&after, UMATH_OF_313, "find", 0x380, 8);
	nameless = add_c(&after, UMATH_OF_313, "", 0x400, 8);
	moved = add_c(&after, UMATH_OF_313, "", 0x580, 8);
	alone = add_c(&after, "/lib/libm.so.6", "find", 0x900, 8);
	builder_finish(&after);
	profile_merge(after.profile, before.profile, MERGE_DIFFERENCE);
	assert_true(more_at(after.profile, multiply) == 7);
	assert_true(more_at(after.profile, first) == 7);
	assert_true(more_at(after.profile, second) == 6);
	assert_true(more_at(after.profile, nameless) == 7);
	assert_true(more_at(after.profile, moved) == 8);
	assert_true(more_at(after.profile, alone) == 8);
	assert_int_equal(after.profile->nr_nodes, 7 + 2);
	profile_free(before.profile);
	profile_free(after.profile);
}

/* What one run saw of a library that did not change is no reason to move what is there. */
static void test_c_that_stayed(void **state)
{
	struct profile_builder before = builder_new(), after = builder_new();
	uint32_t first, second;

	builder_process(&before, 1, "python3 a.py", "3.11.2");
	builder_python(&before, NO_NODE, "/a.py", "f", 0);
	add_c(&before, UMATH, "find", 0x300, 1);
	add_c(&before, UMATH, "multiply", 0x100, 1);
	builder_finish(&before);
	builder_process(&after, 1, "python3 a.py", "3.11.2");
	builder_python(&after, NO_NODE, "/a.py", "f", 0);
	first = add_c(&after, UMATH, "find", 0x200, 8);
	second = add_c(&after, UMATH, "find", 0x300, 8);
	add_c(&after, UMATH, "multiply", 0x100, 8);
	builder_finish(&after);
	profile_merge(after.profile, before.profile, MERGE_DIFFERENCE);
	assert_true(more_at(after.profile, first) == 8);
	assert_true(more_at(after.profile, second) == 7);
	assert_int_equal(after.profile->nr_nodes, 4);
	profile_free(before.profile);
	profile_free(after.profile);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),	 cmocka_unit_test(test_ambiguous_names),
		cmocka_unit_test(test_programs), cmocka_unit_test(test_children),
		cmocka_unit_test(test_changes),	 cmocka_unit_test(test_calls_of_bounds),
		cmocka_unit_test(test_c),	 cmocka_unit_test(test_c_that_stayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
