/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc_place.h: what this process maps is what was foreseen of its program. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "malloc_place.h"
#include "elf_file.h"
#include "memory.h"

#define PRELOADED "libjemalloc.so.2"

static struct malloc_file files[MAX_MALLOC_FILES];
static size_t count;

static const struct malloc_file *find_named(const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(files[i].path, name))
			return &files[i];
	return NULL;
}

static void find_own(void)
{
	struct malloc_places places = { 0 };

	assert_int_equal(malloc_place_find(&places, getpid(), files, &count), 0);
	/* The second time with what was remembered. */
	assert_true(places.others.count > 0);
	assert_int_equal(malloc_place_find(&places, getpid(), files, &count), 0);
	hash_table_free(&places.others);
}

static void check_same_libc(struct file_identity expected)
{
	const struct malloc_file *libc = find_named("/libc.so.6");

	assert_non_null(libc);
	assert_int_equal(libc->file.dev, expected.dev);
	assert_int_equal(libc->file.ino, expected.ino);
	assert_true(libc->plan.nr_sites > 4);
}

static struct file_identity own_libc(void)
{
	const struct malloc_file *libc;

	find_own();
	libc = find_named("/libc.so.6");
	assert_non_null(libc);
	return libc->file;
}

static void test_own(void **state)
{
	find_own();
	assert_int_equal(count, 1);
	assert_non_null(strstr(files[0].plan.what, "glibc"));
}

static void test_no_process(void **state)
{
	struct malloc_places places = { 0 };

	assert_int_equal(malloc_place_find(&places, INT32_MAX, files, &count), -ESRCH);
	assert_int_equal(count, 0);
}

static void test_program(void **state)
{
	struct file_identity expected = own_libc();

	malloc_place_foresee("/proc/self/exe", NULL, files, &count);
	check_same_libc(expected);
	malloc_place_foresee_process(getpid(), files, &count);
	check_same_libc(expected);
}

static void test_script(void **state)
{
	struct file_identity expected = own_libc();
	char path[] = "/tmp/memprobe-script-XXXXXX";
	_cleanup_(closep) int fd = mkstemp(path);

	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	malloc_place_foresee(path, NULL, files, &count);
	unlink(path);
	check_same_libc(expected);
	malloc_place_foresee("/nonexistent", NULL, files, &count);
	check_same_libc(expected);
}

static void test_preloaded(void **state)
{
	struct file_identity expected = own_libc();

	if (access("/usr/lib/" ELF_MACHINE_NAME "-linux-gnu/" PRELOADED, R_OK))
		skip();
	malloc_place_foresee("/proc/self/exe", "nothing.so: " PRELOADED ":" PRELOADED, files,
			     &count);
	assert_int_equal(count, 2);
	assert_non_null(strstr(files[0].path, PRELOADED));
	check_same_libc(expected);
}

/* More than there is room for. */
static void test_too_many(void **state)
{
	char list[4096] = "";

	for (int i = 0; i < 8; i++) {
		char path[] = "/tmp/memprobe-library-XXXXXX";
		int fd = mkstemp(path);
		_cleanup_(freep) char *copy = xasprintf(
			"cp /lib/" ELF_MACHINE_NAME "-linux-gnu/libc.so.6 %s", path);

		close(fd);
		assert_int_equal(system(copy), 0);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s:", path);
	}
	malloc_place_foresee("/proc/self/exe", list, files, &count);
	assert_int_equal(count, MAX_MALLOC_FILES);
	for (char *next = list, *path; (path = strsep(&next, ":"));)
		unlink(path);
}

static void test_musl(void **state)
{
	if (access(MEMPROBE_SLOTS "-musl", R_OK))
		skip();
	malloc_place_foresee(MEMPROBE_SLOTS "-musl", NULL, files, &count);
	assert_int_equal(count, 1);
	assert_non_null(strstr(files[0].path, "ld-musl"));
	assert_non_null(strstr(files[0].plan.what, "musl"));
}

/* It exports nothing: its symbols tell. */
static void test_static(void **state)
{
	static const char *const compilers[] = { "cc", "musl-gcc" };
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(compilers); i++) {
		char path[] = "/tmp/memprobe-static-XXXXXX";
		_cleanup_(closep) int fd = mkstemp(path);
		_cleanup_(freep) char *compile = xasprintf(
			"echo '#include <stdlib.h>\nint main(int n, char **v)"
			"{ free(realloc(malloc(n), n)); return 0; }' |"
			"%s -static -fno-builtin -x c -o %s - 2>/dev/null",
			compilers[i], path);

		if (!system(compile)) {
			found++;
			malloc_place_foresee(path, NULL, files, &count);
			assert_int_equal(count, 1);
			assert_string_equal(files[0].path, path);
			assert_true(files[0].plan.nr_sites > 2);
		}
		unlink(path);
	}
	if (!found)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),	  cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_program),	  cmocka_unit_test(test_script),
		cmocka_unit_test(test_preloaded), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_musl),	  cmocka_unit_test(test_static),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
