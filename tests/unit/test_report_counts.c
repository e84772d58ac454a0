/* SPDX-License-Identifier: BSD-2-Clause */
/* Of one thing a report does not speak as of several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_builder.h"
#include "profile_held.h"
#include "profile_history.h"
#include "report_census.h"
#include "report_text.h"

#define SCRIPT "/run.py"
#define NR_SLOTS 24U

/* The report of what was built; the caller frees it. */
static char *finish(struct profile_builder *builder, const struct report_options *options)
{
	char *text;

	builder_finish(builder);
	profile_settle(builder->profile);
	text = report_text(&report_tree, builder->profile, options);
	profile_free(builder->profile);
	return text;
}

static void check_has(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("no \"%s\" in:\n%s", expected, text);
}

/* The second process began when the first had given back what it held. */
static void test_highest_moment(void **state)
{
	static const struct report_options options = { 0 };
	struct profile_builder builder = builder_new();
	_cleanup_(freep) char *text = NULL;

	for (uint32_t pid = 7; pid < 9; pid++) {
		builder_process(&builder, pid, "python3 run.py", "3.11.2");
		builder_python(&builder, NO_NODE, SCRIPT, "load", 40);
	}
	builder.profile->highest = (struct moment){
		.bytes = 40 * MB, .rss = 40 * MB, .time_ns = 2000000000, .nr_processes = 1
	};
	text = finish(&builder, &options);
	check_has(text, "Highest moment: 40.00 MB at 2.00 s in 1 process, shared pages");
}

/* A list that is allocated anew, larger, again and again. */
static void test_growing_block(void **state)
{
	static const struct report_options options = { .tree.metric = METRIC_ALLOCATED,
						       .has_metric = true,
						       .leaks = true };
	struct profile_builder builder = builder_new();
	uint32_t node;
	_cleanup_(freep) char *text = NULL;

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	node = builder_python(&builder, NO_NODE, SCRIPT, "append", 72);
	builder_allocate(&builder, node, &(struct builder_allocs){ 72, 72, 1, 24 });
	for (int kind = HISTORY_ALLOCATED; kind <= HISTORY_TAKEN; kind++) {
		struct node_history history = { .node = node, .kind = kind, .last = NR_SLOTS - 1 };

		for (uint32_t slot = 0; slot < NR_SLOTS; slot++)
			history.low[slot] = (int64_t)slot * 3 * MB;
		profile_set_history(builder.profile, &history);
	}
	builder.profile->processes[0].start_ns = 0;
	builder.profile->processes[0].end_ns = NR_SLOTS * HISTORY_SLOT_NS;
	builder.profile->meta.duration_ns = NR_SLOTS * HISTORY_SLOT_NS;
	text = finish(&builder, &options);
	check_has(text, "    72.00 MB         1 block   chance");
}

static void take(void *context, const void *bytes, size_t size)
{
	strncat(context, bytes, size);
}

static void test_grown_object(void **state)
{
	const struct census_diff diff = { .bytes = 4 * MB, .objects = 1 };
	char text[256] = "";
	struct sink sink;

	sink_into(&sink, take, text);
	report_census_diff_write(&diff, &sink);
	sink_close(&sink);
	check_has(text, "Objects grew by 4.00 MB, +1 object\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_highest_moment),
		cmocka_unit_test(test_growing_block),
		cmocka_unit_test(test_grown_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
