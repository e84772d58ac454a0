/* SPDX-License-Identifier: BSD-2-Clause */
/* What is refused before a run, and what is said beside a report. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dump_file.h"
#include "memory.h"
#include "profile_builder.h"
#include "report_run.h"

/* A row that grew and one that has less than nothing, in growth as in what is held. */
static struct profile *make_profile(void)
{
	struct profile_builder builder = builder_new();
	uint32_t main;

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	main = builder_python(&builder, NO_NODE, "/run.py", "<module>", 40);
	builder_hold(&builder, main, KIND_ANON, 40, 40);
	main = builder_python(&builder, NO_NODE, "/run.py", "drop", -2);
	builder_hold(&builder, main, KIND_ANON, -2, -2);
	builder_finish(&builder);
	return builder.profile;
}

/* What goes to stderr meanwhile. */
static int begin_stderr(int *ret_kept)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	fflush(stderr);
	*ret_kept = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	return fd;
}

static void end_stderr(int fd, int kept, char *ret_text, size_t size)
{
	ssize_t got;

	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	got = pread(fd, ret_text, size - 1, 0);
	assert_in_range(got, 0, size - 1);
	ret_text[got] = '\0';
	close(fd);
	close(kept);
}

/* What is on stderr when the stacks are written. */
static void remark_on(const char *metric, bool is_difference, char *ret_text, size_t size)
{
	struct report_settings settings;
	_cleanup_(profile_freep) struct profile *profile = make_profile();
	const struct option_pids all = { 0 };
	int fd, kept;
	const struct report_target target = { .fd = memfd_create("report", MFD_CLOEXEC),
					      .name = "out" };

	report_run_defaults(&settings);
	settings.format = "collapsed";
	settings.metric = metric;
	settings.is_difference = is_difference;
	fd = begin_stderr(&kept);
	assert_int_equal(report_run(profile, &settings, &all, &target), 0);
	end_stderr(fd, kept, ret_text, size);
	close(target.fd);
}

/* Only what grows can be released, and of two runs one has less. */
static void test_rows_left_out(void **state)
{
	static const struct {
		const char *metric;
		bool is_difference;
		const char *expected;
	} cases[] = {
		{ "growth", false,
		  "'out': -2.00 MB of rows that released more than they grew are left out\n" },
		{ "live", false,
		  "'out': -2.00 MB of rows below zero are left out: "
		  "other rows still have what has gone\n" },
		{ "peak", false,
		  "'out': -2.00 MB of rows below zero are left out: "
		  "other rows still have what has gone\n" },
		{ "growth", true, "'out': -2.00 MB of rows that have less are left out\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[512];

		remark_on(cases[i].metric, cases[i].is_difference, text, sizeof(text));
		if (!strstr(text, cases[i].expected))
			fail_msg("no \"%s\" in: %s", cases[i].expected, text);
	}
}

/* Of two dumps, which have functions of C or have none. */
static void compare(bool first, bool second, const char *expected)
{
	struct profile_builder builders[] = { builder_new(), builder_new() };
	char text[512];
	int fd, kept;

	for (int i = 0; i < 2; i++) {
		builder_process(&builders[i], 7, "python3 run.py", "3.11.2");
		if (i ? second : first)
			builder_c(&builders[i], NO_NODE, "/lib/numpy.so", "f", 0, 1);
	}
	fd = begin_stderr(&kept);
	dump_file_compare_native(builders[0].profile, builders[1].profile, "b.raw");
	end_stderr(fd, kept, text, sizeof(text));
	if (expected ? !strstr(text, expected) : *text)
		fail_msg("not \"%s\": %s", expected ? expected : "", text);
	profile_free(builders[0].profile);
	profile_free(builders[1].profile);
}

static void test_native_in_one(void **state)
{
	compare(false, false, NULL);
	compare(true, true, NULL);
	compare(true, false, "'b.raw' has no rows of C functions, the other has: ");
	compare(false, true, "'b.raw' has rows of C functions, the other has none: ");
}

static bool can(void)
{
	return true;
}

static bool cannot(void)
{
	return false;
}

static int check_run(const char *metric, bool leaks, bool (*can_follow_owners)(void))
{
	struct report_settings settings;
	const struct report_run_kind run = { .has_owners = true,
					     .can_follow_owners = can_follow_owners };

	report_run_defaults(&settings);
	settings.metric = metric;
	settings.leaks = leaks;
	return report_run_check_run(&settings, &run);
}

/* What the kernel cannot tell is refused before the command has run for nothing. */
static void test_kernel_without_owners(void **state)
{
	static const char *const owned[] = { "live", "peak", "mapped", "unshared" };
	static const char *const others[] = { "growth", "grown", "calls", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
		assert_int_equal(check_run(owned[i], false, can), 0);
		assert_int_equal(check_run(owned[i], false, cannot), -ENOSYS);
		assert_int_equal(check_run(others[i], false, cannot), 0);
	}
	assert_int_equal(check_run(NULL, true, can), 0);
	assert_int_equal(check_run(NULL, true, cannot), -ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_left_out),
		cmocka_unit_test(test_native_in_one),
		cmocka_unit_test(test_kernel_without_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
