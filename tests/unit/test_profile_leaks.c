/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaks of pages and of blocks, made up: which of the two tells, and whose heap it may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "history_fixture.h"
#include "profile_held.h"
#include "profile_history.h"

/* Less and more of it in turn, and a tenth of what it takes stays. */
static int64_t leaking_in_churn(uint64_t time)
{
	return history_leaking(time) / 10 + (time / (SECOND / 2) % 7) * 50 * MB;
}

/* A cache of 18 MB, full from the beginning, whose path now and then allocates a few bytes that
 * another keeps: a library hands on its own small blocks. */
static int64_t full_and_handing_on(uint64_t time)
{
	return 18 * MB + (int64_t)(time / (SECOND / 10)) * 64;
}

/* A table of 40 MB in the first second, and from then on 60 KB a second. */
static int64_t leaking_after_table(uint64_t time)
{
	return history_lower(history_leaking(4 * time), 40 * MB) +
	       (int64_t)(time / (SECOND / 10)) * 6000;
}

/* As many pages as blocks explain. */
static int64_t explained(uint64_t time)
{
	return history_leaking(time) / 4;
}

/* Of blocks as of pages; the pages of the same node are not told again, but what blocks do not
 * explain: small Python objects are in none. */
static void test_allocated(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	uint32_t node = history_play_allocs(profile, leaking_in_churn, 100 * SECOND);

	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_int_equal(leak.node, node);
	assert_true(leak.is_allocated);
	assert_false(leak.is_heap);
	history_play_on(profile, node, explained, 100 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_true(leak.is_allocated);
	assert_int_equal(leak.live, profile_cost(profile, node).alloc_end);
	profile_free(profile);

	profile = history_profile(0);
	node = history_play_allocs(profile, leaking_in_churn, 100 * SECOND);
	history_play_on(profile, node, history_leaking, 100 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 2);
	assert_false(leak.is_allocated);
	assert_int_equal(leak.live, 995 * MB);
	profile_free(profile);
}

static int64_t full(uint64_t time)
{
	return 200 * MB;
}

/* A block that grows by an eighth whenever it is full, as a bytearray's. */
static int64_t growing_by_steps(uint64_t time)
{
	int64_t amount = MB;

	while (amount < history_leaking(time))
		amount += amount / 8;
	return amount;
}

/* Blocks and pages of one path. */
static struct profile *play_both(history_series *blocks, history_series *pages)
{
	struct profile *profile = history_profile(0);
	uint32_t node = history_play_allocs(profile, blocks, 15 * SECOND);

	history_play_on(profile, node, pages, 15 * SECOND);
	return profile;
}

/* Steps that last longer than a slot are a leak of blocks where the pages grow meanwhile; alone
 * they may be anything, and what does not grow is none. */
static void test_steps(void **state)
{
	struct profile *profile = play_both(growing_by_steps, history_leaking);
	struct leak leak;

	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_true(leak.is_allocated);
	assert_false(leak.is_heap);
	assert_int_equal(leak.live, growing_by_steps(29 * SECOND / 2));
	profile_free(profile);
	profile = play_both(growing_by_steps, history_small);
	assert_int_equal(history_count_leaks(profile, &leak), 0);
	profile_free(profile);
	profile = play_both(full, history_leaking);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_false(leak.is_allocated);
	profile_free(profile);
}

static void test_allocated_and_freed(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;

	history_play_allocs(profile, history_churning, 100 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 0);
	profile_free(profile);
}

/* A row below the node maps so many bytes. */
static void map_below(struct profile *profile, uint32_t node, int64_t bytes)
{
	const struct site site = { .kind = SITE_PYTHON, .line = 99 };
	uint32_t below = profile_add_node(profile, 0, node, profile_add_site(profile, &site), 0);

	profile_hold(profile, below)->mapped = bytes;
	profile->processes[0].has_mapped = true;
	profile_settle(profile);
}

/* What counts is by how much it keeps growing, whatever it holds. */
static void test_full_cache(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	uint32_t node;

	history_play_allocs(profile, full_and_handing_on, 12 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 0);
	node = history_play_allocs(profile, history_leaking, 12 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_int_equal(leak.node, node);
	profile_free(profile);
}

static void test_slow_after_table(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;

	history_play_allocs(profile, leaking_after_table, 12 * SECOND);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_true(leak.live > 40 * MB);
	assert_int_equal(leak.risen, leak.live - leaking_after_table(SECOND));
	assert_int_equal(leak.first_ns, 3 * SECOND / 2);
	profile_free(profile);
}

/* In an hour a few bytes are more than what counts alone; beside a real leak they are told apart,
 * but not beside one of which it is not known whose it is. */
static void test_slight(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	size_t count;
	uint32_t slight = history_play_allocs(profile, full_and_handing_on, 3600 * SECOND);
	struct leak *leaks;

	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_int_equal(leak.beside, LEAK_ALONE);
	history_play_allocs(profile, history_leaking, 3600 * SECOND);
	leaks = profile_leaks(profile, 0, &count);
	assert_int_equal(count, 2);
	assert_int_equal(leaks[0].beside, LEAK_ALONE);
	assert_int_equal(leaks[1].node, slight);
	assert_int_equal(leaks[1].beside, LEAK_SLIGHT);
	assert_false(leak_is_one(&leaks[1]));
	free(leaks);
	profile_free(profile);
}

static void test_slight_beside_doubtful(void **state)
{
	struct profile *profile = history_profile(0);
	uint32_t churn = history_play(profile, history_leaking, 3600 * SECOND), slight;
	size_t count;
	struct leak *leaks;

	map_below(profile, churn, 0);
	slight = history_play_allocs(profile, full_and_handing_on, 3600 * SECOND);
	leaks = profile_leaks(profile, 0, &count);
	assert_int_equal(count, 2);
	assert_true(leaks[0].is_heap);
	assert_int_equal(leaks[1].node, slight);
	assert_int_equal(leaks[1].beside, LEAK_ALONE);
	free(leaks);
	profile_free(profile);
}

/* The heap that a path made grow by all that it holds may be filled by another. */
static void test_brk(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	uint32_t node = history_play(profile, history_leaking, 100 * SECOND);
	struct held *held = profile_hold(profile, node);

	held->mapped = 995 * MB;
	held->heap = 400 * MB;
	profile->processes[0].has_mapped = true;
	profile_settle(profile);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_false(leak.is_heap);
	profile_hold(profile, node)->heap = 600 * MB;
	profile_settle(profile);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_true(leak.is_heap);
	profile_free(profile);
}

/* Pages that nobody near has mapped may be of an allocator's heap; as those of a path of whose
 * pages most go again, whoever has mapped them. */
static void test_heap(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	uint32_t node = history_play(profile, history_leaking, 100 * SECOND);

	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_false(leak.is_heap); /* nobody knows what was mapped */
	map_below(profile, node, 400 * MB);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_true(leak.is_heap);
	map_below(profile, node, 500 * MB);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_false(leak.is_heap);
	profile_add_cost(profile, node, &(struct cost){ .grown = { [KIND_ANON] = 2000 * MB } });
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_true(leak.is_heap);
	/* No blocks were seen that would explain them. */
	profile->processes[0].has_allocs = true;
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_false(leak.is_allocated);
	profile_free(profile);
}

/* Pages of files are in no heap. */
static void test_file_pages(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	uint32_t node = history_play(profile, history_leaking, 100 * SECOND);
	struct held *held = profile_hold(profile, node);

	held->live[KIND_FILE] = held->live[KIND_ANON];
	held->live[KIND_ANON] = 0;
	profile->processes[0].has_mapped = true;
	profile_settle(profile);
	assert_int_equal(history_count_leaks(profile, &leak), 1);
	assert_false(leak.is_heap);
	profile_free(profile);
}

/* What lies about free in an allocator grows on no path. */
static void test_free_row(void **state)
{
	struct profile *profile = history_profile(0);
	struct leak leak;
	uint32_t node = history_play(profile, history_leaking, 100 * SECOND);

	assert_int_equal(history_count_leaks(profile, &leak), 1);
	profile->sites[profile->nodes[node].site].kind = SITE_FREE;
	assert_int_equal(history_count_leaks(profile, &leak), 0);
	profile_free(profile);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocated),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_allocated_and_freed),
		cmocka_unit_test(test_full_cache),
		cmocka_unit_test(test_slow_after_table),
		cmocka_unit_test(test_slight),
		cmocka_unit_test(test_slight_beside_doubtful),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_brk),
		cmocka_unit_test(test_file_pages),
		cmocka_unit_test(test_free_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
