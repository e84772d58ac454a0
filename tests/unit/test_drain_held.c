/* SPDX-License-Identifier: BSD-2-Clause */
/* What the BPF side's nodes hold comes into the profile, and out of its tables with the image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drain_lows.h"
#include "drain_test.h"
#include "profile_held.h"

#define PAGE 4096

static void hold(uint32_t id, int32_t live, int32_t at_peak, uint32_t moment)
{
	const struct wire_held held = {
		.live[KIND_ANON] = live,
		.at_peak[KIND_ANON] = at_peak,
		.at_final[KIND_ANON] = live + 1,
		.peak_moment = moment,
		.final_moment = 1,
		.mapped = -3,
		.heap = -2,
	};

	fake_loader_put("held", &id, &held);
	fake_nodes_mark(id);
}

static struct wire_image image(int64_t live, int64_t peak, uint32_t moment)
{
	return (struct wire_image){
		.image_id = FIXTURE_IMAGE,
		.books[KIND_ANON] = live,
		.peak = peak,
		.peak_books[KIND_ANON] = peak,
		.peak_moment = moment,
	};
}

static uint64_t unplaced(void)
{
	return fixture.profile->processes[0].losses[LOSS_page_unplaced].bytes / PAGE;
}

/* Address space that no process has is bounded, so that sums of it fit. */
static void test_too_vast(void **state)
{
	const struct wire_image now = image(10, 40, 2);
	const struct wire_held held = { .live[KIND_ANON] = 10,
					.mapped = INT64_MAX,
					.heap = INT64_MIN };
	uint32_t id = 1;
	struct cost cost;

	put_image(&now);
	put_site_node(id);
	fake_loader_put("held", &id, &held);
	fake_nodes_mark(id);
	read_all();
	cost = cost_at_end(0);
	assert_int_equal(cost.mapped, 1LL << 47);
	assert_int_equal(cost.heap, -(1LL << 47));
}

/* It costs nobody anything: what paths of one process say that they took, all together. */
static void test_vast_in_all(void **state)
{
	const struct wire_image now = image(10, 40, 2);
	const struct wire_held held = { .mapped = INT64_MAX };
	const struct process *process = &fixture.profile->processes[0];
	int64_t mapped;

	put_image(&now);
	for (uint32_t id = 1; id <= 1000; id++) {
		put_site_node(id);
		fake_loader_put("held", &id, &held);
		fake_nodes_mark(id);
	}
	read_all();
	mapped = cost_at_end(0).mapped;
	assert_true(mapped > 1LL << 54 && mapped < 1LL << 56);
	assert_int_equal(mapped % (1LL << 47), 0);
	assert_int_equal(process->losses[LOSS_record_refused].events, 1);
}

/* Two functions with one name, file and line are one node. */
static void test_sums(void **state)
{
	const struct wire_image now = image(10, 40, 2);
	struct cost cost;

	put_image(&now);
	put_site_node(1);
	put_site_node(2);
	hold(1, 4, 8, 1);
	hold(2, 5, 17, 2);
	read_all();
	assert_int_equal(fixture.profile->nr_nodes, 1);
	hold(1, 5, 23, 2); /* absolute: 5 pages, not 9 */
	cost = cost_at_end(0);
	assert_int_equal(cost.live[KIND_ANON], 10 * PAGE);
	assert_int_equal(cost.peak[KIND_ANON], 40 * PAGE);
	assert_int_equal(cost.mapped, -6 * PAGE);
	assert_int_equal(cost.heap, -4 * PAGE);
	assert_true(fixture.profile->processes[0].has_owners);
	assert_int_equal(unplaced(), 0);
}

static void test_finalizing(void **state)
{
	struct wire_image now = image(10, 40, 2);
	struct cost cost;

	now.final_moment = 1;
	now.final_books[KIND_ANON] = 12;
	put_image(&now);
	put_site_node(1);
	hold(1, 10, 40, 2);
	cost = cost_at_end(0);
	assert_int_equal(cost.live[KIND_ANON], 11 * PAGE);
	assert_int_equal(fixture.profile->processes[0].live[KIND_ANON], 12 * PAGE);
	assert_int_equal(unplaced(), 1);
}

/* What was given back and taken again between two looks; of what came since this one began the next
 * tells. */
static void test_lows(void **state)
{
	const struct wire_low low = { .now = 50, .before = 70, .look = 7 };
	const struct wire_low nonsense = { .now = INT64_MIN, .look = 7 };

	assert_int_equal(drain_fallen(&low, 7, 100), 30);
	assert_int_equal(drain_fallen(&low, 8, 100), 50);
	assert_int_equal(drain_fallen(&low, 9, 100), 0);
	assert_int_equal(drain_fallen(&low, 8, 40), 0);
	assert_int_equal(drain_fallen(&nonsense, 8, 40), 1LL << 47);
	assert_true(drain_has_low(&low, 8));
	assert_false(drain_has_low(&low, 7));
	assert_false(drain_has_low(&low, 9));
}

/* The id may be another path's soon: nothing of this one may be left there. */
static void test_ended(void **state)
{
	const struct wire_image now = image(5, 40, 0);
	const uint64_t region = (uint64_t)FIXTURE_IMAGE << 32 | 0xfffffff;
	const uint64_t living = (uint64_t)(FIXTURE_IMAGE + MAX_IMAGES) << 32;
	const char owners[FAKE_REGION_BYTES] = { 0 };
	const uint32_t other = 3;
	const struct wire_held elsewhere = { .unshared = 1 };

	put_image(&now);
	put_site_node(1);
	hold(1, 5, 40, 0);
	fake_loader_put("held", &other, &elsewhere);
	fake_loader_put("regions", &region, owners);
	fake_loader_put("regions", &living, owners);
	read_all();
	send_type(RECORD_IMAGE_END);
	read_all();
	read_all();
	assert_int_equal(fake_loader_count("held"), 1);
	assert_int_equal(fake_loader_count("regions"), 1);
	/* What was read stays. */
	assert_int_equal(cost_at_end(0).live[KIND_ANON], 5 * PAGE);
	assert_int_equal(unplaced(), 0);
}

/* A highest RSS between two samples is that of the sample before, if it was just now. */
static void test_time_of_the_peak(void **state)
{
	struct wire_image now = image(5, 100, 1); /* as much as the sample's */
	const struct process *process;

	put_image(&now);
	send_type(RECORD_SAMPLE);
	process = &fixture.profile->processes[0];
	assert_int_equal(process->peak_time_ns, 50);
	now.peak = 150;
	now.end_ns = FIXTURE_START_NS + 777;
	put_image(&now);
	read_all();
	assert_int_equal(process->peak_time_ns, 777);
	read_all();
	assert_int_equal(process->peak_time_ns, 777);
}

static uint32_t changes;

/* A page comes after the rows were read, and before their sum is. */
static void take_a_page(void)
{
	const struct wire_image now = image(5 + ++changes, 40, 0);

	put_image(&now);
	hold(1, 5 + (int)changes, 40, 0);
	if (changes == 2)
		fake_loader_before_lookups("images", NULL);
}

static void test_moved_while_read(void **state)
{
	const struct wire_image now = image(5, 40, 0);

	changes = 0;
	put_image(&now);
	put_site_node(1);
	hold(1, 5, 40, 0);
	fake_loader_before_lookups("images", take_a_page);
	read_all();
	assert_int_equal(drain_until_still(fixture.drain), 0);
	profile_settle(fixture.profile);
	assert_int_equal(changes, 2);
	assert_int_equal(profile_cost(fixture.profile, 0).live[KIND_ANON], 7 * PAGE);
	assert_int_equal(unplaced(), 0);
}

static int open_without_owners(void **state)
{
	open_fixture(state);
	drain_free(fixture.drain);
	fake_loader_without_owners();
	fixture.drain = drain_new(NULL, fixture.profile, FIXTURE_START_NS);
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	return 0;
}

static void test_without_owners(void **state)
{
	const struct wire_image now = image(5, 100, 1);
	const struct cost zero = { 0 };
	struct cost cost;

	put_image(&now);
	put_site_node(1);
	hold(1, 5, 5, 0);
	cost = cost_at_end(0);
	assert_memory_equal(&cost, &zero, sizeof(zero));
	assert_false(fixture.profile->processes[0].has_owners);
	assert_int_equal(fixture.profile->nr_held, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sums, open_with_site, close_fixture),
		cmocka_unit_test_setup_teardown(test_too_vast, open_with_site, close_fixture),
		cmocka_unit_test_setup_teardown(test_vast_in_all, open_with_site, close_fixture),
		cmocka_unit_test_setup_teardown(test_finalizing, open_with_site, close_fixture),
		cmocka_unit_test(test_lows),
		cmocka_unit_test_setup_teardown(test_ended, open_with_site, close_fixture),
		cmocka_unit_test_setup_teardown(test_time_of_the_peak, open_with_site,
						close_fixture),
		cmocka_unit_test_setup_teardown(test_moved_while_read, open_with_site,
						close_fixture),
		cmocka_unit_test_setup_teardown(test_without_owners, open_without_owners,
						close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
