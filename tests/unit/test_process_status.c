/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of /proc/PID/status, whatever a process calls itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"
#include "process_status.h"

static void test_fields(void **state)
{
	_cleanup_(freep) char *own = NULL, *same = NULL;
	int tgid = 0, parent = 0;

	assert_int_equal(process_status_read(0, &own), 0);
	assert_int_equal(process_status_read(getpid(), &same), 0);
	assert_int_equal(sscanf(process_status_field(own, "Tgid"), "%d", &tgid), 1);
	assert_int_equal(sscanf(process_status_field(same, "PPid"), "%d", &parent), 1);
	assert_int_equal(tgid, getpid());
	assert_int_equal(parent, getppid());
	assert_string_equal(process_status_field(own, "Tgi"), "");
	assert_string_equal(process_status_field(own, "gid"), "");
	assert_string_equal(process_status_field("", "Tgid"), "");
}

static void test_name_is_no_field(void **state)
{
	_cleanup_(freep) char *status = NULL;
	unsigned int uid = 0;

	assert_int_equal(prctl(PR_SET_NAME, "a\nUid:\t7777\n"), 0);
	assert_int_equal(process_status_read(0, &status), 0);
	assert_int_equal(sscanf(process_status_field(status, "Uid"), "%u", &uid), 1);
	assert_int_equal(uid, getuid());
	assert_non_null(strstr(process_status_field(status, "Name"), "7777"));
}

static void test_nobody(void **state)
{
	char *status = NULL;
	pid_t pid = fork();
	int error;

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	error = process_status_read(pid, &status);
	assert_true(error == -ENOENT || error == -ESRCH);
	assert_null(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_name_is_no_field),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
