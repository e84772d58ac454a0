/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on [deeper] rows, and those on none: the numbers of their process are bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_calls.h"
#include "report_text.h"

#define NO_ROOM "paths found no room: raise --max-nodes and --max-sites, both to twice as many"
#define NOT_ON_ROWS "some are on no row of their own"

static int set_up(void **state)
{
	struct profile_builder *builder = xcalloc(1, sizeof(*builder));

	*builder = builder_new();
	builder_process(builder, 7, "python3 run.py", "3.11.2");
	builder_count(builder, CALLS_BY_USDT, true, "");
	*state = builder;
	return 0;
}

static int tear_down(void **state)
{
	struct profile_builder *builder = *state;

	profile_free(builder->profile);
	free(builder);
	return 0;
}

static struct loss_count *losses_of(struct profile_builder *builder)
{
	return builder->profile->processes[builder->process].losses;
}

static void call_deeper(struct profile_builder *builder, uint64_t calls)
{
	uint32_t main = builder_python(builder, NO_NODE, "/run.py", "<module>", 2);

	builder_calls(builder, builder_python(builder, main, "/run.py", "f", 2), 2);
	builder_calls(builder, builder_special(builder, main, SITE_DEEPER, NULL, 0), calls);
}

static void assert_judged(struct profile_builder *builder, enum calls_seen seen, const char *reason,
			  uint64_t unplaced)
{
	const struct process *process;

	for (int i = 0; i < 2; i++) {
		profile_judge_calls(builder->profile);
		process = &builder->profile->processes[builder->process];
		assert_int_equal(process->calls_seen, seen);
		assert_string_equal(profile_string(builder->profile, process->calls_reason),
				    reason);
		assert_int_equal(process->losses[LOSS_calls_unplaced].events, unplaced);
	}
}

static void test_deeper(void **state)
{
	call_deeper(*state, 5);
	assert_judged(*state, CALLS_SEEN_SOME, NO_ROOM, 5);
}

/* Memory alone that found no room lets the calls be what they are. */
static void test_growth_alone(void **state)
{
	call_deeper(*state, 0);
	assert_judged(*state, CALLS_SEEN_ALL, "", 0);
}

static void test_lost(void **state)
{
	losses_of(*state)[LOSS_calls_lost].events = 1;
	assert_judged(*state, CALLS_SEEN_SOME, NOT_ON_ROWS, 0);
}

/* Larger tables are no remedy where the ring buffer was full. */
static void test_ring_full(void **state)
{
	losses_of(*state)[LOSS_ring_full].events = 5;
	call_deeper(*state, 5);
	assert_judged(*state, CALLS_SEEN_SOME, NOT_ON_ROWS, 5);
}

static void test_other_reason(void **state)
{
	builder_count(*state, CALLS_BY_USDT, false, "the budget was spent");
	call_deeper(*state, 5);
	assert_judged(*state, CALLS_SEEN_SOME, "the budget was spent", 5);
}

/* What the reason was of is no reason for this. */
static void test_resumes_unseen(void **state)
{
	struct profile_builder *builder = *state;

	builder_count(builder, CALLS_BY_UPROBE, true, "resumes are not seen");
	builder->profile->processes[builder->process].calls_seen = CALLS_SEEN_ENDS;
	call_deeper(builder, 5);
	assert_judged(builder, CALLS_SEEN_SOME, NO_ROOM, 5);
}

static void test_not_counted(void **state)
{
	builder_count(*state, CALLS_BY_NOTHING, false, "the interpreter is stripped");
	call_deeper(*state, 5);
	losses_of(*state)[LOSS_calls_lost].events = 1;
	assert_judged(*state, CALLS_SEEN_SOME, "the interpreter is stripped", 0);
}

/* Of two processes one has all its calls. */
static void test_other_process(void **state)
{
	struct profile_builder *builder = *state;

	call_deeper(builder, 5);
	builder_process(builder, 8, "python3 other.py", "3.11.2");
	builder_count(builder, CALLS_BY_USDT, true, "");
	assert_judged(builder, CALLS_SEEN_ALL, "", 0);
}

static void test_report(void **state)
{
	static const struct report_options options = { 0 };
	static const char *const expected[] = {
		"f      2.00 MB  (≥2 calls)",
		"Calls: ≥, " NO_ROOM "\n",
		"Lost: call not counted, 1 event, 0.00 MB  (hint: raise --max-nodes and "
		"--max-sites, both to twice as many)\n",
		"Lost: call on a [deeper] row: no room for its path, 5 events, 0.00 MB  "
		"(hint: raise --max-nodes and --max-sites, both to twice as many)\n",
	};
	struct profile_builder *builder = *state;
	_cleanup_(freep) char *text = NULL;

	call_deeper(builder, 5);
	losses_of(builder)[LOSS_calls_lost].events = 1;
	profile_judge_calls(builder->profile);
	text = report_text_of_built(builder, &options);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		if (!strstr(text, expected[i]))
			fail_msg("no \"%s\" in:\n%s", expected[i], text);
	}
	*builder = builder_new();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deeper, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_growth_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ring_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resumes_unseen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_report, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
