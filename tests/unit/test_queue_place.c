/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file is taken for a module: what a process maps, and only before it does what lies there.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf_file.h"
#include "memory.h"
#include "queue_place.h"

#define VERSION 0x030b
#define MODULE "_queue.cpython-311-" ELF_MACHINE_NAME "-linux-gnu.so"

static char directory[] = "/tmp/memprobe-queue-XXXXXX";

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static void make_directory(const char *name)
{
	_cleanup_(freep) char *path = path_of(name);

	assert_return_code(mkdir(path, 0700), errno);
}

static int make_tree(void **state)
{
	assert_non_null(mkdtemp(directory));
	make_directory("bin");
	make_directory("lib");
	make_directory("lib/python3.11");
	make_directory("lib/python3.11/lib-dynload");
	return 0;
}

static int remove_tree(void **state)
{
	static const char *const names[] = {
		"lib/python3.11/lib-dynload/" MODULE,
		"lib/python3.11/lib-dynload",
		"lib/python3.11",
		"lib",
		"bin",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(freep) char *path = path_of(names[i]);

		remove(path);
	}
	return 0;
}

/* As package managers do it: a new file of that name. */
static ino_t place_module(void)
{
	_cleanup_(freep) char *path = path_of("lib/python3.11/lib-dynload/" MODULE);
	_cleanup_(freep) char *other = path_of("lib/new");
	_cleanup_(closep) int fd = open(other, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct stat status;

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, 4096), errno);
	assert_return_code(fstat(fd, &status), errno);
	assert_return_code(rename(other, path), errno);
	return status.st_ino;
}

static void *map_module(void)
{
	_cleanup_(freep) char *path = path_of("lib/python3.11/lib-dynload/" MODULE);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *mapped = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	assert_ptr_not_equal(mapped, MAP_FAILED);
	return mapped;
}

/* 0: none. */
static ino_t opened(void)
{
	_cleanup_(freep) char *interpreter = path_of("bin/python3.11");
	_cleanup_(closep) int fd = queue_place_open(getpid(), interpreter, VERSION, "_queue");
	struct stat status = { 0 };

	if (fd < 0)
		assert_int_equal(fd, -ENOENT);
	else
		assert_return_code(fstat(fd, &status), errno);
	return status.st_ino;
}

/* A right is needed for it. */
static bool has_map_files(const void *mapped)
{
	_cleanup_(freep) char *path = xasprintf("/proc/self/map_files/%lx-%lx",
						(unsigned long)(uintptr_t)mapped,
						(unsigned long)(uintptr_t)mapped + 4096);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0;
}

static void test_mapped(void **state)
{
	ino_t first, second;
	void *mapped;

	assert_int_equal(opened(), 0);
	first = place_module();
	assert_int_equal(opened(), first);
	mapped = map_module();
	assert_int_equal(opened(), first);
	second = place_module();
	assert_int_not_equal(first, second);
	assert_int_equal(opened(), has_map_files(mapped) ? first : 0);
	munmap(mapped, 4096);
	assert_int_equal(opened(), second);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mapped) };

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
