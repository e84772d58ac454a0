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
#include "dump_decode.h"
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
		.freed_blocks = bytes < 1000 ? 100 - bytes / 10 : 0,
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

static uint64_t refusals(uint32_t process)
{
	return fixture.profile->processes[process].losses[LOSS_record_refused].events;
}

/* A function that is called malloc may say what it likes: that no process can have is refused. */
static void test_made_up(void **state)
{
	const struct wire_image now = image(INT64_MAX, INT64_MAX, 2);
	struct cost cost;

	put_image(&now);
	put_site_node(1);
	put_site_node(2);
	put_site_node(3);
	allocate(1, INT64_MIN, INT64_MIN, 2);
	allocate(2, 1LL << 47, 0, 2);
	allocate(3, 30, 30, 2);
	read_all();
	allocate(2, INT64_MAX, INT64_MAX, 2);
	cost = cost_at_end(0);
	assert_int_equal(cost.alloc_end, 30);
	assert_int_equal(fixture.profile->processes[0].alloc_end, 0);
	assert_int_equal(unplaced(), 30);
	assert_int_equal(refusals(0), 1);
}

/* Sizes that are below 0 as 64 bits with a sign. */
static void test_negative(void **state)
{
	const struct wire_image now = image(-50, 0, 0);
	const struct wire_allocs allocs = { .bytes = -50, .taken_bytes = -50, .blocks = 50 };
	const uint32_t id = 1;

	put_image(&now);
	put_site_node(id);
	fake_loader_put("allocs", &id, &allocs);
	fake_nodes_mark(id);
	assert_int_equal(cost_at_end(0).alloc_taken, 0);
	assert_int_equal(fixture.profile->processes[0].alloc_end, 0);
	assert_int_equal(refusals(0), 1);
}

/* Of a block that finds no room the target says how large it was, too. */
static void test_made_up_losses(void **state)
{
	struct wire_image now = image(0, 0, 0);
	const struct loss_count *loss = &fixture.profile->processes[0].losses[LOSS_blocks_full];

	for (int i = 0; i < 1000; i++) {
		now.loss_events[LOSS_blocks_full]++;
		now.loss_pages[LOSS_blocks_full]--;
		put_image(&now);
		read_all();
	}
	assert_int_equal(loss->events, 1000);
	assert_true(loss->bytes > 1ULL << 52 && loss->bytes < 1ULL << 54);
	assert_int_equal(refusals(0), 1);
}

/* ---- Several processes ---- */

#define NR_LIARS 60
#define LIAR_NODES 58 /* each twice what the one before has */

/* One of its own slot. */
static uint32_t begin_image(uint32_t number)
{
	const uint32_t slot = FIXTURE_SLOT + 1 + number;
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);

	record.begin.slot = slot;
	record.begin.head.image_id = MAX_IMAGES + slot;
	record.begin.tgid = 1000 + number;
	send_record(size);
	return slot;
}

static void put_image_at(uint32_t slot, struct wire_image image)
{
	image.image_id = MAX_IMAGES + slot;
	fake_loader_put("images", &slot, &image);
}

/* What it has handed out in all can be anything: nobody knows how often. */
static void lie(uint32_t slot, uint32_t first_id)
{
	const struct wire_node node = { .site = FIXTURE_SITE, .image_id = MAX_IMAGES + slot };
	struct wire_allocs allocs = { .taken_blocks = 1 };

	for (uint32_t i = 0; i < LIAR_NODES; i++) {
		const uint32_t id = first_id + i;

		allocs.taken_bytes = 1ULL << i;
		fake_nodes_put(id, &node);
		fake_loader_put("allocs", &id, &allocs);
		fake_nodes_mark(id);
	}
}

/* However many lie before it, what another has is known, and what they say is refused, as theirs.
 */
static void test_made_up_by_another(void **state)
{
	const struct wire_image liars = image(1LL << 46, 1LL << 47, 2);
	const struct wire_image honest = image(100000000, 100000000, 2);
	int64_t taken = 0;

	for (uint32_t i = 0; i < NR_LIARS; i++) {
		uint32_t slot = begin_image(i);

		put_image_at(slot, liars);
		lie(slot, 10 + i * LIAR_NODES);
	}
	read_all();
	put_image(&honest);
	put_site_node(1);
	allocate(1, 100000000, 100000000, 2);
	read_all();
	assert_int_equal(fixture.profile->processes[0].alloc_peak, 100000000);
	assert_int_equal(refusals(0), 0);
	for (uint32_t i = 1; i <= NR_LIARS; i++)
		assert_int_equal(refusals(i), 1);
	assert_int_equal(drain_finish(fixture.drain, FIXTURE_START_NS + 9000), 0);
	assert_int_equal(unplaced(), 0);
	for (size_t i = 0; i < fixture.profile->nr_allocs; i++)
		taken += fixture.profile->allocs[i].taken;
	assert_true(taken > 1LL << 54 && taken < 1LL << 58);
	assert_int_equal(dump_decode_check_sums(fixture.profile), 0);
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
		WITH_ALLOCS(test_negative),
		WITH_ALLOCS(test_made_up_losses),
		WITH_ALLOCS(test_made_up_by_another),
		WITH_ALLOCS(test_ended),
		WITH_ALLOCS(test_many_blocks),
		cmocka_unit_test_setup_teardown(test_not_followed, open_with_site, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
