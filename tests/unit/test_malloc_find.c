/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user/target/malloc_find.c: on this machine's C library by asking its malloc, on those of fetched
 * interpreters by what is known of their versions, on programs that have it within themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <malloc.h>
#include <string.h>

#include "elf_file.h"
#include "malloc_find.h"
#include "memory.h"
#include "process_maps.h"

#define LIBC "/lib/" ELF_MACHINE_NAME "-linux-gnu/libc.so.6"

static int find(const char *path, struct malloc_layout *ret)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	int err;

	if (fd < 0)
		skip();
	err = elf_file_open(fd, &file);
	return err ? err : malloc_find(file, ret);
}

static uint64_t own_bias(void)
{
	_cleanup_(process_maps_clear) struct process_maps maps = { 0 };

	assert_int_equal(process_maps_read(getpid(), &maps), 0);
	for (size_t i = 0; i < maps.nr_mappings; i++)
		if (strstr(maps.mappings[i].path, "/libc.so.6") && !maps.mappings[i].pgoff)
			return maps.mappings[i].start;
	skip();
	return 0;
}

static uint64_t own_word(uint64_t address)
{
	uint64_t word;

	memcpy(&word, (const void *)(uintptr_t)address, sizeof(word));
	return word;
}

/* The variables are where it says, for they hold what malloc itself tells. */
static void test_own(void **state)
{
	struct malloc_layout layout = { 0 };
	uint64_t bias = own_bias();
	void *volatile mapped;
	struct mallinfo2 info;

	assert_int_equal(find(LIBC, &layout), 0);
	mapped = malloc(50 << 20);
	assert_non_null(mapped);
	info = mallinfo2();
	assert_int_equal(own_word(bias + layout.main_arena + layout.system_mem), info.arena);
	assert_int_equal(own_word(bias + layout.main_arena + layout.next),
			 bias + layout.main_arena);
	assert_int_not_equal(layout.parameters, 0);
	assert_true(info.hblkhd >= 50 << 20);
	assert_int_equal(own_word(bias + layout.parameters + layout.mmapped_mem), info.hblkhd);
	free(mapped);
}

static const struct {
	uint32_t minor;
	uint16_t next, mmapped_mem, heap_info_bytes;
	enum malloc_lists lists;
} known[] = {
	{ 31, 2160, 56, 32, LISTS_PLAIN },
	{ 36, 2160, 80, 48, LISTS_MANGLED },
	{ 41, 2160, 80, 48, LISTS_MANGLED },
	{ 43, 2072, 88, 48, LISTS_MANGLED },
};

static void check_version(const char *path)
{
	struct malloc_layout layout = { 0 };

	assert_int_equal(find(path, &layout), 0);
	assert_int_not_equal(layout.minor, 0);
	print_message("%s: 2.%u\n", path, layout.minor);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].minor != layout.minor)
			continue;
		assert_int_equal(layout.next, known[i].next);
		assert_int_equal(layout.mmapped_mem, known[i].mmapped_mem);
		assert_int_equal(layout.heap_info_bytes, known[i].heap_info_bytes);
		assert_int_equal(layout.lists, known[i].lists);
	}
}

static void test_fetched(void **state)
{
	const char *home = getenv("HOME");
	_cleanup_(freep) char *pattern = xasprintf("%s/.cache/memprobe/interpreters/*/usr" LIBC,
						   home ? home : "/root");
	glob_t found = { 0 };

	check_version(LIBC);
	if (glob(pattern, 0, NULL, &found))
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_version(found.gl_pathv[i]);
	globfree(&found);
}

/* Stripped; `-static-pie` has relocations, `-static` has the addresses themselves. */
static void test_static(void **state)
{
	struct malloc_layout one = { 0 }, other = { 0 };

	assert_int_equal(find(MEMPROBE_STATIC, &one), 0);
	assert_int_equal(find(MEMPROBE_STATIC "-pie", &other), 0);
	assert_int_equal(one.next, other.next);
	assert_int_not_equal(one.parameters, 0);
	assert_int_not_equal(other.parameters, 0);
}

static void test_without(void **state)
{
	struct malloc_layout layout = { 0 };

	assert_int_equal(find("/lib/" ELF_MACHINE_NAME "-linux-gnu/libm.so.6", &layout), -ENOENT);
	assert_int_equal(find("/proc/self/exe", &layout), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_fetched),
		cmocka_unit_test(test_static),
		cmocka_unit_test(test_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
