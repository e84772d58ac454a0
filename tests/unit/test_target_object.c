/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects of a Python in made-up memory, whole, torn and as garbage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "object_memory.h"
#include "python_class.h"
#include "python_object.h"
#include "python_string.h"

/* One that confirms the answer comes after the others. */
#define MAX_READS (PYTHON_READS_MAX + 1)

static struct object_memory memory;

static uint64_t begin(unsigned int version, enum object_memory_way way)
{
	object_memory_init(&memory, OBJECT_MEMORY_FIRST_MINOR + version);
	return object_memory_instance(&memory, way);
}

static void check_attribute(uint64_t object, const char *name, const char *expected)
{
	_cleanup_(freep) char *text = NULL;

	assert_int_equal(python_object_attribute(&memory.reader, object, name, &text), 0);
	assert_string_equal(text, expected);
}

static int ask(uint64_t object, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	int err = python_object_attribute(&memory.reader, object, name, &text);

	assert_int_equal(err == 0, text != NULL);
	return err;
}

static void test_every_version(void **state)
{
	for (unsigned int i = 0; i < OBJECT_MEMORY_NR_VERSIONS * OBJECT_NR_WAYS; i++) {
		uint64_t object = begin(i / OBJECT_NR_WAYS, i % OBJECT_NR_WAYS);
		struct python_type type = { 0 };

		check_attribute(object, "pathname", "the.path");
		check_attribute(object, "a0", "zero");
		check_attribute(object, "a2", "two");
		check_attribute(object, "pathname", "the.path");
		assert_int_equal(ask(object, "a1"), -ENOENT);
		assert_int_equal(python_object_type(&memory.reader, object, &type), 0);
		assert_string_equal(type.name, "Class");
		assert_string_equal(type.qualname, "Outer.Class");
		assert_string_equal(type.module, "module");
		python_type_clear(&type);
		python_type_clear(&type);
		assert_true(python_class_derives(&memory.reader, object, "module", "Outer.Class"));
		assert_false(python_class_derives(&memory.reader, object, "module", "Class"));
		assert_false(python_class_derives(&memory.reader, object, "other", "Outer.Class"));
	}
}

static void test_versions_without_a_column(void **state)
{
	struct wire_layout wire = { .version = 0x30d, .free_threaded = 1 };
	struct python_reader reader;

	assert_int_equal(python_reader_init(&reader, &wire), -ENOTSUP);
	wire.free_threaded = 0;
	assert_int_equal(python_reader_init(&reader, &wire), 0);
	wire.version = 0x305;
	assert_int_equal(python_reader_init(&reader, &wire), -ENOTSUP);
	wire.version = 0x310;
	assert_int_equal(python_reader_init(&reader, &wire), -ENOTSUP);
	wire.version = 0x207;
	assert_int_equal(python_reader_init(&reader, &wire), -ENOTSUP);
}

/* The key that was found last is only a hint. */
static void test_hint_that_is_wrong(void **state)
{
	uint64_t object = begin(0, OBJECT_DICT);

	memory.reader.attribute_key = object;
	check_attribute(object, "pathname", "the.path");
	memory.reader.attribute_key = 5;
	check_attribute(object, "a2", "two");
	memory.reader.str_type = object;
	check_attribute(object, "pathname", "the.path");
}

static void test_cells(void **state)
{
	uint64_t object = begin(0, OBJECT_DICT), cell_type = memory.str_type + 8;
	uint64_t cell = OBJECT_MEMORY_BASE + memory.used, content = 0;

	assert_int_equal(python_object_uncell(&memory.reader, object, cell_type, &content), 0);
	assert_int_equal(content, object);
	object_memory_put(&memory, cell + OBJECT_TYPE, cell_type);
	assert_int_equal(python_object_uncell(&memory.reader, cell, cell_type, &content), -ENOENT);
	object_memory_put(&memory, cell + 16, 77);
	assert_int_equal(python_object_uncell(&memory.reader, cell, cell_type, &content), 0);
	assert_int_equal(content, 77);
	assert_int_equal(python_object_uncell(&memory.reader, 0, cell_type, &content), -EFAULT);
	assert_int_equal(python_object_uncell(&memory.reader, 8, 0, &content), -EFAULT);
}

/* The bases of a class tell, and pages that a question keeps are still kept then. */
static void test_derived(void **state)
{
	uint64_t base = begin(5, OBJECT_DICT), object = object_memory_instance(&memory, 0);
	uint64_t base_class = object_memory_get(&memory, base + OBJECT_TYPE);
	uint64_t class = object_memory_get(&memory, object + OBJECT_TYPE);
	uint64_t mro = OBJECT_MEMORY_BASE + OBJECT_MEMORY_BYTES - 64;
	struct python_pages pages;

	object_memory_put(&memory, class + memory.reader.layout.type_qualname,
			  object_memory_str(&memory, "Derived"));
	assert_false(python_class_derives(&memory.reader, object, "module", "Outer.Class"));
	object_memory_put(&memory, mro + OBJECT_SIZE, 2);
	object_memory_put(&memory, mro + memory.reader.layout.tuple_items, class);
	object_memory_put(&memory, mro + memory.reader.layout.tuple_items + 8, base_class);
	object_memory_put(&memory, class + TYPE_MRO, mro);
	python_reader_begin(&memory.reader, &pages);
	assert_true(python_class_derives(&memory.reader, object, "module", "Outer.Class"));
	assert_ptr_equal(memory.reader.pages, &pages);
	object_memory_put(&memory, mro + OBJECT_SIZE, 1ULL << 60);
	python_reader_end(&memory.reader);
	assert_false(python_class_derives(&memory.reader, object, "module", "Outer.Class"));
}

/* ---- limits ---- */

static uint64_t class_of(uint64_t object)
{
	return object_memory_get(&memory, object + OBJECT_TYPE);
}

static void test_lengths_without_sense(void **state)
{
	uint64_t object = begin(5, OBJECT_SLOTS), class = class_of(object);
	uint64_t mro = object_memory_get(&memory, class + TYPE_MRO);
	uint64_t string = object_memory_str(&memory, "text");
	char *text = NULL;

	object_memory_put(&memory, mro + OBJECT_SIZE, 1ULL << 60);
	assert_int_equal(ask(object, "pathname"), -E2BIG);
	object_memory_put(&memory, string + memory.reader.wire.str_length, UINT64_MAX);
	assert_int_equal(python_string_read(&memory.reader, string, SIZE_MAX, &text), -E2BIG);
	object_memory_put(&memory, string + memory.reader.wire.str_length, PYTHON_STRING_MAX);
	assert_int_equal(python_string_read(&memory.reader, string, SIZE_MAX, &text), -EFAULT);
	object_memory_put(&memory, string + memory.reader.wire.str_length, 4);
	assert_int_equal(python_string_read(&memory.reader, string, 3, &text), -E2BIG);
	assert_int_equal(python_string_read(&memory.reader, string, 4, &text), 0);
	assert_string_equal(text, "text");
	free(text);
}

static uint64_t keys_of_dict(uint64_t object)
{
	uint64_t dict = object_memory_get(&memory, object + OBJECT_BYTES);

	return object_memory_get(&memory, dict + memory.reader.layout.dict_keys);
}

static void test_keys_without_sense(void **state)
{
	for (unsigned int i = 0; i < OBJECT_MEMORY_NR_VERSIONS; i++) {
		const struct python_layout *layout = &memory.reader.layout;
		uint64_t object = begin(i, OBJECT_DICT), keys = keys_of_dict(object);

		object_memory_put(&memory, keys + layout->keys_nentries, 9);
		assert_int_equal(ask(object, "pathname"), -EINVAL);
		object_memory_put(&memory, keys + layout->keys_nentries, UINT64_MAX);
		assert_int_equal(ask(object, "pathname"), -EINVAL);
		object_memory_put(&memory, keys + layout->keys_nentries, 3);
		object_memory_put(&memory, keys + 8, 0x2424242424242424);
		assert_int_equal(ask(object, "pathname"), -EINVAL);
	}
}

/* Members and names that never end. */
static void test_members_without_end(void **state)
{
	uint64_t object = begin(0, OBJECT_SLOTS), class = class_of(object);
	uint64_t at = OBJECT_MEMORY_BASE + memory.used;

	object_memory_put(&memory, class + TYPE_MEMBERS, at);
	for (; at < OBJECT_MEMORY_BASE + OBJECT_MEMORY_BYTES; at += 8)
		object_memory_put(&memory, at, OBJECT_MEMORY_BASE + OBJECT_MEMORY_BYTES - 4096);
	assert_int_equal(ask(object, "pathname"), -EFAULT);
	assert_true(memory.nr_reads < 100);
}

/* ---- torn ---- */

static void test_value_that_changes(void **state)
{
	for (unsigned int i = 0; i < OBJECT_MEMORY_NR_VERSIONS * OBJECT_NR_WAYS; i++) {
		uint64_t object = begin(i / OBJECT_NR_WAYS, i % OBJECT_NR_WAYS);
		uint64_t other = object_memory_str(&memory, "other"), value = 0;
		_cleanup_(freep) char *text = NULL;
		size_t last;

		/* The value's only place. */
		check_attribute(object, "pathname", "the.path");
		last = memory.nr_reads;
		for (uint64_t at = OBJECT_MEMORY_BASE; at < other && !value; at += 8) {
			object_memory_init(&memory, OBJECT_MEMORY_FIRST_MINOR + i / OBJECT_NR_WAYS);
			object = object_memory_instance(&memory, i % OBJECT_NR_WAYS);
			other = object_memory_str(&memory, "other");
			memory.replaced = at;
			memory.replacement = other;
			memory.replacing = last;
			if (ask(object, "pathname") == -EAGAIN)
				value = at;
		}
		assert_true(value);
		check_attribute(object, "pathname", "other");
	}
}

/* Whatever cannot be read is an error, or the answer did not need it. */
static void test_reads_that_fail(void **state)
{
	for (unsigned int i = 0; i < OBJECT_MEMORY_NR_VERSIONS * OBJECT_NR_WAYS; i++) {
		for (size_t failing = 1; failing < 30; failing++) {
			uint64_t object = begin(i / OBJECT_NR_WAYS, i % OBJECT_NR_WAYS);
			struct python_type type = { 0 };
			int err;

			memory.failing = failing;
			err = ask(object, "pathname");
			assert_true(err == 0 || err == -EFAULT || err == -EAGAIN || err == -ENOENT);
			memory.nr_reads = 0;
			if (!python_object_type(&memory.reader, object, &type))
				python_type_clear(&type);
			assert_null(type.name);
			(void)python_class_derives(&memory.reader, object, "module", "No");
		}
	}
}

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

static void ask_everything(uint64_t object)
{
	_cleanup_(freep) char *text = NULL;
	struct python_type type = { 0 };
	uint64_t content;

	memory.nr_reads = 0;
	(void)ask(object, "pathname");
	assert_true(memory.nr_reads <= MAX_READS);
	memory.nr_reads = 0;
	(void)python_object_type(&memory.reader, object, &type);
	assert_true(memory.nr_reads <= MAX_READS);
	python_type_clear(&type);
	(void)python_class_derives(&memory.reader, object, "module", "Class");
	(void)python_string_read(&memory.reader, object, 4096, &text);
	(void)python_object_uncell(&memory.reader, object, memory.str_type, &content);
}

/* A pointer of this memory, or any number. */
static uint64_t random_word(void)
{
	switch (random_below(4)) {
	case 0:
		return random_below(40);
	case 1:
		return random_state;
	default:
		return OBJECT_MEMORY_BASE + random_below(OBJECT_MEMORY_BYTES) / 8 * 8;
	}
}

static void test_damage(void **state)
{
	random_state = 88172645463325252;
	for (unsigned int i = 0; i < 30000; i++) {
		uint64_t object = begin(i % OBJECT_MEMORY_NR_VERSIONS,
					random_below(OBJECT_NR_WAYS));

		for (uint64_t changes = 1 + random_below(6); changes; changes--)
			object_memory_put(&memory,
					  OBJECT_MEMORY_BASE + random_below(memory.used) / 8 * 8,
					  random_word());
		ask_everything(object);
	}
}

static void test_garbage(void **state)
{
	random_state = 88172645463325252;
	for (unsigned int i = 0; i < 2000; i++) {
		object_memory_init(&memory,
				   OBJECT_MEMORY_FIRST_MINOR + i % OBJECT_MEMORY_NR_VERSIONS);
		for (size_t at = 0; at < OBJECT_MEMORY_BYTES; at += 8)
			object_memory_put(&memory, OBJECT_MEMORY_BASE + at, random_word());
		for (int j = 0; j < 20; j++)
			ask_everything(random_word());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_versions_without_a_column),
		cmocka_unit_test(test_hint_that_is_wrong),
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_lengths_without_sense),
		cmocka_unit_test(test_keys_without_sense),
		cmocka_unit_test(test_members_without_end),
		cmocka_unit_test(test_value_that_changes),
		cmocka_unit_test(test_reads_that_fail),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
