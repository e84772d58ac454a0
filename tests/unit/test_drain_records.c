/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring buffer records of every type: with the right bytes, too short, and with each number at its
 * limits and beyond. A record that is refused is counted and changes nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drain_fixture.h"
#include "memory.h"
#include "record_check.h"

static union {
	uint8_t bytes[FIXTURE_MAX_BYTES];
	struct wire_image_begin begin;
	struct wire_balance balance;
	struct wire_process_end process_end;
	struct wire_thread_end thread_end;
	struct wire_site site;
	struct wire_split split;
	struct wire_knock knock;
} record;

static struct drain_fixture fixture;
static const uint32_t all_types[] = {
	RECORD_IMAGE_BEGIN, RECORD_IMAGE_END, RECORD_PROCESS_END, RECORD_THREAD_END,
	RECORD_SITE,	    RECORD_OBJECT,    RECORD_SPLIT,	  RECORD_KNOCK,
	RECORD_SAMPLE,	    RECORD_BALANCE,   RECORD_FOUND,	  RECORD_CALLS_OVER,
};

static int open_fixture(void **state)
{
	drain_fixture_open(&fixture);
	return 0;
}

static int close_fixture(void **state)
{
	drain_fixture_close(&fixture);
	return 0;
}

static void send_record(size_t size)
{
	fake_loader_send(&record, size);
	assert_int_equal(drain_all(fixture.drain), 0);
}

static void send_type(uint32_t type)
{
	send_record(drain_fixture_record(type, &record));
}

static uint64_t refused(void)
{
	return fixture.profile->losses[LOSS_record_refused].events;
}

static const struct process *process(void)
{
	assert_int_equal(fixture.profile->nr_processes, 1);
	return &fixture.profile->processes[0];
}

static const char *text(uint32_t string)
{
	return profile_string(fixture.profile, string);
}

static void test_all_are_sound(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_types); i++)
		send_type(all_types[i]);
	assert_int_equal(refused(), 0);
	assert_int_equal(fixture.profile->nr_processes, 1);
}

static void test_too_short(void **state)
{
	uint64_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all_types); i++) {
		size_t size = drain_fixture_record(all_types[i], &record);

		for (size_t shorter = 0; shorter < size; shorter += shorter < size - 9 ? 8 : 1) {
			send_record(shorter);
			count++;
		}
	}
	assert_int_equal(refused(), count);
	assert_int_equal(fixture.profile->nr_processes, 0);
	assert_int_equal(fixture.profile->nr_sites, 0);
	assert_int_equal(fixture.heard.process_ended, 0);
}

static void test_no_type(void **state)
{
	static const uint32_t types[] = { 0, RECORD_SPLIT + 1, 255, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		drain_fixture_record(RECORD_IMAGE_BEGIN, &record);
		((struct wire_head *)&record)->type = types[i];
		send_record(sizeof(record));
	}
	assert_int_equal(refused(), ARRAY_SIZE(types));
}

/* A number put into a sound record, and whether it may be there. */
struct edge {
	uint32_t type;
	size_t at, bytes;
	uint64_t value;
	bool is_sound;
};

#define EDGE(type, record, field, value, is_sound)                                                \
	{                                                                                         \
		type, offsetof(struct record, field), sizeof(((struct record *)0)->field), value, \
			is_sound                                                                  \
	}
#define NEGATIVE(value) ((uint64_t)(-(value)))

static const struct edge edges[] = {
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, head.image_id, FIXTURE_SLOT, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, head.image_id, FIXTURE_IMAGE + 1, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, slot, MAX_IMAGES, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, slot, MAX_IMAGES + FIXTURE_SLOT, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, slot, UINT32_MAX, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, tgid, 0, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, tgid, RECORD_MAX_TID, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, tgid, RECORD_MAX_TID + 1, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, tgid, UINT32_MAX, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, ppid, 0, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, ppid, UINT32_MAX, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, reason, BEGIN_ATTACH, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, reason, BEGIN_ATTACH + 1, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, parent_image, UINT32_MAX, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, layout, PYTHON_KNOWN << 16 | (MAX_LAYOUTS - 1),
	     true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, layout, PYTHON_KNOWN << 16 | MAX_LAYOUTS, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, layout, (PYTHON_KNOWN + 1) << 16, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, opening[0], RECORD_MAX_PAGES, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, opening[0], RECORD_MAX_PAGES + 1, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, opening[3], NEGATIVE(RECORD_MAX_PAGES), true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, opening[3], INT64_MIN, false),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, args_bytes, 0, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, args_bytes, MAX_ARGS_BYTES, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, args_bytes, MAX_ARGS_BYTES + 1, false),
	EDGE(RECORD_IMAGE_END, wire_balance, head.image_id, 0, false),
	EDGE(RECORD_IMAGE_END, wire_balance, slot, FIXTURE_SLOT + 1, false),
	EDGE(RECORD_IMAGE_END, wire_balance, kernel[0], INT64_MAX, false),
	EDGE(RECORD_BALANCE, wire_balance, slot, UINT32_MAX, false),
	EDGE(RECORD_BALANCE, wire_balance, books[1], RECORD_MAX_PAGES + 1, false),
	EDGE(RECORD_BALANCE, wire_balance, kernel[1], NEGATIVE(RECORD_MAX_PAGES + 1), false),
	EDGE(RECORD_PROCESS_END, wire_process_end, tgid, 0, false),
	EDGE(RECORD_PROCESS_END, wire_process_end, tgid, UINT32_MAX, false),
	EDGE(RECORD_PROCESS_END, wire_process_end, exit_code, UINT32_MAX, true),
	EDGE(RECORD_THREAD_END, wire_thread_end, head.image_id, 0, false),
	EDGE(RECORD_THREAD_END, wire_thread_end, thread.image_id, FIXTURE_IMAGE + 1, false),
	EDGE(RECORD_THREAD_END, wire_thread_end, thread.tid, 0, false),
	EDGE(RECORD_THREAD_END, wire_thread_end, thread.tid, RECORD_MAX_TID + 1, false),
	EDGE(RECORD_THREAD_END, wire_thread_end, thread.growth, RECORD_MAX_GROWTH, true),
	EDGE(RECORD_THREAD_END, wire_thread_end, thread.growth, INT64_MIN, false),
	EDGE(RECORD_SITE, wire_site, head.image_id, MAX_IMAGES - 1, false),
	EDGE(RECORD_SITE, wire_site, kind, NR_SITE_KINDS, false),
	EDGE(RECORD_SITE, wire_site, kind, UINT32_MAX, false),
	EDGE(RECORD_SITE, wire_site, kind, SITE_NATIVE, false), /* has a version */
	EDGE(RECORD_SITE, wire_site, version, 0, false),
	EDGE(RECORD_SITE, wire_site, version, 0x0207, false),
	EDGE(RECORD_SITE, wire_site, version, UINT16_MAX, false),
	EDGE(RECORD_SITE, wire_site, firstlineno, INT32_MAX, true),
	EDGE(RECORD_SITE, wire_site, firstlineno, INT32_MIN, true),
	EDGE(RECORD_SITE, wire_site, filename.kind, 0, false),
	EDGE(RECORD_SITE, wire_site, filename.kind, 3, false),
	EDGE(RECORD_SITE, wire_site, filename.kind, 7, false),
	EDGE(RECORD_SITE, wire_site, filename.kind, 2, false), /* 11 bytes are no characters of 2 */
	EDGE(RECORD_SITE, wire_site, name.kind, 2, true),
	EDGE(RECORD_SITE, wire_site, name.kind, 4, true),
	EDGE(RECORD_SITE, wire_site, name.kind, 5, false),
	EDGE(RECORD_SITE, wire_site, name.kind, 6, false),
	EDGE(RECORD_SITE, wire_site, name.kind, 7, false),
	EDGE(RECORD_SITE, wire_site, name.kind, 8, false),
	EDGE(RECORD_SITE, wire_site, name.kind, 255, false),
	EDGE(RECORD_SITE, wire_site, filename.bytes, 12, false), /* more than is there */
	EDGE(RECORD_SITE, wire_site, filename.bytes, MAX_FILENAME_BYTES + 1, false),
	EDGE(RECORD_SITE, wire_site, filename.bytes, UINT32_MAX - 15, false), /* sum wraps */
	EDGE(RECORD_SITE, wire_site, name.bytes, 13, false),
	EDGE(RECORD_SITE, wire_site, name.bytes, 0, true),
	EDGE(RECORD_SITE, wire_site, name.bytes, UINT32_MAX - 14, false),
	EDGE(RECORD_SITE, wire_site, linetable_bytes, 5, false),
	EDGE(RECORD_SITE, wire_site, linetable_bytes, MAX_LINETABLE_BYTES + 1, false),
	EDGE(RECORD_SITE, wire_site, linetable_bytes, UINT32_MAX - 22, false),
	EDGE(RECORD_OBJECT, wire_object, head.image_id, 0, false),
	EDGE(RECORD_OBJECT, wire_object, object, 0, true),
	EDGE(RECORD_OBJECT, wire_object, object, OTHER_OBJECTS, true),
	EDGE(RECORD_OBJECT, wire_object, type, UINT64_MAX, true),
	EDGE(RECORD_SPLIT, wire_split, head.image_id, 0, false),
	EDGE(RECORD_SPLIT, wire_split, at, 0, true),
	EDGE(RECORD_SPLIT, wire_split, at, UINT32_MAX, true),
	EDGE(RECORD_SPLIT, wire_split, whole, 0, true), /* a whole that never came */
	EDGE(RECORD_SPLIT, wire_split, whole, FIXTURE_PART, true),
	EDGE(RECORD_KNOCK, wire_knock, slot, UINT32_MAX, false),
	EDGE(RECORD_KNOCK, wire_knock, slot, FIXTURE_SLOT + 1, false),
	EDGE(RECORD_KNOCK, wire_knock, tgid, 0, false),
	EDGE(RECORD_FOUND, wire_knock, layout, MAX_LAYOUTS, false),
	EDGE(RECORD_FOUND, wire_knock, head.image_id, FIXTURE_IMAGE - 1, false),
	EDGE(RECORD_CALLS_OVER, wire_knock, tgid, RECORD_MAX_TID + 1, false),
	EDGE(RECORD_SAMPLE, wire_sample, head.image_id, 0, false),
	EDGE(RECORD_SAMPLE, wire_sample, rss, RECORD_MAX_PAGES, true),
	EDGE(RECORD_SAMPLE, wire_sample, rss, RECORD_MAX_PAGES + 1, false),
	EDGE(RECORD_SAMPLE, wire_sample, anon, INT64_MIN, false),
};

static void test_edges(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		const struct edge *edge = &edges[i];
		size_t size;

		drain_fixture_open(&fixture);
		if (edge->type != RECORD_IMAGE_BEGIN)
			send_type(RECORD_IMAGE_BEGIN);
		if (edge->type == RECORD_SPLIT)
			send_type(RECORD_SITE);
		drain_set_parts(fixture.drain, true, "");
		size = drain_fixture_record(edge->type, &record);
		memcpy(record.bytes + edge->at, &edge->value, edge->bytes);
		send_record(size);
		if (refused() != !edge->is_sound)
			print_error("edge %zu: type %u, %zu bytes at %zu\n", i, edge->type,
				    edge->bytes, edge->at);
		assert_int_equal(refused(), !edge->is_sound);
		drain_fixture_close(&fixture);
	}
}

static void test_image_begin(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	assert_string_equal(text(process()->command), "python3 app.py");
	assert_int_equal(process()->pid, FIXTURE_TGID);
	assert_int_equal(process()->opening[KIND_ANON], 10 * 4096);
	assert_int_equal(process()->peak, 30 * 4096);
	assert_int_equal(process()->start_ns, 50);
	assert_int_equal(drain_image(fixture.drain, 0), FIXTURE_IMAGE);
	/* A slot that is in use is nobody else's. */
	send_type(RECORD_IMAGE_BEGIN);
	assert_int_equal(fixture.profile->nr_processes, 1);
	assert_int_equal(refused(), 1);
}

static void test_arguments_without_end(void **state)
{
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);

	memset(record.begin.args, 'a', MAX_ARGS_BYTES);
	record.begin.args_bytes = MAX_ARGS_BYTES;
	send_record(size);
	assert_int_equal(strlen(text(process()->command)), MAX_ARGS_BYTES);
}

static void test_comm_without_end(void **state)
{
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);

	memset(record.begin.comm, 'c', COMM_BYTES);
	record.begin.reason = BEGIN_ATTACH;
	record.begin.layout = PYTHON_KNOWN << 16 | 3;
	send_record(size);
	assert_string_equal(text(process()->command), "cccccccccccccccc");
	assert_int_equal(fixture.heard.attached, 1);
	assert_int_equal(fixture.heard.layout, 3);
}

static void test_ends(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_BALANCE);
	assert_false(drain_is_balanced(fixture.drain));
	send_type(RECORD_THREAD_END);
	assert_int_equal(process()->nr_threads, 1);
	assert_string_equal(text(process()->threads[0].name), "cccccccccccccccc");
	assert_int_equal(process()->threads[0].growth, 7 * 4096);
	send_type(RECORD_IMAGE_END);
	assert_int_equal(process()->kernel[KIND_ANON], 31 * 4096);
	assert_int_equal(fixture.heard.image_ended, 1);
	send_type(RECORD_PROCESS_END);
	assert_int_equal(process()->end, END_EXIT);
	assert_int_equal(process()->exit_code, 3);
	assert_int_equal(fixture.heard.process_ended, 1);
	/* By now the slot is free, and so is its number for the next image. */
	assert_int_equal(fake_loader_told().slots_freed, 1);
	assert_int_equal(fake_loader_told().last_slot, FIXTURE_SLOT);
	assert_false(drain_has_images(fixture.drain));
	assert_int_equal(refused(), 0);
}

static const struct site *only_site(void)
{
	assert_int_equal(fixture.profile->nr_sites, 1);
	return &fixture.profile->sites[0];
}

static void test_site(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	assert_string_equal(text(only_site()->file), "/srv/app.py");
	assert_string_equal(text(only_site()->name), "Class.method");
	assert_int_equal(only_site()->line, 12);
	assert_int_equal(fixture.profile->blobs[only_site()->linetable].size, 4);
}

/* One code point of each width, beyond Unicode, and a surrogate. */
static void test_wide_names(void **state)
{
	static const uint32_t name[] = { 'a', 0x20ac, 0xd800 };
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	size = drain_fixture_record(RECORD_SITE, &record);
	memcpy((char *)(&record.site + 1) + record.site.filename.bytes, name, sizeof(name));
	record.site.name = (struct wire_str){ .bytes = sizeof(name), .kind = 4, .truncated = 1 };
	send_record(size);
	assert_string_equal(text(only_site()->name), "a\xe2\x82\xac\xef\xbf\xbd\xe2\x80\xa6");
}

/* The longest names of the widest characters, each 4 bytes in UTF-8 as well, cut off. */
static void test_longest_names(void **state)
{
	const uint32_t character = 0x10ffff;
	size_t size = sizeof(struct wire_site) + MAX_NAME_BYTES;
	struct wire_site *site = xcalloc(1, size);

	send_type(RECORD_IMAGE_BEGIN);
	drain_fixture_record(RECORD_SITE, &record);
	*site = record.site;
	site->filename = (struct wire_str){ .missing = 1 };
	site->name = (struct wire_str){ .bytes = MAX_NAME_BYTES, .kind = 4, .truncated = 1 };
	site->name.missing = 1;
	site->linetable_bytes = 0;
	for (size_t i = 0; i < MAX_NAME_BYTES; i += sizeof(character))
		memcpy((char *)(site + 1) + i, &character, sizeof(character));
	fake_loader_send(site, size);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(refused(), 0);
	assert_string_equal(text(only_site()->file), "?");
	assert_int_equal(strlen(text(only_site()->name)), MAX_NAME_BYTES + 3 + 1);
	free(site);
}

static void test_native_site(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	drain_fixture_record(RECORD_SITE, &record);
	record.site.kind = SITE_NATIVE;
	record.site.version = 0;
	record.site.filename.bytes = record.site.linetable_bytes = 0;
	record.site.name.bytes = COMM_BYTES;
	send_record(sizeof(record.site) + COMM_BYTES);
	assert_string_equal(text(only_site()->name), "/srv/app.pyClass");
	assert_int_equal(refused(), 0);
}

static void test_split(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	drain_set_parts(fixture.drain, true, "Class");
	send_type(RECORD_SPLIT);
	assert_int_equal(fixture.profile->nr_sites, 2);
	assert_int_equal(fixture.profile->sites[1].part_object, 1);
	assert_string_equal(text(fixture.profile->objects[0].class_name), "Class");
}

static void test_object(void **state)
{
	struct wire_node node = { .site = FIXTURE_SITE, .image_id = FIXTURE_IMAGE };
	const uint64_t key = 77;

	fixture.heard.name = "model.wing";
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	fake_loader_put("nodes", &key, &node);
	send_type(RECORD_OBJECT);
	assert_int_equal(fixture.profile->nr_objects, 1);
	assert_int_equal(strlen(text(fixture.profile->objects[0].class_name)), MAX_CLASS_BYTES);
	assert_string_equal(text(fixture.profile->objects[0].pathname - 1), "model.wing");
	assert_int_equal(fixture.profile->nodes[0].nr_sightings, 1);
}

static void test_knocks(void **state)
{
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_KNOCK);
	assert_int_equal(fixture.heard.unknown, 1);
	assert_int_equal(fixture.heard.tgid, FIXTURE_TGID);
	send_type(RECORD_FOUND);
	assert_int_equal(fixture.heard.found, 1);
	assert_int_equal(fixture.heard.layout, MAX_LAYOUTS - 1);
	send_type(RECORD_CALLS_OVER);
	assert_int_equal(fixture.heard.over, 1);
	send_type(RECORD_SAMPLE);
	assert_int_equal(fixture.heard.share.rss, 100 * 4096);
	assert_int_equal(fixture.heard.share.anon, 60 * 4096);
}

/* Records of an image that has not begun, or is another by now, change nothing. */
static void test_unknown_image(void **state)
{
	for (size_t i = 1; i < ARRAY_SIZE(all_types); i++)
		send_type(all_types[i]);
	assert_int_equal(refused(), 0);
	assert_int_equal(fixture.profile->nr_processes, 0);
	assert_int_equal(fixture.profile->nr_sites, 0);
	assert_int_equal(fixture.profile->nr_objects, 0);
	assert_int_equal(fixture.heard.unknown + fixture.heard.found + fixture.heard.over, 0);
}

static void put_node(uint64_t key, uint64_t parent, uint32_t image_id)
{
	const struct wire_node node = {
		.site = FIXTURE_SITE,
		.parent = parent,
		.image_id = image_id,
		.grown = { 1 },
	};

	fake_loader_put("nodes", &key, &node);
}

/* Keys are sums of what a target chose. Two that are each other's parents end in time and stay
 * without a place. */
static void test_circle(void **state)
{
	size_t size;

	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	fixture.profile->processes[0].counts_ends = true;
	put_node(80, 82, FIXTURE_IMAGE);
	put_node(82, 80, FIXTURE_IMAGE);
	put_node(84, 0, FIXTURE_IMAGE);
	size = drain_fixture_record(RECORD_THREAD_END, &record);
	record.thread_end.thread.node = 80;
	send_record(size);
	assert_int_equal(refused(), 0);
	assert_int_equal(fixture.profile->nr_nodes, 1);
}

/* A parent in another process would be a dump that its reader refuses. */
static void test_foreign_parent(void **state)
{
	size_t size = drain_fixture_record(RECORD_IMAGE_BEGIN, &record);

	record.begin.slot++;
	record.begin.head.image_id++;
	send_record(size);
	send_type(RECORD_IMAGE_BEGIN);
	send_type(RECORD_SITE);
	put_node(84, 0, FIXTURE_IMAGE);
	put_node(86, 84, FIXTURE_IMAGE + 1);
	assert_int_equal(drain_all(fixture.drain), 0);
	assert_int_equal(fixture.profile->nr_nodes, 1);
	assert_int_equal(fixture.profile->nodes[0].process, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_are_sound),
		TEST(test_too_short),
		TEST(test_no_type),
		cmocka_unit_test(test_edges),
		TEST(test_image_begin),
		TEST(test_arguments_without_end),
		TEST(test_comm_without_end),
		TEST(test_ends),
		TEST(test_site),
		TEST(test_wide_names),
		TEST(test_longest_names),
		TEST(test_native_site),
		TEST(test_split),
		TEST(test_object),
		TEST(test_knocks),
		TEST(test_unknown_image),
		TEST(test_circle),
		TEST(test_foreign_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
