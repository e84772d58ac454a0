/* SPDX-License-Identifier: BSD-2-Clause */
/* A probe that was never hit, while Python ran since its exec, is told: its 0 is no count. Nor is
 * what counts ends where some never came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <memprobe/wire_hash.h>

#include "drain_test.h"

/* A process whose calls are counted from its exec on. */
static int open_counted(void **state)
{
	struct process *process;

	open_with_site(state);
	process = &fixture.profile->processes[0];
	process->calls_method = CALLS_BY_UPROBE;
	process->calls_seen = CALLS_SEEN_ENDS;
	return 0;
}

/* So many paths, each below the one before. */
static void put_paths(int count)
{
	for (uint32_t id = 1; id <= (uint32_t)count; id++) {
		struct wire_node node = { .parent = id - 1,
					  .site = FIXTURE_SITE,
					  .image_id = FIXTURE_IMAGE };

		fake_nodes_put(id, &node);
	}
}

/* How often it was told, once the paths and the image are read. */
static unsigned int read_image(uint64_t has_calls, uint64_t calls_early)
{
	const struct wire_image image = {
		.image_id = FIXTURE_IMAGE,
		.has_calls = has_calls,
		.calls_early = calls_early,
	};
	uint32_t slot = FIXTURE_SLOT;

	fake_loader_put("images", &slot, &image);
	assert_int_equal(drain_all(fixture.drain), 0);
	return fixture.heard.unseen;
}

static void test_never_hit(void **state)
{
	(void)state;
	put_paths(40);
	assert_int_equal(read_image(0, 0), 1);
}

static void test_hit(void **state)
{
	(void)state;
	put_paths(40);
	assert_int_equal(read_image(1, 0), 0);
}

static void test_hit_early(void **state)
{
	(void)state;
	put_paths(40);
	assert_int_equal(read_image(0, 3), 0);
}

static void test_few_paths(void **state)
{
	(void)state;
	put_paths(3);
	assert_int_equal(read_image(0, 0), 0);
}

/* Frames that stood may take memory for ever without a call; their numbers are bounds. */
static void test_counted_late(void **state)
{
	(void)state;
	put_paths(40);
	fixture.profile->processes[0].calls_seen = CALLS_SEEN_SOME;
	assert_int_equal(read_image(0, 0), 0);
}

static void test_not_counted(void **state)
{
	(void)state;
	put_paths(40);
	fixture.profile->processes[0].calls_method = CALLS_BY_NOTHING;
	assert_int_equal(read_image(0, 0), 0);
}

static void check_left_calls(uint32_t flag, const char *reason)
{
	const struct wire_image image = { .image_id = FIXTURE_IMAGE, .flags = flag };
	uint32_t slot = FIXTURE_SLOT;

	for (int ends = 0; ends < 2; ends++) {
		struct process *process = &fixture.profile->processes[0];
		const char *text;

		process->counts_ends = ends;
		process->calls_seen = CALLS_SEEN_ENDS;
		process->calls_reason = 0;
		fake_loader_put("images", &slot, &image);
		assert_int_equal(drain_all(fixture.drain), 0);
		assert_int_equal(process->calls_seen, ends ? CALLS_SEEN_SOME : CALLS_SEEN_ENDS);
		text = profile_string(fixture.profile, process->calls_reason);
		assert_int_equal(strstr(text, reason) != NULL, ends);
	}
}

/* Where ends are counted, threads that never came to theirs make bounds of all numbers. */
static void test_left_calls(void **state)
{
	(void)state;
	check_left_calls(IMAGE_LEFT_CALLS, "daemon threads");
	check_left_calls(IMAGE_OUTER_CALLS, "other interpreters");
	check_left_calls(IMAGE_LEFT_CALLS | IMAGE_OUTER_CALLS, "daemon threads");
}

#define CALLS_TEST(name) cmocka_unit_test_setup_teardown(name, open_counted, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS_TEST(test_never_hit),    CALLS_TEST(test_hit),
		CALLS_TEST(test_hit_early),    CALLS_TEST(test_few_paths),
		CALLS_TEST(test_counted_late), CALLS_TEST(test_not_counted),
		CALLS_TEST(test_left_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
