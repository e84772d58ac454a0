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

#define PYTHON "/usr/bin/python3.11"
#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define UMATH "/v/site-packages/numpy/_umath.so"

/* What the interpreter does below a function is one row, with what the C library does for it. */
static void test_interpreter(void **state)
{
	uint32_t node, below;
	struct profile_builder builder = begin(&node);

	node = builder_c(&builder, node, PYTHON, "PyList_New", 0x10, 1);
	below = builder_c(&builder, node, PYTHON, "_PyObject_GC_New", 0x20, 1);
	below = builder_c(&builder, below, LIBC, "malloc", 0x10, 1);
	builder_c(&builder, below, LIBC, "sysmalloc", 0x20, 4);
	below = builder_c(&builder, node, PYTHON, "PyList_New", 0x10, 2);
	builder_c(&builder, below, PYTHON, "", 0x30, 1);
	check(&builder, "  PyList_New (python3.11) (3 more)     10.00 MB\n",
	      "      malloc (libc.so.6)      5.00 MB\n        sysmalloc (libc.so.6)      4.00");
}

/* A library's functions are rows of their own, and so is what the C library does for it; what the
 * interpreter does below is one again, on all paths. */
static void test_libraries(void **state)
{
	uint32_t node, below, inner;
	struct profile_builder builder = begin(&node);

	node = builder_c(&builder, node, "/opt/lib/libpython3.13t.so.1.0", "call", 0x10, 0);
	for (uint64_t i = 0; i < 2; i++) {
		below = builder_c(&builder, node, "/opt/lib/libpython3.13t.so.1.0", "", i, 0);
		below = builder_c(&builder, below, UMATH, "multiply", 0x10, 1);
		inner = builder_c(&builder, below, UMATH, "loop", 0x20, 1);
		inner = builder_c(&builder, inner, LIBC, "realloc", 0x10, 1);
		builder_c(&builder, inner, LIBC, "memmove", 0x20, 1);
		inner = builder_c(&builder, below, "/opt/lib/libpython3.13t.so.1.0", "new", 1, 1);
		builder_c(&builder, inner, "/lib/ld-musl-x86_64.so.1", "malloc", 1, 1);
	}
	check(&builder,
	      "  call (libpython3.13t.so.1.0) (1 more)     12.00 MB\n"
	      "    multiply (_umath.so)     12.00 MB\n"
	      "      loop (_umath.so)      6.00 MB\n"
	      "        realloc (libc.so.6) (1 more)      4.00 MB\n"
	      "      new (libpython3.13t.so.1.0) (1 more)      4.00 MB\n",
	      "    libpython3.13t.so.1.0+0x1      6.00 MB\n");
}

/* The rows of two functions below each other, one of a library and one of another. */
static void check_pair(const char *library, const char *below, bool is_one)
{
	uint32_t node;
	struct profile_builder builder = begin(&node);
	static const char one[] = "(1 more)      4.00 MB", two[] = "      4.00 MB\n    b (";

	node = builder_c(&builder, node, library, "a", 0, 1);
	builder_c(&builder, node, below, "b", 0, 3);
	check(&builder, is_one ? one : two, two);
}

static void test_which_libraries(void **state)
{
	static const char *const interpreters[] = {
		"python",
		"/opt/cpython/python",
		"/usr/bin/python3.7m",
		"/usr/bin/python3",
		"/usr/bin/python3.13t",
		"/usr/lib/libpython3.6m.so.1.0",
		"/x/libpython3.so",
		"/x/libpython3.14.so",
		"/x/libpython3.14td.so.1.0",
		"/usr/bin/python3.11d",
	};
	static const char *const others[] = {
		"/usr/bin/python3-config",
		"/usr/bin/pythonista",
		"/x/libpython3.so2",
		"/x/libboost_python3.so",
		"/x/python3.11/_json.so",
		"/x/libpythonic.so",
		"?",
		"/x/libpython3",
		"/x/python3.11.so",
	};

	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++)
		check_pair(interpreters[i], interpreters[i], true);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		check_pair(others[i], others[i], false);
	check_pair(PYTHON, LIBC, true);
	check_pair(PYTHON, "/lib/x86_64-linux-gnu/libc-2.31.so", true);
	check_pair(PYTHON, "/lib/libc.musl-x86_64.so.1", true);
	check_pair(PYTHON, "/lib/libcrypto.so.3", false);
	check_pair(UMATH, LIBC, false);
	check_pair(LIBC, PYTHON, false);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_native_threads),	cmocka_unit_test(test_interpreter),
		cmocka_unit_test(test_libraries),	cmocka_unit_test(test_which_libraries),
		cmocka_unit_test(test_recursion),	cmocka_unit_test(test_runners),
		cmocka_unit_test(test_own_folders),	cmocka_unit_test(test_imports),
		cmocka_unit_test(test_imports_by_line), cmocka_unit_test(test_lines_of_one_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
