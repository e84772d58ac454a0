/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture is over when nobody is left and what they had is torn down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drain_fixture.h"
#include "end_watch.h"

static struct drain_fixture fixture;
static struct capture_base base;
static struct end_watch watch;

static int open_fixture(void **state)
{
	struct drain_listener listener;

	drain_fixture_open(&fixture);
	base = (struct capture_base){ .profile = fixture.profile, .drain = fixture.drain };
	watch = (struct end_watch){ .base = &base };
	listener = end_watch_hear_drain(&watch);
	drain_listen(fixture.drain, &listener);
	return 0;
}

static int close_fixture(void **state)
{
	drain_fixture_close(&fixture);
	return 0;
}

static void put_process(uint32_t tgid)
{
	const uint32_t ppid = 1;

	fake_loader_put("processes", &tgid, &ppid);
}

/* Nobody is looked for before one has ended: the first process may not have begun. */
static void waits_for_an_end(void **state)
{
	assert_false(end_watch_look(&watch));
	end_watch_expect(&watch);
	assert_true(end_watch_look(&watch));
}

static void waits_for_all(void **state)
{
	put_process(FIXTURE_TGID);
	end_watch_expect(&watch);
	assert_false(end_watch_look(&watch));
	assert_false(watch.is_possible);
}

static void hears_of_an_end(void **state)
{
	drain_fixture_send_type(&fixture, RECORD_IMAGE_BEGIN);
	drain_fixture_send_type(&fixture, RECORD_PROCESS_END);
	assert_true(watch.is_possible);
	/* Its address space is still there, for a second at most. */
	if (!end_watch_look(&watch))
		assert_true(drain_has_images(fixture.drain));
	drain_fixture_send_type(&fixture, RECORD_IMAGE_END);
	assert_true(end_watch_look(&watch));
}

/* Should the record have been lost. */
static void looks_at_each_flush(void **state)
{
	struct flush_listener listener = end_watch_hear_flush(&watch);

	listener.flush(listener.context, fixture.profile, 0);
	assert_true(end_watch_look(&watch));
}

#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(waits_for_an_end),
		WATCH_TEST(waits_for_all),
		WATCH_TEST(hears_of_an_end),
		WATCH_TEST(looks_at_each_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
