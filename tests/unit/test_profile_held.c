/* SPDX-License-Identifier: BSD-2-Clause */
/* What nodes hold: of which moment it is, what several of one are in sum, and that nothing lacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "profile_held.h"

#define PAGE 4096

static struct profile *new_profile(void)
{
	struct profile *profile = profile_new();
	uint32_t process = profile_add_process(profile);

	profile->processes[process].has_owners = true;
	profile->processes[process].peak_moment = 3;
	return profile;
}

static uint32_t add_node(struct profile *profile, int32_t line)
{
	const struct site site = { .kind = SITE_PYTHON, .line = line };

	return profile_add_node(profile, 0, NO_NODE, profile_add_site(profile, &site), 0);
}

static struct held pages(int64_t live, int64_t peak, uint32_t moment)
{
	return (struct held){
		.live[KIND_ANON] = live * PAGE,
		.peak_more[KIND_ANON] = (peak - live) * PAGE,
		.peak_moment = moment,
	};
}

static int64_t peak_of(const struct profile *profile, uint32_t node)
{
	const struct cost cost = profile_cost(profile, node);

	return cost_peak(&cost) / PAGE;
}

static int64_t live_of(const struct profile *profile, uint32_t node)
{
	const struct cost cost = profile_cost(profile, node);

	return cost_live(&cost) / PAGE;
}

static void set_process(struct profile *profile, int64_t live, int64_t peak)
{
	struct process *process = &profile->processes[0];

	process->peak = peak * PAGE;
	process->live[KIND_ANON] = live * PAGE;
	process->peak_held[KIND_ANON] = peak * PAGE;
}

static void assert_unplaced(const struct profile *profile, uint64_t events, int64_t count)
{
	const struct loss_count *loss = &profile->processes[0].losses[LOSS_page_unplaced];

	assert_int_equal(loss->events, events);
	assert_int_equal(loss->bytes, count * PAGE);
}

/* What changed since the highest moment keeps its value; what did not was the same then. */
static void test_moments(void **state)
{
	struct profile *profile = new_profile();
	uint32_t changed = add_node(profile, 1), earlier = add_node(profile, 2);

	*profile_hold(profile, changed) = pages(5, 8, 3);
	*profile_hold(profile, earlier) = pages(10, 2, 2);
	set_process(profile, 15, 18);
	profile_settle(profile);
	assert_int_equal(live_of(profile, changed), 5);
	assert_int_equal(peak_of(profile, changed), 8);
	assert_int_equal(live_of(profile, earlier), 10);
	assert_int_equal(peak_of(profile, earlier), 10);
	assert_unplaced(profile, 0, 0);
	assert_int_equal(profile->nr_nodes, 2);

	/* Another node makes a new highest moment. */
	profile->processes[0].peak_moment = 4;
	set_process(profile, 15, 15);
	profile_settle(profile);
	assert_int_equal(peak_of(profile, changed), 5);
	assert_unplaced(profile, 0, 0);
	profile_free(profile);
}

/* The runtime's finalizing releases nearly all: live is what was there before. */
static void test_finalizing(void **state)
{
	struct profile *profile = new_profile();
	uint32_t freed = add_node(profile, 1), kept = add_node(profile, 2);
	struct held held = pages(1, 9, 3);

	held.final_more[KIND_ANON] = 6 * PAGE;
	held.final_moment = 1;
	*profile_hold(profile, freed) = held;
	*profile_hold(profile, kept) = pages(4, 4, 0);
	profile->processes[0].final_moment = 1;
	set_process(profile, 11, 13);
	profile_settle(profile);
	assert_int_equal(live_of(profile, freed), 7);
	assert_int_equal(peak_of(profile, freed), 9);
	assert_int_equal(live_of(profile, kept), 4);
	assert_unplaced(profile, 0, 0);

	/* It did not, after all: the program goes on. */
	profile->processes[0].final_moment = 0;
	set_process(profile, 5, 13);
	profile_settle(profile);
	assert_int_equal(live_of(profile, freed), 1);
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

/* What is missing has a row and is a loss, once. */
static void test_missing(void **state)
{
	struct profile *profile = new_profile();
	uint32_t node = add_node(profile, 1), unowned;

	*profile_hold(profile, node) = pages(5, 8, 3);
	set_process(profile, 7, 18);
	for (int i = 0; i < 2; i++) {
		profile_settle(profile);
		unowned = find_unowned(profile);
		assert_int_not_equal(unowned, NO_NODE);
		assert_int_equal(live_of(profile, unowned), 2);
		assert_int_equal(peak_of(profile, unowned), 10);
		assert_unplaced(profile, 1, 10);
	}
	/* Too much, in a process that finalizes. */
	profile->processes[0].final_moment = 1;
	set_process(profile, 1, 18);
	for (int i = 0; i < 2; i++) {
		profile_settle(profile);
		assert_int_equal(live_of(profile, node) + live_of(profile, unowned), 1);
		assert_int_equal(peak_of(profile, node) + peak_of(profile, unowned), 18);
		assert_unplaced(profile, 2, 16);
	}
	profile_free(profile);
}

/* The sum of all kinds is the highest RSS also where it was read a moment before its parts. */
static void test_peak_of_all_kinds(void **state)
{
	struct profile *profile = new_profile();

	profile->processes[0].peak = 20 * PAGE;
	profile->processes[0].peak_held[KIND_FILE] = 7 * PAGE;
	profile->processes[0].peak_held[KIND_SWAP] = 100 * PAGE;
	profile_settle(profile);
	assert_int_equal(peak_of(profile, find_unowned(profile)), 20);
	profile_free(profile);
}

static void test_without_owners(void **state)
{
	struct profile *profile = new_profile();

	profile->processes[0].has_owners = false;
	set_process(profile, 7, 18);
	profile_settle(profile);
	assert_int_equal(profile->nr_nodes, 0);
	assert_unplaced(profile, 0, 0);
	profile_free(profile);
}

/* Two functions of the kernel's side that are one here: as if each were settled alone. */
static void test_parts(void **state)
{
	struct held sum = { 0 }, one = pages(0, 0, 0), other = pages(0, 0, 0), next;

	next = pages(5, 9, 2);
	held_replace(&sum, &one, &next);
	one = next;
	next = pages(10, 11, 3); /* one is of an earlier moment now */
	held_replace(&sum, &other, &next);
	other = next;
	assert_int_equal(sum.live[KIND_ANON], 15 * PAGE);
	assert_int_equal(sum.peak_moment, 3);
	assert_int_equal(sum.peak_more[KIND_ANON], 1 * PAGE);
	next = pages(2, 5, 3);
	held_replace(&sum, &one, &next);
	one = next;
	assert_int_equal(sum.live[KIND_ANON], 12 * PAGE);
	assert_int_equal(sum.peak_more[KIND_ANON], 4 * PAGE);
	next = pages(1, 5, 3);
	held_replace(&sum, &one, &next);
	assert_int_equal(sum.peak_more[KIND_ANON], 5 * PAGE);
	one = next;
	next = pages(10, 10, 4);
	held_replace(&sum, &other, &next);
	assert_int_equal(sum.live[KIND_ANON], 11 * PAGE);
	assert_int_equal(sum.peak_more[KIND_ANON], 0);
}

/* What was put together has no moments of its own, and is the same again. */
static void test_unsettle(void **state)
{
	struct profile *profile = new_profile();
	uint32_t node = add_node(profile, 1), other = add_node(profile, 2);

	*profile_hold(profile, node) = pages(5, 8, 3);
	*profile_hold(profile, other) = pages(5, 8, 2);
	set_process(profile, 10, 13);
	profile_settle(profile);
	profile_unsettle(profile);
	assert_int_equal(profile_held(profile, other)->peak_more[KIND_ANON], 0);
	profile_settle(profile);
	assert_int_equal(peak_of(profile, node), 8);
	assert_int_equal(peak_of(profile, other), 5);
	assert_unplaced(profile, 0, 0);
	profile_free(profile);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments),	       cmocka_unit_test(test_finalizing),
		cmocka_unit_test(test_missing),	       cmocka_unit_test(test_peak_of_all_kinds),
		cmocka_unit_test(test_without_owners), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_unsettle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
