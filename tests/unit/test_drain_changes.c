/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF side's nodes are read where they lie: only those that are marked, each count once,
 * whatever is added meanwhile; and ids of ended images come back as runs.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drain_test.h"
#include "memory.h"
#include "node_table.h"

#define FAR (FAKE_IDS - 3) /* in another window than 1 */

/* A record of the next image of the fixture's slot. */
static void send_of_next(uint32_t type)
{
	_cleanup_(freep) struct wire_head *head = xcalloc(1, FIXTURE_MAX_BYTES);
	size_t size = drain_fixture_record(type, head);

	head->image_id += MAX_IMAGES;
	fake_loader_send(head, size);
	assert_int_equal(drain_all(fixture.drain), 0);
}

static void put_node(uint32_t id, uint32_t parent, uint32_t image_id)
{
	const struct wire_node node = {
		.site = FIXTURE_SITE,
		.parent = parent,
		.image_id = image_id,
	};

	fake_nodes_put(id, &node);
}

static int64_t grown(uint32_t node)
{
	return profile_cost(fixture.profile, node).grown[KIND_ANON];
}

static void test_only_marked(void **state)
{
	(void)state;
	put_node(1, 0, FIXTURE_IMAGE);
	fake_nodes_at(1)->grown[KIND_ANON] = 5;
	fake_nodes_at(1)->calls = 7;
	read_all();
	assert_int_equal(fixture.profile->nr_nodes, 1);
	assert_int_equal(grown(0), 5 * 4096);
	assert_int_equal(fixture.profile->nodes[0].calls, 7);
	assert_false(fake_nodes_is_marked(1));
	/* Taken away, so that the next reading adds nothing. */
	assert_int_equal(fake_nodes_at(1)->grown[KIND_ANON] + fake_nodes_at(1)->calls, 0);
	fake_nodes_at(1)->grown[KIND_ANON] = 2;
	read_all();
	assert_int_equal(grown(0), 5 * 4096);
	fake_nodes_mark(1);
	read_all();
	assert_int_equal(grown(0), 7 * 4096);
}

static void test_all_windows(void **state)
{
	(void)state;
	put_node(FAR, 0, FIXTURE_IMAGE);
	put_node(1, FAR, FIXTURE_IMAGE); /* below a node with a higher id */
	put_node(1500, 1, FIXTURE_IMAGE);
	fake_nodes_at(1500)->released[KIND_ANON] = 3;
	read_all();
	assert_int_equal(fixture.profile->nr_nodes, 3);
	assert_int_equal(fixture.profile->nodes[2].parent, 1);
	assert_int_equal(fixture.profile->nodes[1].parent, 0);
	assert_int_equal(profile_cost(fixture.profile, 2).released[KIND_ANON], 3 * 4096);
}

/* A node waits with its counts and its mark for its site's record. */
static void test_unknown_site(void **state)
{
	const struct wire_node node = {
		.site = FIXTURE_SITE + 2,
		.image_id = FIXTURE_IMAGE,
		.grown = { [KIND_ANON] = 4 },
	};
	union {
		struct wire_site site;
		uint8_t bytes[FIXTURE_MAX_BYTES];
	} *sent = xcalloc(1, sizeof(*sent));
	size_t size = drain_fixture_record(RECORD_SITE, sent);

	(void)state;
	fake_nodes_put(9, &node);
	read_all();
	assert_int_equal(fixture.profile->nr_nodes, 0);
	assert_true(fake_nodes_is_marked(9));
	sent->site.site = FIXTURE_SITE + 2;
	fake_loader_send(sent, size);
	read_all();
	assert_int_equal(grown(0), 4 * 4096);
	assert_false(fake_nodes_is_marked(9));
	free(sent);
}

/* The image's end, and two readings after which nothing of it can come any more. */
static void end_image(void)
{
	send_type(RECORD_IMAGE_END);
	read_all();
	read_all();
}

static void assert_free_run(uint32_t first, uint32_t count)
{
	struct wire_id_run run;

	assert_true(fake_nodes_pop_free_run(&run));
	assert_int_equal(run.first.value, first);
	assert_int_equal(run.count, count);
}

static void test_freed_runs(void **state)
{
	struct wire_id_run run;

	(void)state;
	for (uint32_t id = 10; id < 10 + FAKE_ID_RUN + 3; id++)
		put_node(id, 0, FIXTURE_IMAGE);
	put_node(40, 0, FIXTURE_IMAGE);
	put_node(41, 0, FIXTURE_IMAGE + MAX_IMAGES); /* a later image of the slot, not met yet */
	read_all();
	fake_nodes_limit_free_runs(2);
	end_image();
	assert_int_equal(fake_loader_told().removed.nodes, FAKE_ID_RUN + 4);
	assert_int_equal(fake_loader_count("node_ids"), 1);
	assert_int_equal(fake_nodes_at(10)->key, 0);
	assert_int_not_equal(fake_nodes_at(41)->key, 0);
	assert_free_run(10 + FAKE_ID_RUN, 3);
	assert_free_run(40, 1);
	assert_false(fake_nodes_pop_free_run(&run));
	/* What found no room has waited. */
	send_type(RECORD_IMAGE_BEGIN);
	end_image();
	assert_free_run(10, FAKE_ID_RUN);
	assert_false(fake_nodes_pop_free_run(&run));
}

/* An id that comes again is another node, of another process. */
static void test_reuse(void **state)
{
	(void)state;
	put_node(5, 0, FIXTURE_IMAGE);
	fake_nodes_at(5)->grown[KIND_ANON] = 1;
	end_image();
	send_of_next(RECORD_IMAGE_BEGIN);
	send_of_next(RECORD_SITE);
	put_node(5, 0, FIXTURE_IMAGE + MAX_IMAGES);
	fake_nodes_at(5)->grown[KIND_ANON] = 2;
	read_all();
	assert_int_equal(fixture.profile->nr_nodes, 2);
	assert_int_equal(grown(0), 1 * 4096);
	assert_int_equal(grown(1), 2 * 4096);
	assert_int_not_equal(fixture.profile->nodes[0].process, fixture.profile->nodes[1].process);
}

static uint64_t sum_calls(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < fixture.profile->nr_nodes; i++)
		sum += fixture.profile->nodes[i].calls;
	return sum;
}

#define ADDITIONS 2000000
#define COUNTED 3

/* What the BPF side does on another CPU: a locked addition, then the mark where there is none. */
static void *add_on(void *unused)
{
	for (uint32_t i = 0; i < ADDITIONS; i++) {
		uint32_t id = 1 + i % COUNTED;

		__atomic_fetch_add(&fake_nodes_at(id)->calls, 1, __ATOMIC_SEQ_CST);
		if (!fake_nodes_is_marked(id))
			fake_nodes_mark(id);
	}
	return unused;
}

static void test_nothing_lost(void **state)
{
	pthread_t thread;

	(void)state;
	for (uint32_t id = 1; id <= COUNTED; id++)
		put_node(id, id - 1, FIXTURE_IMAGE);
	assert_int_equal(pthread_create(&thread, NULL, add_on, NULL), 0);
	while (pthread_tryjoin_np(thread, NULL))
		read_all();
	read_all();
	assert_int_equal(sum_calls(), ADDITIONS);
}

#define NODES_TEST(name) cmocka_unit_test_setup_teardown(name, open_with_site, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODES_TEST(test_only_marked),  NODES_TEST(test_all_windows),
		NODES_TEST(test_unknown_site), NODES_TEST(test_freed_runs),
		NODES_TEST(test_reuse),	       NODES_TEST(test_nothing_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
