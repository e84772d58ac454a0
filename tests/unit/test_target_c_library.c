/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user/target/c_library.c against real C libraries: tests/targets/pthread_slots.c is told where its
 * values are said to be, and looks. MEMPROBE_SLOTS is its path linked with this machine's glibc,
 * and with "-musl" and "-musl-static" behind it as musl-gcc made it, where there is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "c_library.h"
#include "elf_file.h"

static int run(const char *path, const struct wire_slots *slots)
{
	char command[4096];
	int status;

	snprintf(command, sizeof(command), "'%s' %d %d %u %u %u", path, slots->first_block,
		 slots->blocks, slots->self, slots->block_keys, slots->slot_bytes);
	status = system(command); /* NOLINT(cert-env33-c): a path of our own build */
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void find(const char *path, struct wire_layout *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct elf_file *file = NULL;

	assert_true(fd >= 0);
	assert_int_equal(elf_file_open(fd, &file), 0);
	c_library_find(file, ret);
	elf_file_free(file);
	close(fd);
}

static void check(const char *path, int16_t first_block, uint16_t dtv_bytes)
{
	struct wire_layout layout = { 0 };

	if (access(path, X_OK))
		skip();
	find(path, &layout);
	assert_int_equal(layout.slots[0].first_block, first_block);
	assert_int_equal(layout.dtv_bytes, dtv_bytes);
	assert_int_equal(run(path, &layout.slots[0]), 0);
	/* And it would tell: */
	layout.slots[0].first_block = 0x300;
	layout.slots[0].blocks -= 8;
	assert_int_not_equal(run(path, &layout.slots[0]), 0);
}

static void test_glibc(void **state)
{
	check(MEMPROBE_SLOTS, 0x310, 16);
}

static void test_musl(void **state)
{
	check(MEMPROBE_SLOTS "-musl", NO_FIRST_BLOCK, 8);
}

/* Without loader and needs, by the variable in its symbols. */
static void test_static_musl(void **state)
{
	check(MEMPROBE_SLOTS "-musl-static", NO_FIRST_BLOCK, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glibc),
		cmocka_unit_test(test_musl),
		cmocka_unit_test(test_static_musl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
