/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths of any depth and order find their place in one reading; keys in a circle find none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drain_test.h"

/* More than a walk has frames: a counted call is laid below its caller's path. */
#define DEEP 4000

static void put_node_of(uint32_t image_id, uint32_t id, uint32_t parent)
{
	const struct wire_node node = {
		.parent = parent,
		.site = FIXTURE_SITE,
		.image_id = image_id,
		.calls = 1,
		.grown = { [KIND_ANON] = 1 },
	};

	fake_nodes_put(id, &node);
}

static void put_node(uint32_t id, uint32_t parent)
{
	put_node_of(FIXTURE_IMAGE, id, parent);
}

static uint64_t sum_calls(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < fixture.profile->nr_nodes; i++)
		sum += fixture.profile->nodes[i].calls;
	return sum;
}

/* The leaf comes first. */
static void test_deep_path(void **state)
{
	(void)state;
	for (uint32_t id = 1; id <= DEEP; id++)
		put_node(id, id < DEEP ? id + 1 : 0);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fixture.profile->nr_nodes, DEEP);
	assert_int_equal(sum_calls(), DEEP);
}

static void test_circles(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < DEEP; i++)
		put_node(i + 1, i % 2 ? i : i + 2);
	put_node(DEEP + 1, 1);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fixture.profile->nr_nodes, 0);
}

/* A thread that died on a path of which two are each other's parents. */
static void test_death_in_a_circle(void **state)
{
	union fixture_record sent;
	size_t size = drain_fixture_record(RECORD_THREAD_END, &sent);

	(void)state;
	fixture.profile->processes[0].counts_ends = true;
	put_node(80, 82);
	put_node(82, 80);
	put_node(84, 0);
	sent.thread_end.thread.node.value = 80;
	drain_fixture_send(&fixture, &sent, size);
	assert_int_equal(fixture.profile->nr_nodes, 1);
	assert_int_equal(sum_calls(), 1);
}

/* Whose path was not asked for when its process ended: it may have been in calls. */
static void test_cut_short(void **state)
{
	union fixture_record sent;
	size_t size = drain_fixture_record(RECORD_THREAD_END, &sent);

	(void)state;
	for (int i = 0; i < 2; i++) {
		sent.thread_end.thread.is_cut_short = i;
		drain_fixture_send(&fixture, &sent, size);
		assert_int_equal(fixture.profile->processes[0].has_cut_threads, i);
	}
}

/* The frames that a thread died on are calls that nothing else has counted. */
static void test_death_on_a_path(void **state)
{
	union fixture_record sent;
	size_t size = drain_fixture_record(RECORD_THREAD_END, &sent);

	(void)state;
	fixture.profile->processes[0].counts_ends = true;
	put_node(1, 0);
	put_node(2, 1);
	sent.thread_end.thread.node.value = 2;
	drain_fixture_send(&fixture, &sent, size);
	assert_int_equal(sum_calls(), 2 + 2);
}

/* A parent in another process would be a dump that its reader refuses. */
static void test_foreign_parent(void **state)
{
	union fixture_record sent;
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &sent);

	(void)state;
	sent.begin.slot++;
	sent.begin.head.image_id++;
	drain_fixture_send(&fixture, &sent, size);
	put_node(84, 0);
	put_node_of(FIXTURE_IMAGE + 1, 86, 84);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fixture.profile->nr_nodes, 1);
	assert_int_equal(fixture.profile->nodes[0].process, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deep_path, open_with_site, close_fixture),
		cmocka_unit_test_setup_teardown(test_circles, open_with_site, close_fixture),
		cmocka_unit_test_setup_teardown(test_death_in_a_circle, open_with_site,
						close_fixture),
		cmocka_unit_test_setup_teardown(test_death_on_a_path, open_with_site,
						close_fixture),
		cmocka_unit_test_setup_teardown(test_cut_short, open_with_site, close_fixture),
		cmocka_unit_test_setup_teardown(test_foreign_parent, open_with_site, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
