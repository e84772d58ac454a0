/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths that kept growing while others gave back, made up: which only took the others' place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history_fixture.h"
#include "memory.h"
#include "profile_allocs.h"
#include "profile_held.h"

#define END (100 * SECOND)

/* What was there at the beginning goes as fast as history_leaking() takes. */
static int64_t going(uint64_t time)
{
	return 2000 * MB - history_leaking(time);
}

static int64_t going_slowly(uint64_t time)
{
	return 2000 * MB - history_leaking(time) / 4;
}

/* At once, in the last third, and more than was taken meanwhile. */
static int64_t going_once(uint64_t time)
{
	return time < 80 * SECOND ? 2000 * MB : 0;
}

static int64_t leaking_slowly(uint64_t time)
{
	return history_leaking(time) / 4;
}

/* Of pages that are half full a quarter of history_leaking() fills as many as this, nearly. */
static int64_t leaking_in_edges(uint64_t time)
{
	return history_leaking(time) * 7 / 16;
}

static int64_t leaking_fast(uint64_t time)
{
	return 2 * history_leaking(time);
}

/* A cache's entries, of which many come at once. */
static int64_t in_bursts(uint64_t time)
{
	return history_leaking(time - time % (20 * SECOND));
}

/* The node that holds this, and what becomes of the others beside it. */
static enum leak_beside beside_of(const struct profile *profile, uint32_t node, bool is_allocated)
{
	size_t count;
	_cleanup_(freep) struct leak *leaks = profile_leaks(profile, 0, &count);

	for (size_t i = 0; i < count; i++) {
		if (leaks[i].node == node && leaks[i].is_allocated == is_allocated)
			return leaks[i].beside;
	}
	fail_msg("node %u did not grow", node);
	return LEAK_ALONE;
}

static uint32_t play_root(struct profile *profile, enum wire_site_kind kind, history_series *amount)
{
	uint32_t node = profile_add_root(profile, 0, kind, 0);

	history_play_on(profile, node, amount, END);
	return node;
}

/* Of a path that grows in itself, beside another series. */
static void check_beside(history_series *grown, history_series *other, enum leak_beside expected)
{
	struct profile *profile = history_profile(0);
	uint32_t node = history_play(profile, grown, END);

	history_play(profile, history_churning, END);
	play_root(profile, SITE_BEFORE, other);
	assert_int_equal(beside_of(profile, node, false), expected);
	profile_free(profile);
}

/* Entries of a full cache go as others come. A leak that grows more than others give back, or
 * beside what goes once, is none of these. */
static void test_exchange(void **state)
{
	check_beside(history_leaking, going, LEAK_REPLACES);
	check_beside(leaking_slowly, going, LEAK_REPLACES); /* it becomes less in all */
	check_beside(history_leaking, going_slowly, LEAK_ALONE);
	check_beside(history_leaking, going_once, LEAK_ALONE);
	check_beside(history_leaking, history_churning, LEAK_ALONE);
}

/* All that leaks is what the process grew by: what is more took others' place, what is less may. */
static void test_leak_beside_exchange(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t cache = history_play(profile, history_leaking, END);
	uint32_t leak = history_play(profile, leaking_slowly, END);

	play_root(profile, SITE_INHERITED, going);
	assert_int_equal(beside_of(profile, cache, false), LEAK_REPLACES);
	assert_int_equal(beside_of(profile, leak, false), LEAK_BESIDE_FALL);
	profile_free(profile);
}

/* Another took the place of what went, but not in each slot: it is no leak, and hides none. */
static void test_exchange_in_bursts(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t leak = history_play(profile, leaking_slowly, END);

	history_play(profile, in_bursts, END);
	play_root(profile, SITE_BEFORE, going);
	assert_int_equal(beside_of(profile, leak, false), LEAK_BESIDE_FALL);
	profile_free(profile);
}

/* A leak that fills what lies about free in an allocator makes no process grow, and is one. */
static void test_free_room(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t leak = history_play(profile, history_leaking, END);

	play_root(profile, SITE_FREE, going);
	assert_int_equal(beside_of(profile, leak, false), LEAK_ALONE);
	profile_free(profile);
}

/* Each process by itself. */
static void test_other_process(void **state)
{
	const struct site site = { .kind = SITE_PYTHON, .line = 7 };
	struct profile *profile = history_profile(0);
	uint32_t leak = history_play(profile, history_leaking, END), other, node;

	other = profile_add_process(profile);
	profile->processes[other] = (struct process){ .end = END_EXIT, .end_ns = END };
	node = profile_add_node(profile, other, NO_NODE, profile_add_site(profile, &site), 0);
	history_play_on(profile, node, going, END);
	assert_int_equal(beside_of(profile, leak, false), LEAK_ALONE);
	profile_free(profile);
}

static uint32_t play_blocks(struct profile *profile, history_series *amount, int64_t blocks)
{
	uint32_t node = history_play_allocs(profile, amount, END);

	profile_allocate(profile, node)->blocks = blocks;
	profile_settle(profile);
	return node;
}

/* A cache that one path has filled and another replaces. */
static void test_blocks(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = play_blocks(profile, history_leaking, 100);

	assert_int_equal(beside_of(profile, node, true), LEAK_ALONE);
	play_blocks(profile, going, 100);
	assert_int_equal(beside_of(profile, node, true), LEAK_REPLACES);
	profile_free(profile);
}

/* Of blocks from before an attach nobody knows how large they were. Where pages grew, they tell. */
static void test_unknown_frees(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = play_blocks(profile, history_leaking, 100);

	/* Followed from its beginning there are none: what a thread's end frees was freed before.
	 */
	profile->processes[0].unknown_frees = 50;
	assert_int_equal(beside_of(profile, node, true), LEAK_ALONE);
	profile->processes[0].allocs_since_ns = 1;
	profile->processes[0].unknown_frees = 49;
	assert_int_equal(beside_of(profile, node, true), LEAK_ALONE);
	profile->processes[0].unknown_frees = 50;
	assert_int_equal(beside_of(profile, node, true), LEAK_BESIDE_UNKNOWN);
	history_play_on(profile, node, history_leaking, END);
	assert_int_equal(beside_of(profile, node, true), LEAK_ALONE);
	play_root(profile, SITE_BEFORE, going);
	assert_int_equal(beside_of(profile, node, true), LEAK_REPLACES);
	profile_free(profile);
}

/* Blocks of which a quarter lies in pages that another path was the first to touch. */
static int64_t three_quarters(uint64_t time)
{
	return history_leaking(time) - leaking_slowly(time);
}

static void test_edges(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = play_blocks(profile, history_leaking, 100), other, leak;

	history_play_on(profile, node, three_quarters, END);
	other = history_play(profile, leaking_in_edges, END);
	profile_hold(profile, node)->mapped = 995 * MB;
	profile->processes[0].has_mapped = true;
	profile_settle(profile);
	assert_int_equal(beside_of(profile, node, true), LEAK_ALONE);
	assert_int_equal(beside_of(profile, other, false), LEAK_IN_BLOCKS);
	/* More than they can be is not explained by them, nor what a path has mapped itself. */
	leak = history_play(profile, leaking_fast, END);
	assert_int_equal(beside_of(profile, leak, false), LEAK_ALONE);
	profile_hold(profile, other)->mapped = 995 * MB;
	profile_settle(profile);
	assert_int_equal(beside_of(profile, other, false), LEAK_ALONE);
	profile_hold(profile, other)->mapped = 0;
	/* Blocks may lie where those from before were. */
	profile->processes[0].allocs_since_ns = 1;
	profile_settle(profile);
	assert_int_equal(beside_of(profile, other, false), LEAK_ALONE);
	profile_free(profile);
}

static int64_t leaking_a_little(uint64_t time)
{
	return history_leaking(time) / 100;
}

/* Large blocks, all of whose whole pages are the path's: at their ends are pages of others. */
static void test_edges_of_large(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = play_blocks(profile, history_leaking, 10000), other, leak;

	history_play_on(profile, node, history_leaking, END);
	profile_hold(profile, node)->mapped = 995 * MB;
	profile->processes[0].has_mapped = true;
	other = history_play(profile, leaking_a_little, END);
	leak = history_play(profile, leaking_slowly, END);
	profile_settle(profile);
	assert_int_equal(beside_of(profile, other, false), LEAK_IN_BLOCKS);
	assert_int_equal(beside_of(profile, leak, false), LEAK_ALONE);
	/* As much in a few blocks has few edges. */
	profile_allocate(profile, node)->blocks = 100;
	profile_settle(profile);
	assert_int_equal(beside_of(profile, other, false), LEAK_ALONE);
	profile_free(profile);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_leak_beside_exchange),
		cmocka_unit_test(test_exchange_in_bursts),
		cmocka_unit_test(test_free_room),
		cmocka_unit_test(test_other_process),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_unknown_frees),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_edges_of_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
