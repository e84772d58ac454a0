/* SPDX-License-Identifier: BSD-2-Clause */
/* A census as bytes and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "census.h"
#include "memory.h"

static uint32_t text_of(struct census *census, const char *text)
{
	return string_pool_add(&census->strings, text);
}

static void fill_types(struct census *census)
{
	static const char *const names[] = { "str", "list", "Entry" };

	census->nr_types = ARRAY_SIZE(names);
	census->types = xcalloc(census->nr_types, sizeof(*census->types));
	for (uint32_t i = 0; i < census->nr_types; i++)
		census->types[i] = (struct census_type){
			.module = text_of(census, i == 2 ? "flaskapp" : "builtins"),
			.name = text_of(census, names[i]),
			.objects = 1000000 >> i,
			.bytes = 72000000 >> i,
			.buffer_bytes = i,
			.tracked = i * 1000,
		};
}

static void fill_holders(struct census *census)
{
	static const struct census_holder rows[] = {
		{ CENSUS_NONE, CENSUS_MODULE, 0, 1004000, 75200000, 5 },
		{ 0, CENSUS_TYPE, 0, 1000000, 72000000, 0 },
		{ CENSUS_NONE, CENSUS_GARBAGE, 0, 0, 0, CENSUS_MAX_AMOUNT },
	};

	census->nr_holders = ARRAY_SIZE(rows);
	census->holders = xmemdup(rows, sizeof(rows));
	census->holders[0].name = text_of(census, "flaskapp.CACHE");
	census->holders[1].name = text_of(census, "list");
}

static void fill(struct census *census)
{
	*census = (struct census){
		.objects = 1004000,
		.bytes = 75200000,
		.buffer_bytes = 4096,
		.tracked = 4000,
		.unreadable_objects = 3,
		.unreadable_bytes = 777,
		.frozen_ns = 12000000,
		.taken_ns = 1ULL << 60,
		.cut = true,
		.refused = CENSUS_NONE,
	};
	string_pool_init(&census->strings);
	text_of(census, "nobody writes this");
	fill_types(census);
	fill_holders(census);
	census->nr_largest = 1;
	census->largest = xcalloc(1, sizeof(*census->largest));
	census->largest[0] = (struct census_object){
		.type = 1,
		.bytes = 36000056,
		.address = 0x7f0012345678,
		.look = text_of(census, "[...]"),
		.holder = CENSUS_NONE,
	};
}

static void assert_same_text(const struct census *first, uint32_t id, const struct census *second,
			     uint32_t other)
{
	assert_string_equal(string_pool_get(&first->strings, id),
			    string_pool_get(&second->strings, other));
}

static void assert_same_types(const struct census *first, const struct census *second)
{
	assert_int_equal(first->nr_types, second->nr_types);
	for (uint32_t i = 0; i < first->nr_types; i++) {
		const struct census_type *one = &first->types[i], *other = &second->types[i];

		assert_same_text(first, one->module, second, other->module);
		assert_same_text(first, one->name, second, other->name);
		assert_int_equal(one->objects, other->objects);
		assert_int_equal(one->bytes, other->bytes);
		assert_int_equal(one->buffer_bytes, other->buffer_bytes);
		assert_int_equal(one->tracked, other->tracked);
	}
}

static void assert_same_holders(const struct census *first, const struct census *second)
{
	assert_int_equal(first->nr_holders, second->nr_holders);
	for (uint32_t i = 0; i < first->nr_holders; i++) {
		const struct census_holder *one = &first->holders[i], *other = &second->holders[i];

		assert_same_text(first, one->name, second, other->name);
		assert_int_equal(one->parent, other->parent);
		assert_int_equal(one->kind, other->kind);
		assert_int_equal(one->objects, other->objects);
		assert_int_equal(one->bytes, other->bytes);
		assert_int_equal(one->shared_bytes, other->shared_bytes);
	}
}

static void assert_same(const struct census *first, const struct census *second)
{
	assert_same_types(first, second);
	assert_same_holders(first, second);
	assert_int_equal(first->nr_largest, second->nr_largest);
	for (uint32_t i = 0; i < first->nr_largest; i++) {
		const struct census_object *one = &first->largest[i], *other = &second->largest[i];

		assert_same_text(first, one->look, second, other->look);
		assert_int_equal(one->type, other->type);
		assert_int_equal(one->bytes, other->bytes);
		assert_int_equal(one->address, other->address);
		assert_int_equal(one->holder, other->holder);
	}
	assert_memory_equal(&first->objects, &second->objects,
			    offsetof(struct census, cut) - offsetof(struct census, objects));
	assert_int_equal(first->cut, second->cut);
	assert_int_equal(first->refused == CENSUS_NONE, second->refused == CENSUS_NONE);
}

static void test_comes_back_as_it_was(void **state)
{
	struct packed_bytes bytes = { 0 }, again = { 0 };
	struct census census, back;

	fill(&census);
	census_write(&census, &bytes);
	assert_int_equal(census_read(bytes.bytes, bytes.size, &back), 0);
	assert_same(&census, &back);
	census_write(&back, &again);
	assert_int_equal(again.size, bytes.size);
	assert_memory_equal(again.bytes, bytes.bytes, bytes.size);
	assert_null(memmem(bytes.bytes, bytes.size, "nobody", 6));
	packed_bytes_free(&bytes);
	packed_bytes_free(&again);
	census_free(&census);
	census_free(&back);
}

static void test_says_why_it_was_refused(void **state)
{
	struct packed_bytes bytes = { 0 };
	struct census census = { 0 }, back;

	string_pool_init(&census.strings);
	census.refused = text_of(&census, "its types were not found");
	census_write(&census, &bytes);
	assert_int_equal(census_read(bytes.bytes, bytes.size, &back), 0);
	assert_string_equal(string_pool_get(&back.strings, back.refused),
			    "its types were not found");
	packed_bytes_free(&bytes);
	census_free(&census);
	census_free(&back);
}

/* Two texts that are the same as far as they are written are one then. */
static void test_bounds_what_it_writes(void **state)
{
	char first[CENSUS_MAX_TEXT + 9], second[CENSUS_MAX_TEXT + 9];
	struct packed_bytes bytes = { 0 };
	struct census census, back;

	fill(&census);
	memset(first, 'x', sizeof(first));
	first[sizeof(first) - 1] = '\0';
	memcpy(first + CENSUS_MAX_TEXT - 1, "\xc3\xa9", 2);
	memcpy(second, first, sizeof(second));
	second[CENSUS_MAX_TEXT + 4] = 'y';
	census.types[0].name = text_of(&census, first);
	census.types[1].name = text_of(&census, second);
	census.types[0].bytes = UINT64_MAX;
	census.nr_types = CENSUS_MAX_TYPES + 5;
	census.types = xrealloc(census.types, census.nr_types, sizeof(*census.types));
	for (uint32_t i = 3; i < census.nr_types; i++)
		census.types[i] = census.types[2];
	census.largest[0].type = CENSUS_MAX_TYPES + 1;
	census_write(&census, &bytes);
	assert_in_range(bytes.size, 1, CENSUS_MAX_WRITTEN);
	assert_int_equal(census_read(bytes.bytes, bytes.size, &back), 0);
	assert_int_equal(back.nr_types, CENSUS_MAX_TYPES);
	assert_int_equal(back.types[0].bytes, CENSUS_MAX_AMOUNT);
	assert_int_equal(back.types[0].name, back.types[1].name);
	assert_int_equal(strlen(string_pool_get(&back.strings, back.types[0].name)),
			 CENSUS_MAX_TEXT - 1);
	assert_int_equal(back.largest[0].type, CENSUS_NONE);
	packed_bytes_free(&bytes);
	census_free(&census);
	census_free(&back);
}

static void test_refuses_every_part_of_one(void **state)
{
	struct packed_bytes bytes = { 0 };
	struct census census, back = { .objects = 4711 };

	fill(&census);
	census_write(&census, &bytes);
	for (size_t size = 0; size < bytes.size; size++) {
		_cleanup_(freep) uint8_t *part = xmemdup(bytes.bytes, size ? size : 1);

		assert_int_equal(census_read(part, size, &back), -EINVAL);
	}
	packed_bytes_put(&bytes, "", 1);
	assert_int_equal(census_read(bytes.bytes, bytes.size, &back), -EINVAL);
	assert_int_equal(back.objects, 4711);
	packed_bytes_free(&bytes);
	census_free(&census);
}

/* No strings, no flags, not refused, no totals, no types; a holder; no objects. */
static void assert_holder(uint8_t parent, uint8_t kind, uint8_t name, int expected)
{
	const uint8_t bytes[] = { 0, 0, 0, 0, 0, 1, parent, kind, name, 0, 0, 0, 0 };
	struct census census;
	int status = census_read(bytes, sizeof(bytes), &census);

	assert_int_equal(status, expected);
	if (!status)
		census_free(&census);
}

static void test_refuses_what_points_nowhere(void **state)
{
	assert_holder(0, CENSUS_REST, 0, 0);
	assert_holder(1, CENSUS_REST, 0, -EINVAL);
	assert_holder(0, NR_CENSUS_HOLDER_KINDS, 0, -EINVAL);
	assert_holder(0, CENSUS_REST, 1, -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back_as_it_was),
		cmocka_unit_test(test_says_why_it_was_refused),
		cmocka_unit_test(test_bounds_what_it_writes),
		cmocka_unit_test(test_refuses_every_part_of_one),
		cmocka_unit_test(test_refuses_what_points_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
