/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of /proc/PID/maps, on odd lines and on this process. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"
#include "process_maps.h"

static struct process_maps parse(const char *text)
{
	struct process_maps maps;

	process_maps_parse(xstrdup(text), &maps);
	return maps;
}

static void test_ordinary_line(void **state)
{
	struct process_maps maps = parse(
		"00400000-0041f000 r-xp 0001e000 fd:01 131075                     "
		"/usr/bin/python3.11\n");
	struct process_mapping *mapping = maps.mappings;

	assert_int_equal(maps.nr_mappings, 1);
	assert_int_equal(mapping->start, 0x400000);
	assert_int_equal(mapping->end, 0x41f000);
	assert_int_equal(mapping->pgoff, 0x1e000);
	assert_int_equal(mapping->file.dev, 0xfd << 20 | 1);
	assert_int_equal(mapping->file.ino, 131075);
	assert_string_equal(mapping->path, "/usr/bin/python3.11");
	assert_true(mapping->is_readable && mapping->is_executable && mapping->is_private);
	assert_false(mapping->is_writable);
	process_maps_clear(&maps);
}

static void test_paths(void **state)
{
	static const char *const lines[][2] = {
		{ "1000-2000 rw-s 00000000 00:00 0 \n", "" },
		{ "1000-2000 rw-s 00000000 00:00 0\n", "" },
		{ "1000-2000 rw-s 00000000 00:00 0", "" },
		{ "1000-2000 rw-s 00000000 00:00 0      [heap]\n", "[heap]" },
		{ "1000-2000 rw-s 00000000 00:00 0      [anon: a b]\n", "[anon: a b]" },
		{ "1000-2000 rw-s 00000000 08:01 12    /tmp/a b  c\n", "/tmp/a b  c" },
		{ "1000-2000 rw-s 00000000 08:01 12    /tmp/x (deleted)\n", "/tmp/x (deleted)" },
		{ "1000-2000 rw-s 00000000 08:01 12    /tmp/a\\012b\n", "/tmp/a\\012b" },
		{ "1000-2000 rw-s 00000000 08:01 12    /tmp/7 8:9 \n", "/tmp/7 8:9 " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct process_maps maps = parse(lines[i][0]);

		assert_int_equal(maps.nr_mappings, 1);
		assert_string_equal(maps.mappings[0].path, lines[i][1]);
		assert_false(maps.mappings[0].is_private);
		process_maps_clear(&maps);
	}
}

static void test_largest_numbers(void **state)
{
	struct process_maps maps = parse("ffffffffff600000-ffffffffff601000 --xp ffffffffffffffff "
					 "fff:fffff 18446744073709551615 [vsyscall]\n");

	assert_int_equal(maps.nr_mappings, 1);
	assert_true(maps.mappings[0].start == 0xffffffffff600000);
	assert_true(maps.mappings[0].pgoff == UINT64_MAX);
	assert_true(maps.mappings[0].file.ino == UINT64_MAX);
	assert_true(maps.mappings[0].file.dev == UINT32_MAX);
	process_maps_clear(&maps);
}

static void test_lines_that_are_none(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"\n\n\n",
		"1000",
		"1000-",
		"1000-2000",
		"1000-2000 r",
		"1000-2000 r-xp",
		"1000-2000 r-xp ",
		"1000-2000 r-xp 0",
		"1000-2000 r-xp 0 8:1",
		"1000-2000 r-xp 0 8:1 ",
		"1000-2000 r-xp 0 8:1 x /a",
		"1000-2000 r-xpz 0 8:1 1 /a",
		"2000-1000 r-xp 0 8:1 1 /a",
		"1000-1000 r-xp 0 8:1 1 /a",
		" 1000-2000 r-xp 0 8:1 1 /a",
		"-1000-2000 r-xp 0 8:1 1 /a",
		"1000- 2000 r-xp 0 8:1 1 /a",
		"10000000000000000-20000000000000000 r-xp 0 8:1 1 /a",
		"1000-2000 r-xp 0 8:1 99999999999999999999 /a",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct process_maps maps = parse(lines[i]);

		assert_int_equal(maps.nr_mappings, 0);
		process_maps_clear(&maps);
	}
}

static void test_bad_line_among_good(void **state)
{
	struct process_maps maps = parse("1000-2000 r-xp 0 8:1 1 /a\nnonsense\n"
					 "2000-3000 r-xp 0 8:1 2 /b\n3000-40");

	assert_int_equal(maps.nr_mappings, 2);
	assert_string_equal(maps.mappings[0].path, "/a");
	assert_string_equal(maps.mappings[1].path, "/b");
	process_maps_clear(&maps);
}

static void test_own_process(void **state)
{
	struct process_maps maps = { 0 };
	struct file_identity identity;
	struct stat status;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool is_found = false;

	assert_int_equal(process_maps_read(getpid(), &maps), 0);
	assert_int_equal(process_maps_identify(fd, &identity), 0);
	for (size_t i = 0; i < maps.nr_mappings; i++) {
		uintptr_t here = (uintptr_t)test_own_process;
		struct process_mapping *mapping = &maps.mappings[i];

		if (here < mapping->start || here >= mapping->end)
			continue;
		is_found = true;
		assert_true(mapping->is_executable);
		assert_int_equal(mapping->file.ino, identity.ino);
		assert_int_equal(mapping->file.dev, identity.dev);
	}
	assert_true(is_found);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(identity.ino, status.st_ino);
	close(fd);
	process_maps_clear(&maps);
}

static void test_no_process(void **state)
{
	struct process_maps maps = { 0 };

	assert_int_equal(process_maps_read(0x7ffffffe, &maps), -ENOENT);
	assert_null(maps.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary_line),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_largest_numbers),
		cmocka_unit_test(test_lines_that_are_none),
		cmocka_unit_test(test_bad_line_among_good),
		cmocka_unit_test(test_own_process),
		cmocka_unit_test(test_no_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
