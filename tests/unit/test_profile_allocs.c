/* SPDX-License-Identifier: BSD-2-Clause */
/* What nodes have allocated: of which moment it is, what several of one are in sum, that nothing
 * lacks, and what becomes of it in sums and differences of profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_allocs.h"
#include "profile_held.h"
#include "profile_merge.h"

static struct profile *new_profile(void)
{
	struct profile *profile = profile_new();
	uint32_t process = profile_add_process(profile);

	profile->processes[process].has_allocs = true;
	profile->processes[process].alloc_moment = 3;
	return profile;
}

static uint32_t add_node(struct profile *profile, int32_t line)
{
	const struct site site = { .kind = SITE_PYTHON, .line = line };

	return profile_add_node(profile, 0, NO_NODE, profile_add_site(profile, &site), 0);
}

/* A node that has so much, and had at the highest moment of that number. */
static void allocate(struct profile *profile, uint32_t node, int64_t bytes, int64_t peak,
		     uint32_t moment)
{
	struct node_allocs *allocs = profile_allocate(profile, node);

	*allocs = (struct node_allocs){
		.node = node,
		.bytes = bytes,
		.blocks = bytes / 10,
		.peak_more = peak - bytes,
		.taken = 1000,
		.taken_blocks = 100,
		.freed_blocks = 100 - bytes / 10,
		.peak_moment = moment,
	};
}

static void set_process(struct profile *profile, int64_t end, int64_t peak)
{
	profile->processes[0].alloc_end = end;
	profile->processes[0].alloc_peak = peak;
}

static void assert_settled(struct profile *profile, uint32_t node, int64_t end, int64_t peak)
{
	struct cost cost;

	profile_settle(profile);
	cost = profile_cost(profile, node);
	assert_int_equal(cost.alloc_end, end);
	assert_int_equal(cost.alloc_peak, peak);
}

static void assert_unplaced(const struct profile *profile, uint64_t events, uint64_t bytes)
{
	const struct loss_count *loss = &profile->processes[0].losses[LOSS_blocks_unplaced];

	assert_int_equal(loss->events, events);
	assert_int_equal(loss->bytes, bytes);
}

/* What changed since the highest moment keeps its value; what did not was the same then. */
static void test_moments(void **state)
{
	struct profile *profile = new_profile();
	uint32_t changed = add_node(profile, 1), earlier = add_node(profile, 2);
	struct cost cost;

	allocate(profile, changed, 50, 80, 3);
	allocate(profile, earlier, 100, 20, 2);
	set_process(profile, 150, 180);
	assert_settled(profile, changed, 50, 80);
	assert_settled(profile, earlier, 100, 100);
	cost = profile_cost(profile, changed);
	assert_int_equal(cost.alloc_blocks, 5);
	assert_int_equal(cost.alloc_taken, 1000);
	assert_int_equal(cost.alloc_taken_blocks, 100);
	assert_int_equal(cost.alloc_freed_blocks, 95);
	/* Another node makes a new highest moment. */
	profile->processes[0].alloc_moment = 4;
	set_process(profile, 150, 150);
	assert_settled(profile, changed, 50, 50);
	assert_unplaced(profile, 0, 0);
	profile_free(profile);
}

/* What the runtime's finalizing frees was there in the end. */
static void test_finalizing(void **state)
{
	struct profile *profile = new_profile();
	uint32_t node = add_node(profile, 1);

	allocate(profile, node, 10, 90, 3);
	profile_allocate(profile, node)->final_more = 60;
	profile_allocate(profile, node)->final_blocks_more = 6;
	profile_allocate(profile, node)->final_moment = 1;
	profile->processes[0].final_moment = 1;
	set_process(profile, 70, 90);
	assert_settled(profile, node, 70, 90);
	assert_int_equal(profile_cost(profile, node).alloc_blocks, 7);
	assert_int_equal(profile_cost(profile, node).alloc_freed_blocks, 93); /* 99 by now */
	/* It did not, after all. */
	profile->processes[0].final_moment = 0;
	set_process(profile, 10, 90);
	assert_settled(profile, node, 10, 90);
	assert_int_equal(profile_cost(profile, node).alloc_blocks, 1);
	assert_unplaced(profile, 0, 0);
	profile_free(profile);
}

static uint32_t find_unowned(const struct profile *profile)
{
	for (uint32_t i = 0; i < profile->nr_nodes; i++) {
		if (profile->sites[profile->nodes[i].site].kind == SITE_UNOWNED)
			return i;
	}
	return NO_NODE;
}

/* What is missing has a row and is a loss, once; more of it is another. */
static void test_missing(void **state)
{
	struct profile *profile = new_profile();

	allocate(profile, add_node(profile, 1), 50, 80, 3);
	set_process(profile, 70, 180);
	for (int i = 0; i < 2; i++) {
		profile_settle(profile);
		assert_settled(profile, find_unowned(profile), 20, 100);
		assert_unplaced(profile, 1, 100);
	}
	set_process(profile, 40, 180);
	assert_settled(profile, find_unowned(profile), -10, 100);
	assert_unplaced(profile, 2, 130);
	profile_free(profile);
}

/* Nobody can miss what nobody followed; and no column is made for it. */
static void test_not_followed(void **state)
{
	struct profile *profile = new_profile();

	add_node(profile, 1);
	profile->processes[0].has_allocs = false;
	set_process(profile, 70, 180);
	profile_settle(profile);
	assert_int_equal(profile->nr_nodes, 1);
	assert_int_equal(profile->nr_allocs, 0);
	for (size_t i = 0; i < NR_AMOUNTS; i++)
		assert_null(profile->costs.columns[i]);
	profile_free(profile);
}

/* Of two nodes of the BPF side that are one here the later moment counts. */
static void test_replace(void **state)
{
	const struct node_allocs zero = { 0 };
	struct node_allocs sum = { 0 }, first = { .bytes = 5, .peak_more = 7, .peak_moment = 1 },
			   second = { .bytes = 3, .peak_more = 11, .peak_moment = 2 },
			   third = { .bytes = 4, .blocks = 1, .peak_more = 2, .peak_moment = 2 };

	second.final_more = 9;
	second.final_blocks_more = 2;
	second.final_moment = 1;
	allocs_replace(&sum, &zero, &first);
	allocs_replace(&sum, &zero, &second);
	assert_int_equal(sum.bytes, 8);
	assert_int_equal(sum.peak_more, 11);
	assert_int_equal(sum.final_more, 9);
	allocs_replace(&sum, &first, &third);
	assert_int_equal(sum.bytes, 7);
	assert_int_equal(sum.blocks, 1);
	assert_int_equal(sum.peak_more, 13);
	assert_int_equal(sum.peak_moment, 2);
	allocs_replace(&sum, &second, &zero);
	allocs_replace(&sum, &third, &zero);
	assert_true(allocs_are_zero(&sum));
}

/* a + b - b = a, and the sums are still those of the nodes. */
static void test_merge(void **state)
{
	struct profile *sum = profile_new(), *profile = new_profile();
	uint32_t node = add_node(profile, 1);
	struct cost cost;

	allocate(profile, node, 50, 80, 3);
	set_process(profile, 50, 80);
	profile->processes[0].allocs_since_ns = 9;
	profile_settle(profile);
	profile_merge(sum, profile, MERGE_SUM);
	profile_merge(sum, profile, MERGE_SUM);
	profile_settle(sum);
	cost = profile_cost(sum, 0);
	assert_int_equal(cost.alloc_end, 100);
	assert_int_equal(cost.alloc_peak, 160);
	assert_int_equal(cost.alloc_blocks, 10);
	assert_int_equal(cost.alloc_taken_blocks, 200);
	assert_int_equal(sum->processes[0].alloc_peak, 160);
	assert_int_equal(sum->processes[0].allocs_since_ns, 9);
	assert_true(sum->processes[0].has_allocs);
	profile_merge(sum, profile, MERGE_DIFFERENCE);
	profile_merge(sum, profile, MERGE_DIFFERENCE);
	profile_settle(sum);
	cost = profile_cost(sum, 0);
	assert_true(cost_is_zero(&cost));
	assert_int_equal(sum->nr_nodes, 1);
	/* Of one run only it is not known of both. */
	profile->processes[0].has_allocs = false;
	profile_merge(sum, profile, MERGE_DIFFERENCE);
	assert_false(sum->processes[0].has_allocs);
	profile_free(sum);
	profile_free(profile);
}

static void test_least_block(void **state)
{
	static const struct {
		const char *options;
		uint64_t least;
	} cases[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "--allocs", 0 },
		{ "--allocs --lines", 0 },
		{ "--allocs=0", 0 },
		{ "--allocs=4096", 4096 },
		{ "-o x.raw --allocs=512 --lines", 512 },
		{ "--allocs=7 --allocs=9", 9 },
		{ "--allocs=9 --allocs", 0 },
		{ "-o no--allocs=3", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];
		const struct profile_meta meta = {
			.options = cases[i].options ? strcpy(text, cases[i].options) : NULL
		};

		assert_int_equal(allocs_least_block(&meta), cases[i].least);
	}
}

/* What was not followed from its beginning, or lost some, has them, and the sum has them. */
static void test_unknown_frees(void **state)
{
	struct profile *profile = new_profile(), *other = new_profile();
	struct process *process = &profile->processes[0], *late = &other->processes[0];

	process->unknown_frees = 18379;
	assert_int_equal(allocs_unknown_frees(process), 0);
	process->losses[LOSS_blocks_full].events = 1;
	assert_int_equal(allocs_unknown_frees(process), 18379);
	process->losses[LOSS_blocks_full].events = 0;
	late->unknown_frees = 7;
	late->allocs_since_ns = 1;
	assert_int_equal(allocs_unknown_frees(late), 7);
	profile_merge(profile, other, MERGE_SUM);
	assert_int_equal(allocs_unknown_frees(&profile->processes[0]), 7);
	profile_merge(other, profile, MERGE_SUM);
	assert_int_equal(allocs_unknown_frees(&other->processes[0]), 14);
	profile_free(other);
	profile_free(profile);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments),	    cmocka_unit_test(test_finalizing),
		cmocka_unit_test(test_missing),	    cmocka_unit_test(test_not_followed),
		cmocka_unit_test(test_least_block), cmocka_unit_test(test_replace),
		cmocka_unit_test(test_merge),	    cmocka_unit_test(test_unknown_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
