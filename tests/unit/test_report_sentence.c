/* SPDX-License-Identifier: BSD-2-Clause */
/* The first line of a report: of which process, and of how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_held.h"
#include "profile_merge.h"
#include "report_text.h"

#define SCRIPT "/run.py"

static void check_first(const char *text, const char *expected)
{
	size_t length = strcspn(text, "\n");

	if (length != strlen(expected) || strncmp(text, expected, length) != 0)
		fail_msg("not \"%s\":\n%s", expected, text);
}

static void copy(struct profile_builder *builder, uint32_t node, int64_t mb)
{
	const struct cost cost = { .unshared = mb * MB };

	profile_add_cost(builder->profile, node, &cost);
	builder->profile->processes[builder->process].has_unshared = true;
}

/* The parent is the highest, and its children copied what they share with it. */
static void test_most_of_another(void **state)
{
	const struct report_options options = { .tree.metric = METRIC_UNSHARED,
						.has_metric = true };
	struct profile_builder builder = builder_new();
	_cleanup_(freep) char *text = NULL;

	builder_process(&builder, 1, "python3 run.py", "3.11.2");
	copy(&builder, builder_python(&builder, NO_NODE, SCRIPT, "prepare", 80), 1);
	builder_process(&builder, 2, "python3 run.py", "3.11.2");
	builder_opening(&builder, BEGAN_FORK, 40);
	copy(&builder, builder_python(&builder, NO_NODE, SCRIPT, "worker", 0), 39);
	text = report_text_of_built(&builder, &options);
	check_first(text, "python3 run.py: 80.00 MB at most in the highest of 2 processes; "
			  "worker has most: 39.00 MB");
}

/* What grew below a caller that gave back more. */
static void test_most_below_release(void **state)
{
	const struct report_options options = { 0 };
	struct profile_builder builder = builder_new();
	_cleanup_(freep) char *text = NULL;
	uint32_t main;

	builder_process(&builder, 1, "python3 run.py", "3.11.2");
	builder_opening(&builder, BEGAN_ATTACH, 100);
	main = builder_python(&builder, NO_NODE, SCRIPT, "<module>", -60);
	builder_python(&builder, main, SCRIPT, "grow", 20);
	builder_python(&builder, NO_NODE, SCRIPT, "serve", 5);
	text = report_text_of_built(&builder, &options);
	check_first(text, "python3 run.py: 125.00 MB at most, 65.00 MB at the end; "
			  "grow grew most: 20.00 MB");
}

/* One that executed another program, which has a child that did. */
static void test_exec(void **state)
{
	static const struct report_options all = { 0 };
	static const uint32_t pids[] = { 7 };
	static const struct report_options first = { .pids = pids, .nr_pids = 1 };
	const struct report_options *const options[] = { &all, &first };
	static const char *const expected[] = {
		"sh run.sh: 40.00 MB at most in the highest of 2 processes; load grew most: "
		"40.00 MB",
		"sh run.sh: 40.00 MB at most, 12.00 MB at the end; load grew most: 40.00 MB",
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct profile_builder builder = builder_new();
		struct process *processes;
		_cleanup_(freep) char *text = NULL;

		builder_process(&builder, 7, "sh run.sh", NULL);
		builder_process(&builder, 7, "sh run.sh", "3.11.2");
		builder_python(&builder, NO_NODE, SCRIPT, "load", 40);
		builder_process(&builder, 8, "sh run.sh", NULL);
		builder_opening(&builder, BEGAN_FORK, 1);
		builder_process(&builder, 8, "sh run.sh", NULL);
		builder_process(&builder, 7, "sh run.sh", "3.11.2");
		builder_python(&builder, NO_NODE, SCRIPT, "serve", 12);
		processes = builder.profile->processes;
		processes[0].end = processes[1].end = processes[2].end = END_EXEC;
		text = report_text_of_built(&builder, options[i]);
		check_first(text, expected[i]);
		assert_true(i || strstr(text, "… 1 other process, highest 1.0 MB\n"));
	}
}

/* The number of a process that has ended is another's. */
static void test_pid_again(void **state)
{
	const struct report_options options = { 0 };
	struct profile_builder builder = builder_new();
	_cleanup_(freep) char *text = NULL;

	for (int i = 0; i < 2; i++) {
		builder_process(&builder, 7, "python3 run.py", "3.11.2");
		builder_python(&builder, NO_NODE, SCRIPT, "load", 40);
	}
	text = report_text_of_built(&builder, &options);
	check_first(text, "python3 run.py: 40.00 MB at most in the highest of 2 processes; "
			  "load grew most: 40.00 MB");
}

/* A program that was stopped, and its helper. */
static struct profile *make_run(double mb, double helper_mb)
{
	struct profile_builder builder = builder_new();
	uint32_t process = builder_process(&builder, 7, "python3 run.py", "3.11.2");

	builder.profile->processes[process].end = END_SIGNAL;
	builder.profile->processes[process].exit_signal = 15;
	builder_python(&builder, NO_NODE, SCRIPT, "load", mb);
	builder_process(&builder, 8, "python3 helper.py", "3.11.2");
	builder_python(&builder, NO_NODE, "/helper.py", "help", helper_mb);
	builder_finish(&builder);
	profile_settle(builder.profile);
	return builder.profile;
}

/* The report of what `after` has more; the caller frees it. Frees both. */
static char *report_difference(struct profile *before, struct profile *after)
{
	const struct report_options options = { .tree.is_difference = true };
	char *text;

	profile_merge(after, before, MERGE_DIFFERENCE);
	text = report_text(&report_tree, after, &options);
	profile_free(before);
	profile_free(after);
	return text;
}

static void test_difference(void **state)
{
	_cleanup_(freep) char *less = report_difference(make_run(40, 20), make_run(10, 15));
	_cleanup_(freep) char *some = report_difference(make_run(40, 20), make_run(52, 4));

	check_first(less, "python3 run.py: -35.00 MB difference in 2 processes");
	check_first(some, "python3 run.py: -4.00 MB difference in 2 processes; load grew most: "
			  "12.00 MB");
	assert_null(strstr(less, "Ended"));
	assert_non_null(strstr(less, "\n    PID    peak MB  growth MB  command\n"
				     "      7     -30.00     -30.00  python3 run.py\n"));
}

/* A program of which a signal, or none, was the end, and which had given back what it held. */
static struct profile *make_run_of(int32_t exit_signal, bool has_owners, const char *function,
				   double peak_mb)
{
	struct profile_builder builder = builder_new();
	uint32_t process = builder_process(&builder, 7, "python3 run.py", "3.11.2"), node;

	builder.profile->processes[process].end = exit_signal ? END_SIGNAL : END_EXIT;
	builder.profile->processes[process].exit_signal = exit_signal;
	node = builder_python(&builder, NO_NODE, SCRIPT, function, exit_signal ? peak_mb : 5);
	builder_hold(&builder, node, KIND_ANON, exit_signal ? peak_mb : 5, peak_mb);
	builder_finish(&builder);
	builder.profile->processes[process].peak = (int64_t)(peak_mb * MB);
	builder.profile->processes[process].has_owners = has_owners;
	profile_settle(builder.profile);
	return builder.profile;
}

/* Whichever side was killed, the same amounts are compared, of rows and headline. */
static void test_killed_difference(void **state)
{
	_cleanup_(freep) char *killed_after = report_difference(make_run_of(0, true, "load", 40),
								make_run_of(9, true, "load", 60));
	_cleanup_(freep) char *killed_before = report_difference(make_run_of(9, true, "load", 60),
								 make_run_of(0, true, "load", 40));
	_cleanup_(freep) char *without = report_difference(make_run_of(0, false, "load", 40),
							   make_run_of(9, true, "load", 60));
	_cleanup_(freep) char *other = report_difference(make_run_of(9, true, "load", 60),
							 make_run_of(0, true, "serve", 40));

	check_first(killed_after, "python3 run.py: 20.00 MB difference at the highest moment; "
				  "load has most: 20.00 MB");
	check_first(killed_before, "python3 run.py: -20.00 MB difference at the highest moment");
	assert_non_null(strstr(killed_after, ".load     20.00 MB"));
	assert_non_null(strstr(killed_before, ".load    -20.00 MB"));
	assert_non_null(strstr(killed_before, "held at its highest moment\n"));
	check_first(without, "python3 run.py: 55.00 MB difference; load grew most: 55.00 MB");
	check_first(other, "python3 run.py: -20.00 MB difference at the highest moment; "
			   "serve has most: 40.00 MB");
}

static char *report_moment(uint32_t nr_processes)
{
	struct profile *profile = make_run(40, 20);
	char *text;

	profile->highest = (struct moment){ 2000000000,	  52LL << 20, 60LL << 20,
					    nr_processes, false,      60LL << 20 };
	text = report_text(&report_tree, profile, &(struct report_options){ 0 });
	profile_free(profile);
	return text;
}

/* Those that ran at that moment, as the last line says. */
static void test_moment(void **state)
{
	_cleanup_(freep) char *all = report_moment(2), *one = report_moment(1);

	check_first(all, "python3 run.py: 52.00 MB at most (at 2.00 s) in 2 processes; "
			 "load grew most: 40.00 MB");
	check_first(one, "python3 run.py: 52.00 MB at most (at 2.00 s) in 1 process; "
			 "load grew most: 40.00 MB");
}

/* A balance, but no table without a row. */
static void test_no_difference(void **state)
{
	_cleanup_(freep) char *text = report_difference(make_run(40, 20), make_run(40, 20));

	check_first(text, "python3 run.py: 0.00 MB difference in 2 processes");
	assert_non_null(strstr(text, "Balance: 0.00 MB"));
	assert_null(strstr(text, "PID"));
	assert_null(strstr(text, "other process"));
}

/* Of one program: its first line is the same in all views. Frees the profile. */
static void check_views(struct profile_builder *builder, const char *expected)
{
	static const struct {
		const struct reporter *reporter;
		struct report_options options;
	} views[] = {
		{ .reporter = &report_tree },
		{ &report_tree, { .full = true } },
		{ &report_tree, { .by_process = true } },
		{ &report_tree, { .view.depth = 9 } },
		{ &report_tree, { .view.by = TREE_BY_MODULE } },
		{ &report_tree, { .view.is_inverted = true } },
		{ &report_tree, { .tree.sort = SORT_TOTAL } },
		{ &report_tree, { .tree.import_frames = true } },
		{ .reporter = &report_table },
	};

	builder_finish(builder);
	profile_settle(builder->profile);
	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		_cleanup_(freep) char *text = report_text(views[i].reporter, builder->profile,
							  &views[i].options);

		check_first(text, expected);
	}
	profile_free(builder->profile);
}

static struct profile_builder begin_run(void)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	return builder;
}

/* Calls of functions below each other, in turn, that take so much each. */
static void call(struct profile_builder *builder, uint32_t caller, const char *const names[2],
		 const double mb[2], int count)
{
	for (int i = 0; i < count; i++)
		caller = builder_python(builder, caller, SCRIPT, names[i % 2], mb[i % 2]);
}

/* What a function has that calls itself is what its first call has. */
static void test_recursion(void **state)
{
	static const char *const names[] = { "walk_tree", "walk_tree" };
	struct profile_builder builder = begin_run();
	uint32_t module = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 0);

	builder_python(&builder, module, SCRIPT, "other", 12);
	call(&builder, module, names, (const double[]){ 1, 1 }, 40);
	check_views(&builder, "python3 run.py: 52.00 MB at most, 52.00 MB at the end; "
			      "walk_tree grew most: 40.00 MB");
}

/* Of functions that call each other the first has all. */
static void test_mutual_recursion(void **state)
{
	static const char *const names[] = { "visit", "helper" };
	struct profile_builder builder = begin_run();
	uint32_t module = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 0);

	call(&builder, module, names, (const double[]){ 1.5, 0 }, 40);
	check_views(&builder, "python3 run.py: 30.00 MB at most, 30.00 MB at the end; "
			      "visit grew most: 30.00 MB");
}

/* Below its threads the same function is found as without them. */
static void test_threads(void **state)
{
	struct profile_builder builder = begin_run();

	for (int i = 0; i < 3; i++) {
		uint32_t thread = builder_special(&builder, NO_NODE, SITE_THREAD, i ? "pool" : "",
						  0);
		uint32_t bootstrap = builder_python(
			&builder, thread, "/usr/lib/python3.11/threading.py", "_bootstrap", 1);

		builder_python(&builder, bootstrap, SCRIPT, i ? "work" : "serve", 10);
	}
	check_views(&builder, "python3 run.py: 33.00 MB at most, 33.00 MB at the end; "
			      "work grew most: 20.00 MB");
}

/* What both call has more than either. */
static void test_two_callers(void **state)
{
	struct profile_builder builder = begin_run();
	uint32_t module = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 0);

	for (int i = 0; i < 2; i++) {
		uint32_t caller = builder_python(&builder, module, SCRIPT, i ? "save" : "load", 1);

		builder_python(&builder, caller, "/usr/lib/python3.11/json/decoder.py", "decode",
			       8 - i);
	}
	check_views(&builder, "python3 run.py: 17.00 MB at most, 17.00 MB at the end; "
			      "decode grew most: 15.00 MB");
}

/* One that has most of what its caller has is not named where another has more. */
static void test_rivals(void **state)
{
	for (int is_other = 0; is_other < 2; is_other++) {
		struct profile_builder builder = begin_run();
		uint32_t module = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 2);
		_cleanup_(freep) char *expected = NULL;
		uint32_t load = builder_python(&builder, module, SCRIPT, "load", 4);

		builder_python(&builder, load, SCRIPT, "parse", 6);
		if (is_other)
			builder_process(&builder, 8, "python3 helper.py", "3.11.2");
		builder_python(&builder, NO_NODE, SCRIPT, "serve", 8);
		expected = xasprintf("python3 run.py: %s; load grew most: 10.00 MB",
				     is_other ? "12.00 MB at most in the highest of 2 processes"
					      : "20.00 MB at most, 20.00 MB at the end");
		check_views(&builder, expected);
	}
}

/* What functions of C took is of the function of Python that called them: the same is named. */
static void test_c(void **state)
{
	for (int has_c = 0; has_c < 2; has_c++) {
		struct profile_builder builder = begin_run();
		uint32_t module = builder_python(&builder, NO_NODE, SCRIPT, "<module>", 0);
		uint32_t load = builder_python(&builder, module, SCRIPT, "load", has_c ? 1 : 13);
		uint32_t node = load;

		for (uint64_t i = 0; i < 3 && has_c; i++)
			node = builder_c(&builder, node, "/numpy/umath.so", "multiply", i, 4);
		builder_python(&builder, load, SCRIPT, "parse", 9);
		check_views(&builder, "python3 run.py: 22.00 MB at most, 22.00 MB at the end; "
				      "load grew most: 22.00 MB");
	}
}

/* A pool's workers are one also where each is a block by itself. */
static void test_workers(void **state)
{
	struct profile_builder builder = builder_new();

	for (uint32_t i = 0; i < 5; i++) {
		builder_process(&builder, 7 + i, "python3 run.py", "3.11.2");
		builder_python(&builder, NO_NODE, SCRIPT, "load", 10);
	}
	check_views(&builder, "python3 run.py: 10.00 MB at most in the highest of 5 processes; "
			      "load grew most: 50.00 MB");
}

/* The program's function before another's is its caller on all paths. */
static void test_own_caller(void **state)
{
	for (int is_shared = 0; is_shared < 2; is_shared++) {
		struct profile_builder builder = begin_run();
		uint32_t load = builder_python(&builder, NO_NODE, SCRIPT, "load", 0);
		uint32_t save = builder_python(&builder, NO_NODE, SCRIPT, "save", 0);
		const uint32_t callers[] = { load, is_shared ? save : load };
		_cleanup_(freep) char *expected = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
			builder_python(&builder, callers[i], "/usr/lib/python3.11/json/decoder.py",
				       "decode", 4);
		expected = xasprintf("python3 run.py: 8.00 MB at most, 8.00 MB at the end; "
				     "%sdecode grew most: 8.00 MB",
				     is_shared ? "" : "load › ");
		check_views(&builder, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_most_of_another),
		cmocka_unit_test(test_most_below_release),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_pid_again),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_killed_difference),
		cmocka_unit_test(test_moment),
		cmocka_unit_test(test_no_difference),
		cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_mutual_recursion),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_two_callers),
		cmocka_unit_test(test_rivals),
		cmocka_unit_test(test_c),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_own_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
