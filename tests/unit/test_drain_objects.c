/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects, the names that they bear, and the nodes that they were seen on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drain_test.h"
#include "inspect_texts.h"

static void test_object(void **state)
{
	struct wire_node node = { .site = FIXTURE_SITE, .image_id = FIXTURE_IMAGE };

	fixture.heard.name = "model.wing";
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	fake_nodes_put(77, &node);
	send_type(RECORD_OBJECT);
	assert_int_equal(fixture.profile->nr_objects, 1);
	assert_int_equal(strlen(text(fixture.profile->objects[0].class_name)), MAX_CLASS_BYTES);
	assert_string_equal(text(fixture.profile->objects[0].pathname - 1), "model.wing");
	assert_int_equal(fixture.profile->nodes[0].nr_sightings, 1);
}

static void send_object_of(uint64_t type, uint64_t address)
{
	size_t size = drain_fixture_record(RECORD_OBJECT, &record);

	record.object.type = type;
	record.object.object = address;
	send_record(size);
}

/* Of the fixture's class. */
static void send_object(uint64_t address)
{
	send_object_of(FIXTURE_TYPE, address);
}

static void test_instances(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	for (uint64_t i = 0; i < 3; i++)
		send_object(FIXTURE_OBJECT + 64 * i);
	send_object(FIXTURE_OBJECT);
	assert_int_equal(fixture.profile->nr_objects, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(fixture.profile->objects[i].instance, i);
	send_object(OTHER_OBJECTS);
	assert_int_equal(fixture.profile->objects[3].instance, OTHER_INSTANCES);
}

/* An object counts once, however often nobody could look, and not at all when its name comes. */
static void test_unanswered_names(void **state)
{
	const struct loss_count *loss;

	send_type(RECORD_IMAGE_BEGIN);
	loss = &fixture.profile->processes[0].losses[LOSS_name_unanswered];
	fixture.heard.is_unanswered = true;
	send_object(FIXTURE_OBJECT);
	send_object(FIXTURE_OBJECT);
	send_object(FIXTURE_OBJECT + 64);
	assert_int_equal(loss->events, 2);
	fixture.heard.is_unanswered = false;
	send_object(FIXTURE_OBJECT);
	assert_int_equal(loss->events, 2);
	fixture.heard.name = "model.wing";
	send_object(FIXTURE_OBJECT);
	assert_string_equal(text(fixture.profile->objects[0].pathname - 1), "model.wing");
	assert_int_equal(loss->events, 1);
}

#define NR_OBJECTS 100 /* of one class */

static void send_objects(void)
{
	send_type(RECORD_IMAGE_BEGIN);
	for (uint64_t i = 0; i < NR_OBJECTS; i++)
		send_object(FIXTURE_OBJECT + 64 * i);
}

static uint32_t count_named(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < NR_OBJECTS; i++)
		count += fixture.profile->objects[i].pathname != 0;
	return count;
}

/* Looking costs both processes: a class without the attribute is looked at rarely, but for ever. */
static void test_barren_class(void **state)
{
	send_objects();
	for (int round = 1; round <= 32; round++)
		drain_name_objects(fixture.drain);
	assert_int_equal(fixture.heard.asked, 8 + 6 * 32); /* in rounds 1, 2, 4, 8, 16, 32 */
	fixture.heard.name = "model.wing";
	for (int round = 33; round < 48; round++)
		drain_name_objects(fixture.drain);
	assert_int_equal(count_named(), 0);
	for (int round = 48; round <= 64; round++)
		drain_name_objects(fixture.drain);
	assert_int_equal(count_named(), NR_OBJECTS);
}

#define BARREN 0x1000 /* classes */
#define NAMED 0x2000

/* While hardly an object has a name the BPF side need not wake anybody for them; one that has is
 * enough to change that. */
static void test_nameless(void **state)
{
	uint64_t next = FIXTURE_OBJECT;

	send_type(RECORD_IMAGE_BEGIN);
	for (int i = 0; i < 255; i++)
		send_object_of(BARREN, next += 64);
	assert_false(fake_loader_told().are_nameless);
	send_object_of(BARREN, next += 64);
	assert_true(fake_loader_told().are_nameless);
	fixture.heard.name = "model.wing";
	send_object_of(NAMED, next += 64);
	send_object_of(NAMED, next += 64);
	assert_false(fake_loader_told().are_nameless);
	for (int i = 0; i < 1000; i++)
		send_object_of(i % 10 ? BARREN : NAMED, next += 64);
	assert_false(fake_loader_told().are_nameless);
	for (int i = 0; i < 512; i++)
		send_object_of(BARREN, next += 64);
	assert_true(fake_loader_told().are_nameless);
}

/* The attribute is there, and will be set. */
static void test_names_to_come(void **state)
{
	fixture.heard.name = INSPECT_LATER;
	send_objects();
	drain_name_objects(fixture.drain);
	assert_in_range(fixture.heard.asked, NR_OBJECTS, 2 * NR_OBJECTS);
	assert_int_equal(count_named(), 0);
	fixture.heard.name = "model.wing";
	drain_name_objects(fixture.drain);
	assert_int_equal(count_named(), NR_OBJECTS);
}

/* An empty name is a name: OpenMDAO's model has it. */
static void test_empty_names(void **state)
{
	fixture.heard.name = "";
	send_objects();
	drain_name_objects(fixture.drain);
	assert_int_equal(count_named(), NR_OBJECTS);
}

/* An image that has ended takes its objects out of the BPF side's table. */
static void test_removed(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_OBJECT);
	send_type(RECORD_IMAGE_END);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fake_loader_told().slots_freed, 1);
	assert_int_equal(fixture.profile->nr_objects, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_object),	 TEST(test_instances),	   TEST(test_unanswered_names),
		TEST(test_barren_class), TEST(test_names_to_come), TEST(test_empty_names),
		TEST(test_nameless),	 TEST(test_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
