/* SPDX-License-Identifier: BSD-2-Clause */
/* In which order files have their rows made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "memory.h"
#include "unwind_queue.h"

static struct unwind_queue queue;

static int clear(void **state)
{
	unwind_queue_clear(&queue);
	return 0;
}

static void add(uint64_t ino, uint64_t changed_ns, uint64_t bytes)
{
	const struct unwind_wanted wanted = {
		.file = { .ino = ino, .dev = 8, .changed_ns = changed_ns },
		.pid = 100,
		.address = 0x1000 * ino,
		.bytes = bytes,
	};

	unwind_queue_add(&queue, &wanted);
}

static void add_other(uint64_t ino)
{
	const struct unwind_wanted other = {
		.file = { .ino = ino, .dev = 8 },
		.pid = 101,
		.is_other = true,
	};

	unwind_queue_add(&queue, &other);
}

static void assert_next(uint64_t ino, uint64_t changed_ns, bool is_other)
{
	struct unwind_wanted next;

	assert_true(unwind_queue_take(&queue, &next));
	assert_int_equal(next.file.ino, ino);
	assert_int_equal(next.file.changed_ns, changed_ns);
	assert_int_equal(next.is_other, is_other);
	assert_int_equal(next.pid, is_other ? 101 : 100);
	assert_int_equal(next.address, is_other ? 0 : 0x1000 * ino);
}

static void assert_empty(void)
{
	struct unwind_wanted next;

	assert_false(unwind_queue_take(&queue, &next));
}

/* What runs before what may, small before large, and else as it came. */
static void test_order(void **state)
{
	assert_empty();
	add_other(1);
	add(2, 5, 30);
	add_other(3);
	add(4, 5, 10);
	add(5, 5, 10);
	add(6, 5, 20);
	assert_next(4, 5, false);
	assert_next(5, 5, false);
	add(7, 5, 10);
	assert_next(7, 5, false);
	assert_next(6, 5, false);
	assert_next(2, 5, false);
	assert_next(1, 0, true);
	assert_next(3, 0, true);
	assert_empty();
}

static void test_once(void **state)
{
	add(1, 5, 10);
	add(1, 5, 10);
	add_other(1);
	add_other(2);
	add_other(2);
	assert_next(1, 5, false);
	assert_next(2, 0, true);
	assert_empty();
}

/* An other that runs now; a file that has changed since. */
static void test_replaced(void **state)
{
	add_other(1);
	add_other(2);
	add(2, 5, 10);
	add(2, 6, 10);
	assert_next(2, 6, false);
	assert_next(1, 0, true);
	assert_empty();
}

/* The same number on another device is another file. */
static void test_devices(void **state)
{
	const struct unwind_wanted elsewhere = { .file = { .ino = 1, .dev = 9 }, .pid = 100 };
	struct unwind_wanted next;

	add(1, 5, 10);
	unwind_queue_add(&queue, &elsewhere);
	assert_true(unwind_queue_take(&queue, &next));
	assert_int_equal(next.file.dev, 9);
	assert_next(1, 5, false);
	assert_empty();
}

static void test_many_others(void **state)
{
	struct unwind_wanted next;
	size_t count = 0;

	for (uint64_t ino = 1; ino <= 2 * MAX_UNWIND_OTHERS; ino++)
		add_other(ino);
	add(2, 5, 10);
	add_other(5000);
	add_other(5001);
	assert_next(2, 5, false);
	while (unwind_queue_take(&queue, &next)) {
		assert_true(next.file.ino <= MAX_UNWIND_OTHERS || next.file.ino == 5000);
		count++;
	}
	assert_int_equal(count, MAX_UNWIND_OTHERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_order, clear),
		cmocka_unit_test_teardown(test_once, clear),
		cmocka_unit_test_teardown(test_replaced, clear),
		cmocka_unit_test_teardown(test_devices, clear),
		cmocka_unit_test_teardown(test_many_others, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
