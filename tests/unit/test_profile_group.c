/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that do the same as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_group.h"
#include "profile_held.h"
#include "report_text.h"

static struct profile_builder workers(uint32_t count)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, 1, "python3 serve.py", "3.11.2");
	builder_python(&builder, NO_NODE, "/serve.py", "<module>", 1);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t main;

		builder_process(&builder, 10 + i, "python3 serve.py", "3.11.2");
		builder.profile->processes[builder.process].begin = BEGAN_FORK;
		main = builder_python(&builder, NO_NODE, "/serve.py", "<module>", 1);
		builder_python(&builder, main, "/serve.py", "work", 2 + i);
	}
	builder_finish(&builder);
	profile_settle(builder.profile);
	return builder;
}

static void test_few_stay(void **state)
{
	struct profile_builder builder = workers(MAX_UNGROUPED);

	assert_null(profile_group(builder.profile));
	profile_free(builder.profile);
}

static void test_many_are_one(void **state)
{
	struct profile_builder builder = workers(5);
	struct profile_groups *groups = profile_group(builder.profile);
	int64_t sum = 0, expected = 0;

	assert_non_null(groups);
	assert_int_equal(groups->profile->nr_processes, 2);
	assert_int_equal(groups->profile->processes[0].nr_members, 1);
	assert_int_equal(groups->profile->processes[1].nr_members, 5);
	assert_int_equal(groups->origins[1], 1);
	for (uint32_t i = 0; i < groups->profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(groups->profile, i);

		sum += cost_growth(&cost);
	}
	for (uint32_t i = 0; i < builder.profile->nr_nodes; i++) {
		const struct cost cost = profile_cost(builder.profile, i);

		expected += cost_growth(&cost);
	}
	assert_int_equal(sum, expected);
	profile_groups_free(groups);
	profile_free(builder.profile);
}

static void test_spread(void **state)
{
	static const struct report_options together = { 0 }, apart = { .by_process = true };
	struct profile_builder builder = workers(5);
	_cleanup_(freep) char *one = report_text(&report_tree, builder.profile, &together);
	_cleanup_(freep) char *each = report_text(&report_tree, builder.profile, &apart);

	assert_non_null(strstr(one, "10 and 4 more, × 5 processes, sums of all: "));
	assert_non_null(strstr(one, "work     20.00 MB  each 2.00 to 6.00, median 4.00\n"));
	assert_null(strstr(one, "\n11 python3 serve.py\n"));
	assert_null(strstr(each, "sums of all"));
	assert_non_null(strstr(each, "\n11 python3 serve.py\n"));
	profile_free(builder.profile);
}

/* Of an even number of values the median lies between the two in the middle. */
static void test_even_spread(void **state)
{
	static const struct report_options options = { 0 };
	struct profile_builder builder = workers(4);
	_cleanup_(freep) char *text = report_text(&report_tree, builder.profile, &options);

	assert_non_null(strstr(text, "work     14.00 MB  each 2.00 to 5.00, median 3.50\n"));
	profile_free(builder.profile);
}

/* Workers one after the other: their peaks of 3 to 7 MB were not there at once. */
static char *report_of_followers(bool is_one_clock)
{
	static const struct report_options options = { 0 };
	struct profile_builder builder = workers(5);
	char *text;

	for (uint32_t i = 1; i < builder.profile->nr_processes; i++) {
		struct process *process = &builder.profile->processes[i];

		process->start_ns = i * 1000;
		process->end_ns = process->start_ns + 1500;
		process->end = END_EXIT;
		process->has_owners = true;
	}
	builder.profile->highest.bytes = is_one_clock ? 1 : 0;
	text = report_text(&report_tree, builder.profile, &options);
	profile_free(builder.profile);
	return text;
}

static void test_no_common_peak(void **state)
{
	_cleanup_(freep) char *text = report_of_followers(true);
	_cleanup_(freep) char *merged = report_of_followers(false);

	assert_non_null(strstr(text,
			       "\nMax mem usage: 7.00 MB in the highest of 5 processes, never "
			       "above 13.00 MB together; each one's own, summed: 25.00 MB\n"));
	assert_non_null(strstr(merged, "\nMax mem usage: 7.00 MB in the highest of 5 processes; "
				       "each one's own, summed: 25.00 MB\n"));
	assert_non_null(strstr(text, " MB, sums of what each had at its own peak:\n"));
	assert_non_null(strstr(text, "difference 0.00 %), sums of all\n"));
}

/* Five of which the last has allocated nothing: nobody knows, if it was not followed. */
static char *report_of_idle(bool is_unseen)
{
	static const struct report_options options = { 0 };
	struct profile_builder builder = builder_new();
	char *text;

	for (uint32_t i = 0; i < 5; i++) {
		uint32_t node;

		builder_process(&builder, 10 + i, "python3 serve.py", "3.11.2");
		node = builder_python(&builder, NO_NODE, "/serve.py", "work", 2);
		if (i < 4)
			builder_allocate(&builder, node,
					 &(struct builder_allocs){ 1.5, 1.5, 3, 7 });
	}
	builder.profile->processes[4].losses[LOSS_allocs_unseen].events = is_unseen;
	builder_finish(&builder);
	profile_settle(builder.profile);
	text = report_text(&report_tree, builder.profile, &options);
	profile_free(builder.profile);
	return text;
}

static void test_kept_blocks(void **state)
{
	_cleanup_(freep) char *idle = report_of_idle(false), *unseen = report_of_idle(true);

	assert_non_null(strstr(idle, "\nKept at the end, 6.00 MB in 12 blocks:\n"));
	assert_non_null(strstr(unseen, "\nKept at the end, ≥6.00 MB in ≥12 blocks:\n"));
}

/* Workers of which each executes its own command anew, as to change its environment. */
static struct profile *executing_workers(uint32_t count)
{
	struct profile_builder builder = builder_new();

	for (uint32_t i = 0; i < 2 * count; i++) {
		uint32_t process = builder_process(&builder, 10 + i / 2, "python3 serve.py",
						   "3.11.2");

		builder.profile->processes[process].end = i % 2 ? END_EXIT : END_EXEC;
		builder_python(&builder, NO_NODE, "/serve.py", "<module>", 1 + i / 2);
	}
	builder_finish(&builder);
	profile_settle(builder.profile);
	return builder.profile;
}

/* What a process executes is no other process. */
static void test_exec_is_no_member(void **state)
{
	static const struct report_options options = { 0 };
	_cleanup_(profile_freep) struct profile *few = executing_workers(MAX_UNGROUPED);
	_cleanup_(profile_freep) struct profile *many = executing_workers(5);
	_cleanup_(freep) char *text = report_text(&report_tree, many, &options);

	assert_null(profile_group(few));
	assert_non_null(strstr(text, "10 and 4 more, × 5 processes, sums of all: "));
	assert_non_null(strstr(text, "30.00 MB  each 2.00 to 10.00, median 6.00\n"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_stay),
		cmocka_unit_test(test_many_are_one),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_even_spread),
		cmocka_unit_test(test_exec_is_no_member),
		cmocka_unit_test(test_kept_blocks),
		cmocka_unit_test(test_no_common_peak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
