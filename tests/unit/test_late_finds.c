/* SPDX-License-Identifier: BSD-2-Clause */
/* late_finds.h: which images of unknown interpreters are counted, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <memprobe/wire.h>

#include "late_finds.h"

static const struct wire_file python = { .ino = 10, .dev = 8 }, shell = { .ino = 11, .dev = 8 };
static struct profile *profile;
static struct late_finds *finds;

static int set_up(void **state)
{
	profile = profile_new();
	finds = late_finds_new(profile);
	return 0;
}

static int tear_down(void **state)
{
	late_finds_free(finds);
	profile_free(profile);
	return 0;
}

static uint32_t add(int64_t peak)
{
	uint32_t index = profile_add_process(profile);

	profile->processes[index].peak = peak;
	profile->processes[index].opening[KIND_ANON] = 1000;
	return index;
}

static uint64_t lost(uint32_t process)
{
	const struct loss_count *loss = &profile->processes[process].losses[LOSS_found_late];

	assert_int_equal(loss->events, loss->bytes != 0);
	return loss->bytes;
}

static uint64_t unlooked(uint32_t process)
{
	return profile->processes[process].losses[LOSS_python_unanswered].events;
}

/* Both began before their program was looked at; one is still running then. */
static void test_counted(void **state)
{
	uint32_t first = add(5000), second = add(7000), third = add(9000);

	assert_true(late_finds_begin(finds, first, &python, 100));
	assert_true(late_finds_begin(finds, second, &python, 110));
	late_finds_end(finds, first);
	late_finds_settle(finds);
	assert_int_equal(lost(first), 0); /* nobody knows yet */
	late_finds_tell(finds, &python, true, 120);
	assert_false(late_finds_begin(finds, third, &python, 130));
	late_finds_settle(finds);
	assert_int_equal(lost(first), 4000);
	assert_int_equal(lost(second), 0);
	late_finds_end(finds, second);
	late_finds_end(finds, third);
	late_finds_settle(finds);
	assert_int_equal(lost(second), 6000);
	assert_int_equal(lost(third), 0); /* the BPF side would have known it */
}

/* Its record is read when the program has been looked at, but it began before. */
static void test_read_afterwards(void **state)
{
	uint32_t first = add(5000), second = add(7000);

	assert_true(late_finds_begin(finds, first, &python, 100));
	late_finds_tell(finds, &python, true, 200);
	assert_false(late_finds_begin(finds, second, &python, 150));
	late_finds_end(finds, second);
	late_finds_settle(finds);
	assert_int_equal(lost(second), 6000);
}

static void test_not_counted(void **state)
{
	uint32_t found = add(5000), other = add(7000);

	late_finds_begin(finds, found, &python, 100);
	late_finds_begin(finds, other, &shell, 100);
	profile->processes[found].python = string_pool_add(&profile->strings, "3.12.1");
	late_finds_tell(finds, &python, true, 120);
	late_finds_tell(finds, &shell, false, 120);
	late_finds_end(finds, found);
	late_finds_end(finds, other);
	late_finds_settle(finds);
	assert_int_equal(lost(found) + lost(other), 0);
	assert_false(late_finds_begin(finds, other, &shell, 90));
}

/* More images of programs that nobody could look at than are waited for. */
static void test_many(void **state)
{
	for (uint32_t i = 0; i < 2 * MAX_IMAGES; i++) {
		uint32_t process = add(2000);

		assert_true(late_finds_begin(finds, process, &python, 100));
		late_finds_expect_python(finds, process);
		late_finds_end(finds, process);
	}
	late_finds_tell(finds, &python, true, 200);
	late_finds_settle(finds);
	assert_int_equal(lost(0), 0);
	assert_int_equal(unlooked(0), 1);
	assert_int_equal(unlooked(MAX_IMAGES), 0);
	assert_int_equal(lost(MAX_IMAGES), 1000);
	assert_int_equal(lost(2 * MAX_IMAGES - 1), 1000);
}

/* None of them is known to have run a Python, or not to have. */
static void test_given_up(void **state)
{
	uint32_t unseen = add(5000), running = add(7000), found = add(9000), other = add(3000);
	uint32_t tool = add(2000);
	static const struct wire_file gone = { .ino = 12, .dev = 8 };

	late_finds_begin(finds, unseen, &gone, 100);
	late_finds_expect_python(finds, unseen);
	late_finds_begin(finds, tool, &gone, 100);
	late_finds_begin(finds, running, &python, 100);
	late_finds_begin(finds, found, &gone, 100);
	late_finds_begin(finds, other, &shell, 100);
	profile->processes[found].python = string_pool_add(&profile->strings, "3.12.1");
	late_finds_tell(finds, &python, true, 120);
	late_finds_tell(finds, &shell, false, 120);
	late_finds_end(finds, unseen);
	late_finds_settle(finds);
	assert_int_equal(unlooked(unseen) + unlooked(running) + lost(running), 0);
	late_finds_give_up(finds);
	assert_int_equal(unlooked(unseen), 1);
	assert_int_equal(unlooked(tool), 0);
	assert_int_equal(lost(running), 6000);
	assert_int_equal(unlooked(running) + lost(unseen), 0);
	assert_int_equal(unlooked(found) + lost(found) + unlooked(other) + lost(other), 0);
	late_finds_give_up(finds);
	assert_int_equal(unlooked(unseen), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read_afterwards, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
