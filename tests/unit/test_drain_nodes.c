/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths of any depth and order find their place in one reading; keys in a circle find none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <memprobe/wire_hash.h>

#include "drain_fixture.h"
#include "memory.h"

#define DEEP 5000 /* more than a walk has frames: a counted call is laid below its caller's path \
		   */

static struct drain_fixture fixture;

static int open_fixture(void **state)
{
	_cleanup_(freep) void *record = xcalloc(1, FIXTURE_MAX_BYTES);

	(void)state;
	drain_fixture_open(&fixture);
	fake_loader_send(record, drain_fixture_record(RECORD_IMAGE_BEGIN, record));
	fake_loader_send(record, drain_fixture_record(RECORD_SITE, record));
	assert_int_equal(drain_all(fixture.drain), 0);
	return 0;
}

static int close_fixture(void **state)
{
	(void)state;
	drain_fixture_close(&fixture);
	return 0;
}

static void put_node(uint64_t key, uint64_t parent)
{
	const struct wire_node node = {
		.parent = parent,
		.site = FIXTURE_SITE,
		.image_id = FIXTURE_IMAGE,
		.calls = 1,
		.grown = { [KIND_ANON] = 1 },
	};

	fake_loader_put("nodes", &key, &node);
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
	uint64_t keys[DEEP + 1] = { 0 };

	(void)state;
	for (int depth = 1; depth <= DEEP; depth++)
		keys[depth] = path_child(keys[depth - 1], FIXTURE_SITE);
	for (int depth = DEEP; depth; depth--)
		put_node(keys[depth], keys[depth - 1]);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fixture.profile->nr_nodes, DEEP);
	assert_int_equal(sum_calls(), DEEP);
}

static void test_circles(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < DEEP; i++)
		put_node(i + 1, i % 2 ? i : i + 2);
	put_node(DEEP + 1, 1);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fixture.profile->nr_nodes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deep_path, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_circles, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
