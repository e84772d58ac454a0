/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of rows, and which directories are shortened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "label.h"
#include "memory.h"
#include "profile_builder.h"

/* The label of the last of some files' functions; the files before it are there too. */
static void assert_label(const char *const files[], const char *name, bool full_paths,
			 const char *expected)
{
	struct profile_builder builder = builder_new();
	struct tree_options options = { 0 };
	struct tree_source *source;
	struct label_style style;
	struct calltree *tree;
	char *label;

	builder_process(&builder, 7, "cmd", "3.11.2");
	for (; *files; files++)
		builder_python(&builder, NO_NODE, *files, name, 1);
	source = calltree_source_new(builder.profile, &options);
	tree = calltree_new(source, 0);
	label_style_init(&style, builder.profile, "/home/me/job", full_paths);
	label = label_text(&style, tree, tree->nr_nodes - 1);
	assert_string_equal(label, expected);
	free(label);
	calltree_free(tree);
	calltree_source_free(source);
	profile_free(builder.profile);
}

/* The label of a function of a library. */
static void assert_c_label(const char *library, const char *name, bool full_paths,
			   const char *expected)
{
	struct profile_builder builder = builder_new();
	struct tree_options options = { 0 };
	struct tree_source *source;
	struct label_style style;
	struct calltree *tree;
	char *texts[3];
	uint32_t node;

	builder_process(&builder, 7, "cmd", "3.11.2");
	node = builder_python(&builder, NO_NODE, "/home/me/job/run.py", "f", 1);
	builder_c(&builder, node, library, name, 0x1a2b0, 1);
	source = calltree_source_new(builder.profile, &options);
	tree = calltree_new(source, 0);
	label_style_init(&style, builder.profile, "/home/me/job", full_paths);
	texts[0] = label_text(&style, tree, 1);
	texts[1] = label_name(&style, tree, 1);
	texts[2] = label_function(&style, tree, 1);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_string_equal(texts[i], expected);
		free(texts[i]);
	}
	calltree_free(tree);
	calltree_source_free(source);
	profile_free(builder.profile);
}

#define FILES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_forms(void **state)
{
	assert_label(FILES("/a/b.py"), "Class.method", false, "Class.method");
	assert_label(FILES("/a/b.py"), "f.<locals>.<lambda>", false, "f.<locals>.<lambda>");
	assert_label(FILES("/a/b.py"), "function", false, "</a/b.py:8>.function");
	assert_label(FILES("/a/b.py"), "<module>", false, "/a/b.py:1:<module>");
	assert_label(FILES("<string>"), "<lambda>", false, "<string>:8:<lambda>");
	assert_label(FILES("/a/b.py"), "", false, "</a/b.py:0>.?");
	assert_label(FILES(""), "f", false, "<?:1>.f");
}

static void test_shortened(void **state)
{
	assert_label(FILES("/v/lib/python3.11/site-packages/a/b.py"), "f", false,
		     "<…/site-packages/a/b.py:1>.f");
	assert_label(FILES("/v/lib/python3.11/site-packages/a/b.py"), "f", true,
		     "</v/lib/python3.11/site-packages/a/b.py:1>.f");
	assert_label(FILES("/usr/lib/python3.11/json/decoder.py"), "<module>", false,
		     "…/python3.11/json/decoder.py:1:<module>");
	assert_label(FILES("/usr/lib/python3/dist-packages/six.py"), "f", false,
		     "<…/dist-packages/six.py:1>.f");
}

static void test_not_shortened(void **state)
{
	assert_label(FILES("/usr/lib/python3/a.py"), "f", false, "</usr/lib/python3/a.py:1>.f");
	assert_label(FILES("/usr/lib/python3.x/a.py"), "f", false, "</usr/lib/python3.x/a.py:1>.f");
	assert_label(FILES("/usr/lib/python3.11"), "f", false, "</usr/lib/python3.11:1>.f");
	assert_label(FILES("/usr/python3./a.py"), "f", false, "</usr/python3./a.py:1>.f");
	assert_label(FILES("site-packages/a.py"), "f", false, "<site-packages/a.py:1>.f");
	assert_label(FILES("/site-packages/a.py"), "f", false, "</site-packages/a.py:1>.f");
	assert_label(FILES("/my-site-packages/a.py"), "f", false, "</my-site-packages/a.py:1>.f");
}

/* One text never stands for two directories. */
static void test_two_of_one_name(void **state)
{
	assert_label(FILES("/a/site-packages/x.py", "/b/site-packages/x.py"), "f", false,
		     "</b/site-packages/x.py:1>.f");
	assert_label(
		FILES("/b/site-packages/y.py", "/a/site-packages/x.py", "/b/site-packages/x.py"),
		"f", false, "<…/site-packages/x.py:1>.f");
	assert_label(FILES("/a/site-packages/x.py", "/b/lib/python3.11/json.py",
			   "/b/lib/python3.11/site-packages/x.py"),
		     "f", false, "<…/python3.11/site-packages/x.py:1>.f");
}

static void test_current_directory(void **state)
{
	assert_label(FILES("/home/me/job/run.py"), "<module>", false, "run.py:1:<module>");
	assert_label(FILES("/home/me/job/a/b.py"), "f", false, "<a/b.py:1>.f");
	assert_label(FILES("/home/me/job/a/b.py"), "f", true, "</home/me/job/a/b.py:1>.f");
	assert_label(FILES("/home/me/jobs/b.py"), "f", false, "</home/me/jobs/b.py:1>.f");
	assert_label(FILES("/home/me/job/"), "f", false, "</home/me/job/:1>.f");
	assert_label(FILES("/home/me/job/venv/lib/python3.11/site-packages/a.py"), "f", false,
		     "<…/site-packages/a.py:1>.f");
}

static void test_c(void **state)
{
	static const char umath[] = "/v/site-packages/numpy/core/_multiarray_umath.so";

	assert_c_label(umath, "DOUBLE_multiply", false, "DOUBLE_multiply (_multiarray_umath.so)");
	assert_c_label(umath, "DOUBLE_multiply", true,
		       "DOUBLE_multiply (/v/site-packages/numpy/core/_multiarray_umath.so)");
	assert_c_label(umath, "", false, "_multiarray_umath.so+0x1a2b0");
	assert_c_label(umath, "", true, "/v/site-packages/numpy/core/_multiarray_umath.so+0x1a2b0");
	assert_c_label("/home/me/job/", "f", false, "f (/home/me/job/)");
	assert_c_label("", "", false, "[C frames not followed]");
}

static void test_no_file(void **state)
{
	assert_label(FILES("<frozen site>"), "main", false, "<frozen site>:4.main");
	assert_label(FILES("<frozen site>"), "<module>", false, "<frozen site>:1:<module>");
}

static void test_inner_directories(void **state)
{
	assert_label(FILES("/v/lib/python3.11/json.py", "/v/lib/python3.11/site-packages/a.py"),
		     "f", false, "<…/site-packages/a.py:1>.f");
	assert_label(FILES("/v/site-packages/p/site-packages/a.py"), "f", false,
		     "<…/site-packages/a.py:1>.f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_shortened),
		cmocka_unit_test(test_not_shortened),
		cmocka_unit_test(test_two_of_one_name),
		cmocka_unit_test(test_inner_directories),
		cmocka_unit_test(test_current_directory),
		cmocka_unit_test(test_c),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
