/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which records are sound: with the right bytes, too short, and with each number at its limits and
 * beyond. A record that is refused is counted and changes nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drain_test.h"
#include "memory.h"

static const uint32_t all_types[] = {
	RECORD_IMAGE_BEGIN, RECORD_IMAGE_END,  RECORD_PROCESS_END, RECORD_THREAD_END,
	RECORD_SITE,	    RECORD_OBJECT,     RECORD_SPLIT,	   RECORD_KNOCK,
	RECORD_SAMPLE,	    RECORD_BALANCE,    RECORD_FOUND,	   RECORD_CALLS_OVER,
	RECORD_WATCH,	    RECORD_FINALIZING, RECORD_WAKES,	   RECORD_MAIN_END,
};

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
	static const uint32_t types[] = { 0, RECORD_UNWIND + 1, 255, UINT32_MAX };

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
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, path_bytes, MAX_EXEC_PATH_BYTES, true),
	EDGE(RECORD_IMAGE_BEGIN, wire_image_begin, path_bytes, MAX_EXEC_PATH_BYTES + 1, false),
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
	EDGE(RECORD_MAIN_END, wire_main_end, tgid, 0, false),
	EDGE(RECORD_MAIN_END, wire_main_end, is_exec, 1, true),
	EDGE(RECORD_MAIN_END, wire_main_end, is_exec, 2, false),
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
	EDGE(RECORD_WATCH, wire_knock, layout, MAX_LAYOUTS, false),
	EDGE(RECORD_FINALIZING, wire_knock, tgid, 0, false),
	EDGE(RECORD_WAKES, wire_knock, tgid, 0, false),
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_are_sound),     TEST(test_too_short),	TEST(test_no_type),
		cmocka_unit_test(test_edges), TEST(test_unknown_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
