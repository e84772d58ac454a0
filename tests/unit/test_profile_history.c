/* SPDX-License-Identifier: BSD-2-Clause */
/* Series of what nodes hold, made up: which of them leak, since when, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history_fixture.h"
#include "memory.h"
#include "profile_allocs.h"
#include "profile_held.h"

/* Less and more of it in turn, and a tenth of what it takes stays. */
static int64_t leaking_in_churn(uint64_t time)
{
	return history_leaking(time) / 10 + (time / (SECOND / 2) % 7) * 50 * MB;
}

/* A cache that is full after 30 s. */
static int64_t bounded(uint64_t time)
{
	return history_leaking(time < 30 * SECOND ? time : 30 * SECOND);
}

/* All of it is released each minute. */
static int64_t sawtooth(uint64_t time)
{
	return history_leaking(time % (60 * SECOND));
}

/* Only from 40 s on, and before that another amount came and went. */
static int64_t leaking_late(uint64_t time)
{
	return time < 40 * SECOND ? history_churning(time) : history_leaking(time - 40 * SECOND);
}

static void test_leak(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	uint32_t node = history_play(profile, history_leaking, 100 * SECOND);

	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_int_equal(leak.node, node);
	/* 25 slots of 4 s; the last third is 8 of them. */
	assert_int_equal(leak.live, 995 * MB);
	/* The least of the slot before is what it began with. */
	assert_int_equal(leak.grown, leak.live - history_leaking(64 * SECOND - SECOND / 2));
	assert_int_equal(leak.since_ns, 64 * SECOND);
	assert_int_equal(leak.end_ns, 100 * SECOND);
	assert_true(leak.first_ns <= 4 * SECOND);
	assert_int_equal(leak.last_ns, 100 * SECOND);
	profile_free(profile);
}

static void check_none(history_series *amount, uint64_t seconds)
{
	struct profile *profile = history_profile(0);
	struct leak leak;

	history_play(profile, amount, seconds * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 0);
	profile_free(profile);
}

/* What is seen rises all the time, as chance may have it; between two looks everything went. */
static void test_fallen_between_looks(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = history_node(profile);
	const struct node_history *history;
	struct history_step step;
	struct leak leak;

	for (uint64_t time = 0; time < 30 * SECOND; time += SECOND * 7 / 10) {
		struct held *held = profile_hold(profile, node), before = *held;

		held->live[KIND_ANON] = history_leaking(time);
		step = history_look(time);
		step.fallen = held->live[KIND_ANON];
		profile_note_history(profile, node, &before, held, &step);
	}
	profile->processes[0].end_ns = 30 * SECOND;
	profile_settle(profile);
	history = profile_history(profile, node, HISTORY_LIVE);
	for (uint32_t slot = 0; slot <= history->last; slot++)
		assert_int_equal(history->low[slot], 0);
	assert_int_equal(history_count_leaks(profile, &leak), 0);
	profile_free(profile);
}

/* However the slots fall. What fills up is like a leak until it is full. */
static void test_none(void **state)
{
	static const uint64_t seconds[] = { 10, 16, 17, 31, 60, 100, 170, 1000, 5000 };

	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		check_none(history_churning, seconds[i]);
		if (seconds[i] < 250) /* KiB */
			check_none(history_small, seconds[i]);
		if (seconds[i] >= 60)
			check_none(bounded, seconds[i]);
		if (seconds[i] >= 100)
			check_none(sawtooth, seconds[i]);
	}
}

/* The churn's low is 0, so what is left is the leak's; the greatest comes first. */
static void test_churn(void **state)
{
	struct profile *profile = history_profile(7 * SECOND);
	size_t count;
	uint32_t slow, fast;
	struct leak *leaks;

	slow = history_play(profile, leaking_in_churn, 407 * SECOND);
	history_play(profile, history_churning, 407 * SECOND);
	fast = history_play(profile, history_leaking, 407 * SECOND);
	leaks = profile_leaks(profile, 0, &count);
	assert_int_equal(count, 2);
	assert_int_equal(leaks[0].node, fast);
	assert_int_equal(leaks[1].node, slow);
	assert_in_range(leaks[1].grown, 100 * MB, 480 * MB);
	free(leaks);
	profile_free(profile);
}

static void test_since_when(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;

	history_play(profile, leaking_late, 120 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_in_range(leak.first_ns, 36 * SECOND, 44 * SECOND);
	profile_free(profile);
}

/* What the runtime frees when it finalizes was not given back before. */
static void test_finalizing(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = history_play(profile, history_leaking, 100 * SECOND);
	struct held *held = profile_hold(profile, node), before = *held;
	const struct history_step step = history_look(100 * SECOND);
	struct leak leak;

	held->final_moment = 1;
	held->final_more[KIND_ANON] = held->live[KIND_ANON];
	held->live[KIND_ANON] = 0;
	profile_note_history(profile, node, &before, held, &step);
	profile->processes[0].final_moment = 1;
	profile_settle(profile);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_int_equal(leak.live, 995 * MB);
	profile_free(profile);
}

/* A process of a few slots tells nothing; one that began late has its own. */
static void test_short_life(void **state)
{
	struct profile *profile = history_profile(1000 * SECOND);
	struct leak leak;

	history_play(profile, history_leaking, 1002 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 0);
	profile_free(profile);
	profile = history_profile(1000 * SECOND);
	history_play(profile, history_leaking, 1900 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_true(leak.first_ns >= 960 * SECOND);
	profile_free(profile);
}

/* The lows themselves, however the slots were doubled in between. */
static void test_lows(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = history_node(profile);
	const struct node_history *history;

	history_hold(profile, node, 1 * MB, 1 * SECOND);  /* slot 2 of half a second */
	history_hold(profile, node, 9 * MB, 2 * SECOND);  /* slot 4 */
	history_hold(profile, node, 5 * MB, 10 * SECOND); /* slot 20 */
	history = profile_history(profile, node, HISTORY_LIVE);
	assert_int_equal(history->last, 20);
	assert_int_equal(history->low[1], 0);
	assert_int_equal(history->low[2], 0);
	assert_int_equal(history->low[3], 1 * MB);
	assert_int_equal(history->low[4], 1 * MB);
	assert_int_equal(history->low[5], 9 * MB);
	assert_int_equal(history->low[20], 5 * MB);
	history_hold(profile, node, 6 * MB, 100 * SECOND); /* slots of 4 s */
	history = profile_history(profile, node, HISTORY_LIVE);
	assert_int_equal(history->doublings, 3);
	assert_int_equal(history->last, 25);
	assert_int_equal(history->low[0], 0);
	assert_int_equal(history->low[1], 9 * MB);
	assert_int_equal(history->low[2], 5 * MB);
	assert_int_equal(history->low[24], 5 * MB);
	assert_int_equal(history->low[25], 5 * MB);
	profile_free(profile);
}

/* A second's blocks, each of which lives for ever, or until the next second. */
static void allocate_until(struct profile *profile, uint32_t node, int64_t kept, int64_t dropped,
			   uint64_t end_ns)
{
	profile->processes[0].has_allocs = true;
	profile->processes[0].end_ns = end_ns;
	for (uint64_t time = 0; time < end_ns; time += SECOND) {
		struct node_allocs *allocs = profile_allocate(profile, node), before = *allocs;
		const struct history_step step = history_look(time);
		int64_t seconds = (int64_t)(time / SECOND) + 1;

		allocs->bytes = seconds * kept + dropped;
		allocs->taken = seconds * (kept + dropped);
		profile_note_alloc_history(profile, &before, allocs, &step);
		profile->processes[0].alloc_end = profile->processes[0].alloc_peak = allocs->bytes;
	}
	profile_settle(profile);
}

/* Where nothing is given back it is known how much is old; else within bounds, and what was really
 * kept lies between them. */
static void test_age(void **state)
{
	const int64_t kept = 10 * MB, dropped[] = { 0, 1 * MB, 500 * MB };
	struct profile *profile;
	struct leak leak;

	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
		profile = history_profile(0);
		allocate_until(profile, history_node(profile), kept, dropped[i], 100 * SECOND);
		assert_int_equal(history_count_leaks(profile, &leak), 1);
		/* 25 slots of 4 s, as in test_leak: the last third begins at 68 s. */
		assert_int_equal(leak.older_ns, 32 * SECOND);
		assert_in_range(leak.older_least, 0, 68 * kept);
		assert_in_range(leak.older_most, 68 * kept, 68 * kept + dropped[i]);
		if (!dropped[i])
			assert_int_equal(leak.older_least, leak.older_most);
		profile_free(profile);
	}
	/* 32 blocks of 1 MB that came may all be there. */
	profile = history_profile(0);
	allocate_until(profile, history_node(profile), kept, MB, 100 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_int_equal(leak.older_least, 68 * kept + MB - 32 * MB);
	assert_int_equal(leak.older_most, 68 * kept + MB);
	profile_free(profile);
}

/* What began a moment ago, or was freed by a runtime that finalizes, is in no bound twice. */
static void test_age_of_finalized(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t node = history_node(profile);
	struct node_allocs *allocs, before;
	const struct history_step step = history_look(100 * SECOND);
	struct leak leak;

	allocate_until(profile, node, 10 * MB, 0, 100 * SECOND);
	allocs = profile_allocate(profile, node);
	before = *allocs;
	allocs->final_moment = profile->processes[0].final_moment = 1;
	allocs->final_more = allocs->bytes;
	allocs->bytes = 0;
	profile_note_alloc_history(profile, &before, allocs, &step);
	profile_settle(profile);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_int_equal(leak.older_least, 680 * MB);
	assert_int_equal(leak.older_most, 680 * MB);
	profile_free(profile);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leak),	   cmocka_unit_test(test_fallen_between_looks),
		cmocka_unit_test(test_none),	   cmocka_unit_test(test_churn),
		cmocka_unit_test(test_since_when), cmocka_unit_test(test_finalizing),
		cmocka_unit_test(test_short_life), cmocka_unit_test(test_lows),
		cmocka_unit_test(test_age),	   cmocka_unit_test(test_age_of_finalized),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
