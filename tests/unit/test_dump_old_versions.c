/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that versions 1 to 3 wrote, in two flushes and a close, read as the profile that they were
 * given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "dump.h"
#include "dump_fixture.h"
#include "memory.h"
#include "profile_held.h"

/* What was written, after the three steps. */
static struct profile *written_profile(void)
{
	struct profile *profile = dump_fixture_profile();
	struct object object = { .process = 1, .class_name = 3, .instance = 4 };
	struct site part = {
		.kind = SITE_PYTHON, .line = 7, .version = 0x30c, .part_object = 1, .at = 9
	};
	uint32_t node;

	profile_add_object(profile, &object);
	object.instance = OTHER_INSTANCES;
	profile_add_object(profile, &object);
	part.file = string_pool_add(&profile->strings, "/home/u/part.py");
	part.name = string_pool_add(&profile->strings, "Part.run");
	node = profile_add_node(profile, 1, 3, profile_add_site(profile, &part), 4000000000);
	profile_add_calls(profile, node, 5);
	profile_add_sighting(profile, node, 1); /* version 1 wrote the newest first */
	profile_add_sighting(profile, node, 0);
	profile_add_cost(profile, 1, &(struct cost){ .grown = { 0, 4096 }, .released = { 0 } });
	profile_add_sample(profile, 0, 30000000, 4096);
	profile->objects[0].pathname = string_pool_add(&profile->strings, "a.b") + 1;
	profile->nodes[node].is_crowded = true;
	profile->processes[1].end = END_EXIT;
	profile->meta.duration_ns++;
	return profile;
}

/* Version 3 knew who held what. */
static struct profile *written_by_3(void)
{
	struct profile *profile = written_profile();

	profile->processes[0].has_owners = profile->processes[0].has_mapped = true;
	profile->processes[0].peak = 8192;
	profile->processes[0].peak_held[KIND_ANON] = 8192;
	profile->processes[0].live[KIND_ANON] = 4096;
	profile->processes[0].peak_moment = 2;
	*profile_hold(profile, 1) = (struct held){ .live[KIND_ANON] = 4096,
						   .peak_more[KIND_ANON] = 4096,
						   .mapped = -4096,
						   .peak_moment = 2 };
	profile_settle(profile);
	return profile;
}

static void assert_same(const struct profile *wanted, const struct profile *got)
{
	char *difference = dump_fixture_difference(wanted, got);

	if (difference)
		fail_msg("%s", difference);
	assert_true(got->meta.is_complete);
}

static void check_read(const char *file)
{
	struct profile *wanted = written_profile(), *got = NULL;
	struct dump_error error;

	assert_int_equal(dump_read(file, &got, &error), 0);
	assert_same(wanted, got);
	/* Nobody knew yet who held what. */
	assert_int_equal(got->nr_held, 0);
	assert_false(got->processes[0].has_owners);
	assert_int_equal(got->nr_nodes, wanted->nr_nodes);
	profile_free(wanted);
	profile_free(got);
}

static void is_read(void **state)
{
	check_read(MEMPROBE_VERSION_1);
	check_read(MEMPROBE_VERSION_2);
}

static void version_3_is_read(void **state)
{
	struct profile *wanted = written_by_3(), *got = NULL;
	struct dump_error error;

	assert_int_equal(dump_read(MEMPROBE_VERSION_3, &got, &error), 0);
	assert_same(wanted, got);
	assert_int_equal(got->nr_allocs, 0);
	assert_false(got->processes[0].has_allocs);
	profile_free(wanted);
	profile_free(got);
}

static void check_written_anew(const char *file)
{
	char *directory = dump_fixture_directory();
	_cleanup_(freep) char *path = xasprintf("%s/dump", directory);
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct profile *profile = NULL, *got = NULL;
	struct dump_writer *writer;
	struct dump_error error;

	assert_int_equal(dump_read(file, &profile, &error), 0);
	assert_int_equal(dump_create(&options, &writer), 0);
	assert_int_equal(dump_close(writer, profile), 0);
	assert_int_equal(dump_read(path, &got, &error), 0);
	assert_same(profile, got);
	profile_free(profile);
	profile_free(got);
	dump_fixture_remove(directory);
}

static void is_written_anew(void **state)
{
	check_written_anew(MEMPROBE_VERSION_1);
	check_written_anew(MEMPROBE_VERSION_2);
	check_written_anew(MEMPROBE_VERSION_3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read),
		cmocka_unit_test(version_3_is_read),
		cmocka_unit_test(is_written_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
