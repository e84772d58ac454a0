/* SPDX-License-Identifier: BSD-2-Clause */
/* See drain_test.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drain_test.h"

union fixture_record record;
struct drain_fixture fixture;

int open_fixture(void **state)
{
	drain_fixture_open(&fixture);
	return 0;
}

int open_with_site(void **state)
{
	open_fixture(state);
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	return 0;
}

int close_fixture(void **state)
{
	drain_fixture_close(&fixture);
	return 0;
}

void send_record(size_t size)
{
	drain_fixture_send(&fixture, &record, size);
}

void send_type(uint32_t type)
{
	drain_fixture_send_type(&fixture, type);
}

void put_site_node(uint32_t id)
{
	const struct wire_node node = { .site = FIXTURE_SITE, .image_id = FIXTURE_IMAGE };

	fake_nodes_put(id, &node);
}

void put_image(const struct wire_image *image)
{
	const uint32_t slot = FIXTURE_SLOT;

	fake_loader_put("images", &slot, image);
}

void read_all(void)
{
	assert_int_equal(drain_all(fixture.drain), 0);
}

struct cost cost_at_end(uint32_t node)
{
	assert_int_equal(drain_finish(fixture.drain, FIXTURE_START_NS + 9000), 0);
	return profile_cost(fixture.profile, node);
}

uint64_t refused(void)
{
	return fixture.profile->losses[LOSS_record_refused].events;
}

const char *text(uint32_t string)
{
	return profile_string(fixture.profile, string);
}
