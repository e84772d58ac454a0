/* SPDX-License-Identifier: BSD-2-Clause */
/* What files belong to, by their paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "code_path.h"
#include "memory.h"

#define FOLDER "/home/u/proj"
#define STANDARD "standard library"

static const struct {
	const char *path;
	enum code_origin origin;
	const char *module, *package;
} cases[] = {
	{ "/usr/lib/python3.11/json/decoder.py", CODE_STANDARD, "json.decoder", STANDARD },
	{ "/usr/lib/python3.11/json/__init__.py", CODE_STANDARD, "json", STANDARD },
	{ "/u/.pyenv/versions/3.13.0/lib/python3.13/re/_parser.py", CODE_STANDARD, "re._parser",
	  STANDARD },
	{ "/opt/lib/python3.13t/re/_parser.py", CODE_STANDARD, "re._parser", STANDARD },
	{ "/opt/python3.9/lib/python3.11/re/_parser.py", CODE_STANDARD, "re._parser", STANDARD },
	{ "<frozen importlib._bootstrap>", CODE_STANDARD, "importlib._bootstrap", STANDARD },
	{ "/usr/lib/python3/dist-packages/numpy/lib/shape_base.py", CODE_INSTALLED,
	  "numpy.lib.shape_base", "numpy" },
	{ "/venv/lib/python3.11/site-packages/six.py", CODE_INSTALLED, "six", "six" },
	{ "/venv/lib/python3.11/site-packages/pkg/__init__.py", CODE_INSTALLED, "pkg", "pkg" },
	{ FOLDER "/run.py", CODE_OWN, "run", FOLDER },
	{ FOLDER "/inner/__init__.py", CODE_OWN, "inner", FOLDER },
	{ FOLDER "/inner/deep.py", CODE_OWN, "inner.deep", FOLDER },
	{ FOLDER "er/other.py", CODE_OWN, FOLDER "er/other.py", FOLDER "er" },
	{ "/opt/tool/x.py", CODE_OWN, "/opt/tool/x.py", "/opt/tool" },
	{ "<string>", CODE_MADE, "<string>", FOLDER },
	{ "", CODE_OWN, "", "" },
	{ "x.py", CODE_OWN, "x.py", "" },
	{ "/.py", CODE_OWN, "/.py", "" },
	{ "/site-packages/", CODE_INSTALLED, "", "" },
	{ "<frozen ", CODE_STANDARD, "", STANDARD },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *module = code_path_module(cases[i].path, FOLDER);
		_cleanup_(freep) char *package = code_path_package(cases[i].path, FOLDER);

		assert_int_equal(code_path_origin(cases[i].path), cases[i].origin);
		assert_string_equal(module, cases[i].module);
		assert_string_equal(package, cases[i].package);
	}
}

static void test_no_folder(void **state)
{
	_cleanup_(freep) char *module = code_path_module("/opt/x.py", "");
	_cleanup_(freep) char *package = code_path_package("<string>", "");

	assert_string_equal(module, "/opt/x.py");
	assert_string_equal(package, "<string>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
