/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tree folds, and that --full does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_held.h"
#include "report_text.h"

static void check(struct profile_builder *builder, const char *folded, const char *full)
{
	static const struct report_options short_options = { 0 }, full_options = { .full = true };
	_cleanup_(freep) char *few = NULL, *all = NULL;

	builder_finish(builder);
	profile_settle(builder->profile);
	few = report_text(&report_tree, builder->profile, &short_options);
	all = report_text(&report_tree, builder->profile, &full_options);
	if (!strstr(few, folded))
		fail_msg("no \"%s\" in:\n%s", folded, few);
	if (!strstr(all, full))
		fail_msg("no \"%s\" in:\n%s", full, all);
	profile_free(builder->profile);
}

static struct profile_builder begin(uint32_t *ret_main)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, 1, "python3 run.py", "3.11.2");
	*ret_main = builder_python(&builder, NO_NODE, "/run.py", "<module>", 2);
	return builder;
}

static void test_recursion(void **state)
{
	uint32_t node;
	struct profile_builder builder = begin(&node);

	builder_count(&builder, CALLS_BY_USDT, true, "");
	for (int i = 0; i < 5; i++) {
		node = builder_python(&builder, node, "/run.py", "dive", 2);
		builder_calls(&builder, node, 3);
	}
	builder_python(&builder, node, "/run.py", "leaf", 4);
	check(&builder, "dive × 5     14.00 MB  (15 calls)\n    </run.py:4>.leaf      4.00 MB",
	      "dive     14.00 MB  (3 calls)\n    </run.py:4>.dive     12.00 MB");
}

static void test_runners(void **state)
{
	static const char runner[] = "/usr/lib/python3.11/multiprocessing/pool.py";
	uint32_t node;
	struct profile_builder builder = begin(&node);

	node = builder_python(&builder, node, runner, "Pool.map", 2);
	node = builder_python(&builder, node, runner, "Pool.get", 2);
	node = builder_python(&builder, node, runner, "worker", 2);
	builder_python(&builder, node, "/run.py", "work", 4);
	check(&builder, "Pool.map (2 more)     10.00 MB\n    </run.py:",
	      "    Pool.get      8.00 MB\n      <");
}

/* A program's own folder may have the name of a runner. */
static void test_own_folders(void **state)
{
	static const char own[] = "/home/u/python-app/asyncio/queue.py";
	uint32_t node;
	struct profile_builder builder = begin(&node);

	node = builder_python(&builder, node, own, "take", 2);
	builder_python(&builder, node, own, "put", 4);
	check(&builder, "queue.py:4>.take      6.00 MB\n    <", "queue.py:3>.put      4.00 MB");
}

static void test_imports(void **state)
{
	uint32_t main, api;
	struct profile_builder builder = begin(&main);

	builder_python(&builder, main, "/run.py", "work", 80);
	api = builder_python(&builder, main, "/p/api.py", "<module>", 2);
	builder_python(&builder, api, "/p/a.py", "<module>", 1.5);
	builder_python(&builder, main, "/p/b.py", "<module>", 1.5);
	builder_python(&builder, main, "/p/large.py", "<module>", 13);
	check(&builder, "  imports (3 modules)      5.00 MB\n  /p/large.py:1:<module>     13.00 MB",
	      "  /p/api.py:1:<module>      3.50 MB\n    /p/a.py:1:<module>      1.50 MB");
}

/* With --lines a module has a row for each line that took something, and is one module. */
static void test_imports_by_line(void **state)
{
	uint32_t main, api;
	struct profile_builder builder = begin(&main);

	builder_python(&builder, main, "/run.py", "work", 80);
	builder_module_line(&builder, main, "/p/large.py", 1, 13);
	for (int32_t line = 2; line <= 4; line++) {
		api = builder_module_line(&builder, main, "/p/api.py", line, 1);
		builder_module_line(&builder, api, "/p/a.py", line, 0.5);
		builder_module_line(&builder, api, "/p/a.py", line + 1, 0.5);
		builder_module_line(&builder, main, "/p/large.py", line, 0.25);
	}
	check(&builder, "  imports (5 modules)      6.75 MB\n",
	      "  /p/api.py:1:<module>:3      2.00 MB\n");
}

static void test_lines_of_one_module(void **state)
{
	uint32_t main;
	struct profile_builder builder = begin(&main);

	builder_python(&builder, main, "/run.py", "work", 80);
	builder_module_line(&builder, main, "/p/a.py", 1, 1.5);
	builder_module_line(&builder, main, "/p/a.py", 2, 1.25);
	check(&builder, "  /p/a.py:1:<module>:2      1.25 MB\n",
	      "  /p/a.py:1:<module>:2      1.25 MB\n");
}

/* Threads of a pool are one row, which is no path that was seen. */
static void test_native_threads(void **state)
{
	uint32_t node;
	struct profile_builder builder = begin(&node);

	node = builder_python(&builder, node, "/run.py", "load", 2);
	builder_special(&builder, node, SITE_NATIVE, "polars-3", 3);
	builder_special(&builder, node, SITE_NATIVE, "polars-0", 4);
	builder_special(&builder, NO_NODE, SITE_NATIVE, "polars-3", 5);
	check(&builder, ".load      9.00 MB\n    ~[native polars-3 and 1 more]      7.00 MB",
	      "    ~[native polars-0]      4.00 MB");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_native_threads),
		cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_runners),
		cmocka_unit_test(test_own_folders),
		cmocka_unit_test(test_imports),
		cmocka_unit_test(test_imports_by_line),
		cmocka_unit_test(test_lines_of_one_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
