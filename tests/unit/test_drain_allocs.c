/* SPDX-License-Identifier: BSD-2-Clause */
/* What the BPF side's nodes have allocated comes into the profile, and out of its tables with the
 * image; what a target makes up is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drain_test.h"
#include "profile_history.h"

#define MANY_BLOCKS 200000

static int open_with_allocs(void **state)
{
	open_fixture(state);
	drain_free(fixture.drain);
	fake_loader_with_allocs();
	fixture.drain = drain_new(NULL, fixture.profile, FIXTURE_START_NS);
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	return 0;
}

static void allocate(uint32_t id, int64_t bytes, int64_t at_peak, uint32_t moment)
{
	const struct wire_allocs allocs = {
		.bytes = bytes,
		.at_peak = at_peak,
		.at_final = bytes + 1,
		.blocks = bytes / 10,
		.blocks_at_final = bytes / 10 + 1,
		.taken_bytes = 1000,
		.taken_blocks = 100,
		.freed_blocks = 100 - bytes / 10,
		.peak_moment = moment,
		.final_moment = 1,
	};

	fake_loader_put("allocs", &id, &allocs);
	fake_nodes_mark(id);
}

static struct wire_image image(int64_t bytes, int64_t peak, uint32_t moment)
{
	return (struct wire_image){
		.image_id = FIXTURE_IMAGE,
		.alloc_bytes = bytes,
		.alloc_peak = peak,
		.alloc_moment = moment,
		.alloc_flags = ALLOCS_SEEN,
		.unknown_frees = 7,
	};
}

static uint64_t unplaced(void)
{
	return fixture.profile->processes[0].losses[LOSS_blocks_unplaced].bytes;
}

/* Two functions with one name, file and line are one node. */
static void test_sums(void **state)
{
	const struct wire_image now = image(100, 400, 2);
	const struct process *process = &fixture.profile->processes[0];
	struct cost cost;

	put_image(&now);
	put_site_node(1);
	put_site_node(2);
	allocate(1, 40, 80, 1);
	allocate(2, 50, 170, 2);
	read_all();
	assert_int_equal(fixture.profile->nr_nodes, 1);
	allocate(1, 50, 230, 2); /* absolute: 50 bytes, not 90 */
	cost = cost_at_end(0);
	assert_int_equal(cost.alloc_end, 100);
	assert_int_equal(cost.alloc_peak, 400);
	assert_int_equal(cost.alloc_blocks, 10);
	assert_int_equal(cost.alloc_taken, 2000);
	assert_int_equal(cost.alloc_taken_blocks, 200);
	assert_int_equal(cost.alloc_freed_blocks, 190);
	assert_true(process->has_allocs);
	assert_int_equal(process->allocs_since_ns, 0);
	assert_int_equal(process->alloc_peak, 400);
	assert_int_equal(process->unknown_frees, 7);
	assert_int_equal(unplaced(), 0);
}

/* The end is where the runtime begins to finalize, also where nobody owns pages. */
static void test_finalizing(void **state)
{
	struct wire_image now = image(100, 400, 2);
	struct cost cost;

	fake_loader_without_owners();
	now.final_moment = 1;
	now.alloc_final = 121;
	put_image(&now);
	put_site_node(1);
	allocate(1, 100, 400, 2);
	cost = cost_at_end(0);
	assert_int_equal(cost.alloc_end, 101);
	assert_int_equal(cost.alloc_blocks, 11);
	assert_int_equal(fixture.profile->processes[0].alloc_end, 121);
	assert_int_equal(unplaced(), 20);
}

static void test_since(void **state)
{
	const struct wire_image now = image(0, 0, 0);
	const struct process *process = &fixture.profile->processes[0];

	fixture.profile->processes[0].begin = BEGAN_ATTACH;
	put_image(&now);
	read_all();
	assert_true(process->allocs_since_ns > 0);
}

/* Until a probe was hit nobody knows of any block. */
static void test_not_seen(void **state)
{
	struct wire_image now = image(0, 0, 0);

	now.alloc_flags = 0;
	put_image(&now);
	read_all();
	assert_false(fixture.profile->processes[0].has_allocs);
}

static void test_history(void **state)
{
	const struct wire_image now = image(0, 0, 0);
	const struct node_history *history;

	put_image(&now);
	put_site_node(1);
	allocate(1, HISTORY_MIN_BYTES, HISTORY_MIN_BYTES, 0);
	read_all();
	history = profile_history(fixture.profile, 0, HISTORY_ALLOCATED);
	assert_non_null(history);
	assert_null(profile_history(fixture.profile, 0, HISTORY_LIVE));
}

/* A function that is called malloc may say what it likes. */
static void test_made_up(void **state)
{
	const struct wire_image now = image(INT64_MAX, INT64_MAX, 2);
	struct cost cost;

	put_image(&now);
	put_site_node(1);
	put_site_node(2);
	put_site_node(3);
	allocate(1, INT64_MIN, INT64_MIN, 2);
	allocate(2, 1LL << 57, 0, 2);
	allocate(3, 30, 30, 2);
	read_all();
	allocate(2, INT64_MAX, INT64_MAX, 2);
	cost = cost_at_end(0);
	assert_int_equal(cost.alloc_end, (1LL << 57) + 30);
	assert_int_equal(fixture.profile->processes[0].alloc_end, 0);
	assert_int_equal(unplaced(), (1LL << 57) + 30);
}

static void put_blocks(uint32_t image_id, uint64_t count)
{
	const struct wire_block block = { .bytes = 1 };

	for (uint64_t i = 1; i <= count; i++) {
		const struct wire_block_key key = { .address = i, .image_id = image_id };

		fake_loader_append("blocks", &key, &block);
	}
}

/* The id may be another path's soon: nothing of this one may be left there. */
static void test_ended(void **state)
{
	const struct wire_image now = image(50, 400, 0);
	const uint32_t other = 3;
	const struct wire_allocs elsewhere = { .bytes = 1 };

	put_image(&now);
	put_site_node(1);
	allocate(1, 50, 400, 0);
	fake_loader_put("allocs", &other, &elsewhere);
	put_blocks(FIXTURE_IMAGE + MAX_IMAGES, 2);
	put_blocks(FIXTURE_IMAGE, 5000);
	read_all();
	assert_int_equal(fake_loader_count("blocks"), 5002);
	send_type(RECORD_IMAGE_END);
	for (int i = 0; i < 4; i++)
		read_all();
	assert_int_equal(fake_loader_count("allocs"), 1);
	assert_int_equal(fake_loader_count("blocks"), 2);
	assert_int_equal(fake_loader_told().removed.blocks, 5000);
	/* What was read stays. */
	assert_int_equal(cost_at_end(0).alloc_end, 50);
	assert_int_equal(unplaced(), 0);
}

/* No flush waits for a table of millions: each looks at a part, and in the end all is gone. */
static void test_many_blocks(void **state)
{
	const struct wire_image now = image(0, 0, 0);
	size_t left, before;
	int flushes = 0;

	put_image(&now);
	put_blocks(FIXTURE_IMAGE, 10);
	put_blocks(FIXTURE_IMAGE + MAX_IMAGES, MANY_BLOCKS);
	send_type(RECORD_IMAGE_END);
	left = before = fake_loader_count("blocks");
	for (; left > MANY_BLOCKS && flushes < 100; flushes++) {
		read_all();
		left = fake_loader_count("blocks");
	}
	assert_int_equal(left, MANY_BLOCKS);
	assert_true(flushes > 1);
	assert_int_equal(before, MANY_BLOCKS + 10);
}

static void test_not_followed(void **state)
{
	const struct wire_image now = image(50, 400, 0);

	put_image(&now);
	put_site_node(1);
	allocate(1, 50, 400, 0);
	read_all();
	assert_false(fixture.profile->processes[0].has_allocs);
	assert_int_equal(fixture.profile->nr_allocs, 0);
}

#define WITH_ALLOCS(test) cmocka_unit_test_setup_teardown(test, open_with_allocs, close_fixture)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_ALLOCS(test_sums),
		WITH_ALLOCS(test_finalizing),
		WITH_ALLOCS(test_since),
		WITH_ALLOCS(test_not_seen),
		WITH_ALLOCS(test_history),
		WITH_ALLOCS(test_made_up),
		WITH_ALLOCS(test_ended),
		WITH_ALLOCS(test_many_blocks),
		cmocka_unit_test_setup_teardown(test_not_followed, open_with_site, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
