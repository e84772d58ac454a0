/* SPDX-License-Identifier: BSD-2-Clause */
/* Environments of processes, and what one says of the JIT and of mimalloc: children of this program
 * with one made up. */
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "environment.h"
#include "memory.h"
#include "process_memory.h"
#include "python_jit.h"
#include "python_mimalloc.h"

#define NOBODY 65534

enum { STATUS_OFF = 10, STATUS_ON };

static const char *asked = "child"; /* of what */

static bool is_on_with(char *const *environment)
{
	char *const arguments[] = { "test_target_environ", (char *)asked, NULL };
	int status = 0;
	pid_t child = fork();

	if (!child) {
		execve("/proc/self/exe", arguments, environment);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) >= STATUS_OFF);
	return WEXITSTATUS(status) == STATUS_ON;
}

static void test_variable(void **state)
{
	static const struct {
		char *strings[4];
		bool is_on;
	} cases[] = {
		{ { NULL }, false },
		{ { "PYTHON_JIT=1", NULL }, true },
		{ { "PYTHON_JIT=", NULL }, false },
		{ { "PYTHON_JIT=0", NULL }, false },
		{ { "PYTHON_JIT=01", NULL }, false },
		{ { "PYTHON_JIT", NULL }, false },
		{ { "PYTHON_JIT=", "1", NULL }, false },
		{ { "A=1", "", "PYTHON_JIT=yes", NULL }, true },
		{ { "MY_PYTHON_JIT=1", "PYTHON_JITTER=1", "B=PYTHON_JIT=1", NULL }, false },
		{ { "PYTHON_JIT=0", "PYTHON_JIT=1", NULL }, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(is_on_with(cases[i].strings), cases[i].is_on);
}

static void test_mimalloc_asked_for(void **state)
{
	static const struct {
		char *strings[3];
		bool is_on;
	} cases[] = {
		{ { "PYTHONMALLOC=mimalloc", NULL }, true },
		{ { "PYTHONMALLOC=mimalloc_debug", NULL }, true },
		{ { "PYTHONMALLOC=pymalloc", "PYTHONMALLOC=mimalloc", NULL }, false },
		{ { "PYTHONMALLOC=mimalloc2", NULL }, false },
		{ { "MY_PYTHONMALLOC=mimalloc", NULL }, false },
		{ { NULL }, false },
	};

	asked = "mimalloc";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(is_on_with(cases[i].strings), cases[i].is_on);
	asked = "child";
}

static bool has_own_mimalloc(const char *path)
{
	struct process_mapping mapping = { .path = path, .is_executable = true };
	const struct process_maps maps = { .mappings = &mapping, .nr_mappings = 1 };

	return python_mimalloc_is_built_in(&maps);
}

static void test_mimalloc_built_in(void **state)
{
	assert_true(has_own_mimalloc("/usr/bin/python3.13t"));
	assert_true(has_own_mimalloc("/opt/lib/libpython3.14t.so.1.0"));
	assert_true(has_own_mimalloc("/opt/bin/python3.13td"));
	assert_false(has_own_mimalloc("/usr/bin/python3.13"));
	assert_false(has_own_mimalloc("/usr/bin/python3.t"));
	assert_false(has_own_mimalloc("/usr/bin/python3.13tools"));
	assert_false(has_own_mimalloc("/python3.13t/lib/libc.so.6"));
	assert_false(has_own_mimalloc(""));
}

static void test_long_string(void **state)
{
	enum { BYTES = 100000 };
	_cleanup_(freep) char *text = xcalloc(1, BYTES + 1);
	char *strings[] = { text, "PYTHON_JIT=1", NULL };

	memset(text, 'P', BYTES);
	assert_true(is_on_with(strings));
}

static struct environment make(const char *text, size_t bytes)
{
	return (struct environment){ (char *)text, bytes };
}

static void test_values(void **state)
{
	static const char text[] = "A=1\0PATH_OF=x\0=odd\0PATH=/a:/b\0\0EMPTY=\0PATH=/c";
	const struct environment environment = make(text, sizeof(text)), none = make(NULL, 0);
	size_t count = 0;

	assert_string_equal(environment_find(&environment, "PATH"), "/a:/b");
	assert_string_equal(environment_find(&environment, "A"), "1");
	assert_string_equal(environment_find(&environment, "EMPTY"), "");
	assert_null(environment_find(&environment, "PAT"));
	assert_null(environment_find(&environment, "odd"));
	assert_null(environment_find(&none, "PATH"));
	for (const char *string = environment_next(&environment, NULL); string;
	     string = environment_next(&environment, string))
		count++;
	assert_int_equal(count, 7);
}

static void test_no_process(void **state)
{
	struct environment environment;

	assert_int_equal(environment_read(1 << 23, &environment), -ESRCH);
	assert_null(environment_next(&environment, NULL));
	environment_clear(&environment);
	assert_int_equal(python_jit_read(1 << 23), PYTHON_JIT_OFF);
}

/* What is not known is not the same as what is not there: the first process is root's. */
static int read_closed(void)
{
	struct process_memory memory;
	struct environment environment;

	if (!getuid() && setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	prctl(PR_SET_DUMPABLE, 1);
	return !process_memory_is_closed(1) || process_memory_open(&memory, 1) != -EACCES ||
	       environment_read(1, &environment) != -EACCES ||
	       python_jit_read(1) != PYTHON_JIT_UNKNOWN || process_memory_is_closed(getpid());
}

static void test_closed(void **state)
{
	struct stat first;
	int status = 0;
	pid_t child;

	if (stat("/proc/1/mem", &first) || first.st_uid)
		skip();
	child = fork();
	if (!child)
		_exit(read_closed());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static bool is_mimalloc_asked_for(void)
{
	bool is_asked_for;

	return !python_mimalloc_is_asked_for(getpid(), &is_asked_for) && is_asked_for;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variable),
		cmocka_unit_test(test_mimalloc_asked_for),
		cmocka_unit_test(test_mimalloc_built_in),
		cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_closed),
	};

	if (argc == 2 && !strcmp(argv[1], "mimalloc"))
		return is_mimalloc_asked_for() ? STATUS_ON : STATUS_OFF;
	if (argc == 2)
		return python_jit_read(getpid()) == PYTHON_JIT_ON ? STATUS_ON : STATUS_OFF;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
