/* SPDX-License-Identifier: BSD-2-Clause */
/* Every table that has entries of an image has none of it once the image has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drain_test.h"

#define LIVING_IMAGE (FIXTURE_IMAGE + 1)

static void put_entries(uint32_t image_id, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct wire_standing frame = { .frame = 64 * i, .image_id = image_id };
		struct wire_instances instance = { .image_id = image_id, .count = 1 };
		uint64_t key = (uint64_t)image_id << 32 | i;
		uint8_t nothing = 0;

		fake_loader_put("standing", &frame, &nothing);
		fake_loader_put("instances", &key, &instance);
	}
}

static void end_image(void)
{
	send_type(RECORD_IMAGE_END);
	/* What its threads sent behind its end comes with the next reading. */
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(drain_all(fixture.drain), 0);
}

static void test_ended(void **state)
{
	(void)state;
	send_type(RECORD_IMAGE_BEGIN);
	put_entries(FIXTURE_IMAGE, 3000);
	put_entries(LIVING_IMAGE, 7);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fake_loader_count("standing"), 3007);
	end_image();
	assert_int_equal(fake_loader_count("standing"), 7);
	assert_int_equal(fake_loader_count("instances"), 7);
	assert_int_equal(fake_loader_told().standing_forgotten, 0);
}

static void test_none_left(void **state)
{
	(void)state;
	send_type(RECORD_IMAGE_BEGIN);
	put_entries(FIXTURE_IMAGE, 1);
	end_image();
	assert_int_equal(fake_loader_count("standing"), 0);
	assert_int_equal(fake_loader_count("instances"), 0);
	assert_int_equal(fake_loader_told().standing_forgotten, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ended, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_none_left, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
