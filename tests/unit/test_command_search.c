/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a command's name is looked for: command_search.h, command.h. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "command_search.h"
#include "memory.h"

#define SECURE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"

static void tells_a_path_by_hand(void **state)
{
	static const struct {
		const char *path, *callers;
		bool is_given;
	} cases[] = {
		{ SECURE_PATH, "/home/u/venv/bin:/usr/bin", false },
		{ "/home/u/venv/bin:/usr/bin", "/usr/bin:/home/u/venv/bin", false },
		{ "/opt/py/bin:" SECURE_PATH, "/home/u/venv/bin:/usr/bin", true },
		{ SECURE_PATH ":/opt/py/bin", "/usr/bin", true },
		{ "/binaries", "/usr/bin", true },
		{ "/usr/bin:", "/usr/bin", true },
		{ "/usr/bin:", "/usr/bin:", false },
		{ "", "/usr/bin", true },
		{ "/home/u/venv", "/home/u/venv/bin", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (command_path_is_given(cases[i].path, cases[i].callers) != cases[i].is_given)
			fail_msg("%s beside %s", cases[i].path, cases[i].callers);
	}
}

/* Without sudo nobody is asked, and PATH alone counts. */
static void finds_in_own_path(void **state)
{
	const struct identity identity = { .uid = geteuid() };
	const struct command_search search = { .name = "sh", .identity = &identity };
	const struct command_search absent = { .name = "no-such-command", .identity = &identity };
	struct command command = { .gate = -1, .failure = -1 };

	setenv("PATH", "/nowhere:/bin", 1);
	assert_int_equal(command_search(&search, &command), 0);
	assert_string_equal(command.path, "/bin/sh");
	assert_null(command.search_path);
	assert_null(command.otherwise);
	command_free(&command);
	assert_int_equal(command_search(&absent, &command), -ENOENT);
	assert_null(command.path);
	unsetenv("PATH");
	assert_int_equal(command_search(&search, &command), 0); /* as by execvp(3) */
	assert_string_equal(command.path, "/bin/sh");
	command_free(&command);
}

/* What is there and cannot be executed is told only when nothing else is found. */
static void passes_over_what_cannot_run(void **state)
{
	char directory[] = "/tmp/memprobe-search-XXXXXX";
	_cleanup_(freep) char *list = NULL, *file = NULL, *path = NULL, *denied = NULL;

	assert_non_null(mkdtemp(directory));
	file = xasprintf("%s/sh", directory);
	list = xasprintf("%s:/bin", directory);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	assert_int_equal(command_find("sh", list, &path), 0);
	assert_string_equal(path, "/bin/sh");
	assert_int_equal(command_find("sh", directory, &denied), -EACCES);
	assert_string_equal(denied, file);
	unlink(file);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_path_by_hand),
		cmocka_unit_test(finds_in_own_path),
		cmocka_unit_test(passes_over_what_cannot_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
