/* SPDX-License-Identifier: BSD-2-Clause */
/* See drain_test.h. */
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

uint64_t refused(void)
{
	return fixture.profile->losses[LOSS_record_refused].events;
}

const char *text(uint32_t string)
{
	return profile_string(fixture.profile, string);
}
