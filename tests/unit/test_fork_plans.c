/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_plans.h: who is attached to, in which order, and who is not any more. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fork_plans.h"

#define MOST_MS 10000

struct attached {
	uint32_t processes[4], layouts[4];
	size_t count;
};

static struct attached attached;
static struct profile *profile;
static struct fork_plans *plans;

static void attach(void *context, uint32_t process, uint32_t layout)
{
	struct attached *ret = context;

	ret->processes[ret->count] = process;
	ret->layouts[ret->count++] = layout;
}

static int set_up(void **state)
{
	attached = (struct attached){ 0 };
	profile = profile_new();
	plans = fork_plans_new(profile, attach, &attached);
	return plans ? 0 : -1;
}

static int tear_down(void **state)
{
	fork_plans_free(plans);
	profile_free(profile);
	return 0;
}

static bool is_due(int most_ms)
{
	struct pollfd ready = { .fd = fork_plans_fd(plans), .events = POLLIN };

	return poll(&ready, 1, most_ms) == 1;
}

static uint32_t add(uint32_t layout)
{
	uint32_t process = profile_add_process(profile);

	fork_plans_add(plans, process, layout);
	return process;
}

/* One at a time, so that others have their turn between two. */
static void test_order(void **state)
{
	uint32_t first = add(3), second = add(4);

	fork_plans_run(plans); /* none is due */
	assert_int_equal(attached.count, 0);
	for (size_t i = 1; i <= 2; i++) {
		assert_true(is_due(MOST_MS));
		fork_plans_run(plans);
		assert_int_equal(attached.count, i);
	}
	assert_int_equal(attached.processes[0], first);
	assert_int_equal(attached.processes[1], second);
	assert_int_equal(attached.layouts[1], 4);
	assert_false(is_due(0));
	add(5);
	assert_true(is_due(MOST_MS));
}

static void test_gone(void **state)
{
	uint32_t execs = add(1), ends = add(1), stays = add(2);

	profile->processes[execs].end = END_EXEC;
	profile->processes[ends].end = END_EXIT;
	while (!attached.count) {
		assert_true(is_due(MOST_MS));
		fork_plans_run(plans);
	}
	assert_int_equal(attached.processes[0], stays);
	assert_false(is_due(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
