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
#include "profile_history.h"
#include "report_census.h"
#include "report_text.h"

#define SCRIPT "/run.py"
#define NR_SLOTS 24U

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
	text = report_text_of_built(&builder, &options);
	check_has(text, "Highest moment: 40.00 MB at 2.00 s in 1 process, shared pages");
}

typedef int64_t low_at(uint32_t slot);

static int64_t growing_at(uint32_t slot)
{
	return (int64_t)slot * 3 * MB;
}

static int64_t going_at(uint32_t slot)
{
	return 100 * MB - growing_at(slot);
}

static void keep(struct profile *profile, uint32_t node, enum history_kind kind, low_at *low)
{
	struct node_history history = { .node = node, .kind = kind, .last = NR_SLOTS - 1 };

	for (uint32_t slot = 0; slot < NR_SLOTS; slot++)
		history.low[slot] = low(slot);
	profile_set_history(profile, &history);
}

static char *finish_leaks(struct profile_builder *builder, enum tree_metric metric)
{
	const struct report_options options = { .tree.metric = metric,
						.has_metric = true,
						.leaks = true };

	builder->profile->processes[0].start_ns = 0;
	builder->profile->processes[0].end_ns = NR_SLOTS * HISTORY_SLOT_NS;
	builder->profile->meta.duration_ns = NR_SLOTS * HISTORY_SLOT_NS;
	return report_text_of_built(builder, &options);
}

/* Blocks that grow to 72 MB, of 24 that were taken. */
static void add_blocks(struct profile_builder *builder, int64_t left)
{
	uint32_t node = builder_python(builder, NO_NODE, SCRIPT, "append", 72);

	builder_allocate(builder, node, &(struct builder_allocs){ 72, 72, left, 24 });
	keep(builder->profile, node, HISTORY_ALLOCATED, growing_at);
	keep(builder->profile, node, HISTORY_TAKEN, growing_at);
}

/* A list that is allocated anew, larger, again and again. */
static void test_growing_block(void **state)
{
	struct profile_builder builder = builder_new();
	_cleanup_(freep) char *text = NULL;

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	add_blocks(&builder, 1);
	text = finish_leaks(&builder, METRIC_ALLOCATED);
	check_has(text, "    72.00 MB         1 block   chance");
}

/* 24 blocks that stay, beside frees of others. */
static char *finish_with_unknown_frees(uint64_t since_ns)
{
	struct profile_builder builder = builder_new();

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	builder.profile->processes[0].allocs_since_ns = since_ns;
	builder.profile->processes[0].unknown_frees = 209;
	add_blocks(&builder, 24);
	return finish_leaks(&builder, METRIC_ALLOCATED);
}

/* Blocks from before the attach were freed: any path's, or all of this one's. */
static void test_unknown_frees(void **state)
{
	_cleanup_(freep) char *text = finish_with_unknown_frees(1);

	check_has(text, "  chance  3.8 to 96.2 %  ");
	check_has(
		text,
		"append +\n  + others gave back half as much or more meanwhile, or it went in 209 "
		"frees of blocks that were not followed: it may have taken their place\n");
}

/* Where all blocks were followed it was none of theirs. */
static void test_frees_of_allocator(void **state)
{
	_cleanup_(freep) char *text = finish_with_unknown_frees(0);

	check_has(text, "  chance 96.2 %  ");
	check_has(text, "append\n");
	assert_null(strstr(text, "append +"));
	assert_null(strstr(text, "frees of blocks"));
}

/* Nothing is a leak, and is not called so, where the process did not grow. */
static void test_replaced(void **state)
{
	struct profile_builder builder = builder_new();
	uint32_t node;
	_cleanup_(freep) char *text = NULL;

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	node = builder_python(&builder, NO_NODE, SCRIPT, "put", 0);
	builder_hold(&builder, node, KIND_ANON, 72, 72);
	keep(builder.profile, node, HISTORY_LIVE, growing_at);
	node = builder_special(&builder, NO_NODE, SITE_BEFORE, NULL, 0);
	builder_hold(&builder, node, KIND_ANON, 28, 28);
	keep(builder.profile, node, HISTORY_LIVE, going_at);
	text = finish_leaks(&builder, METRIC_LIVE);
	check_has(
		text,
		"\n\nNo path was seen to grow all through the last third of the run by more than "
		"others gave back\nTook the place of what others gave back, 72.00 MB of 100.00 MB "
		"at the end, as a full cache does:\n    72.00 MB  ");
	assert_null(strstr(text, "Kept growing"));
	assert_null(strstr(text, "put  "));
}

/* Pages that were touched first by a path that keeps none of the blocks which lie there. */
static void test_edges(void **state)
{
	struct profile_builder builder = builder_new();
	uint32_t node;
	_cleanup_(freep) char *text = NULL;

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	add_blocks(&builder, 24);
	node = builder_python(&builder, NO_NODE, SCRIPT, "churn", 200);
	builder_hold(&builder, node, KIND_ANON, 72, 72);
	keep(builder.profile, node, HISTORY_LIVE, growing_at);
	builder.profile->processes[0].has_mapped = true;
	text = finish_leaks(&builder, METRIC_ALLOCATED);
	check_has(text,
		  "append\nEdges of these blocks explain a growth of 27.00 MB on other paths, "
		  "which were the first to touch them\n");
	assert_null(strstr(text, "churn"));
}

static int64_t handing_on_at(uint32_t slot)
{
	return 19 * MB - (int64_t)(NR_SLOTS - slot) * MB / 64;
}

/* Small blocks that a library keeps for itself and hands on are told in one line. */
static void test_slight(void **state)
{
	struct profile_builder builder = builder_new();
	uint32_t node;
	_cleanup_(freep) char *text = NULL;

	builder_process(&builder, 7, "python3 run.py", "3.11.2");
	add_blocks(&builder, 24);
	node = builder_python(&builder, NO_NODE, SCRIPT, "cached", 19);
	builder_allocate(&builder, node, &(struct builder_allocs){ 19, 19, 40, 400 });
	keep(builder.profile, node, HISTORY_ALLOCATED, handing_on_at);
	text = finish_leaks(&builder, METRIC_ALLOCATED);
	check_has(text, "Kept growing in blocks, 72.00 MB of 91.00 MB");
	check_has(text,
		  "append\n1 other path grew by 0.38 MB, in the last third by less than 1 % of "
		  "what another did\n");
	assert_null(strstr(text, "cached"));
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
		cmocka_unit_test(test_highest_moment), cmocka_unit_test(test_growing_block),
		cmocka_unit_test(test_unknown_frees),  cmocka_unit_test(test_frees_of_allocator),
		cmocka_unit_test(test_replaced),       cmocka_unit_test(test_edges),
		cmocka_unit_test(test_slight),	       cmocka_unit_test(test_grown_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
