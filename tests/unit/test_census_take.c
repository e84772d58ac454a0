/* SPDX-License-Identifier: BSD-2-Clause */
/* A census of a small Python in made-up memory, as every version lays it out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "census_fixture.h"
#include "census_take.h"

#define TABLE_BYTES (8ULL << 20)
#define INTS (CENSUS_FIXTURE_LISTS * CENSUS_FIXTURE_ITEMS)

static const struct census_type *find_type(const struct census *census, const char *name)
{
	for (uint32_t i = 0; i < census->nr_types; i++)
		if (!strcmp(string_pool_get(&census->strings, census->types[i].name), name))
			return &census->types[i];
	fail_msg("no type %s", name);
	return NULL;
}

static const struct census_holder *find_holder(const struct census *census, const char *name,
					       uint32_t parent)
{
	for (uint32_t i = 0; i < census->nr_holders; i++)
		if (census->holders[i].parent == parent &&
		    !strcmp(string_pool_get(&census->strings, census->holders[i].name), name))
			return &census->holders[i];
	fail_msg("no holder %s", name);
	return NULL;
}

static void each_version(void (*check)(struct census_fixture *fixture, struct census *census))
{
	static struct census_fixture fixture;

	for (unsigned int i = 0; i < CENSUS_FIXTURE_NR_VERSIONS; i++) {
		struct census census;

		census_fixture_init(&fixture, CENSUS_FIXTURE_FIRST_MINOR + i, 0);
		check(&fixture, &census);
		census_free(&census);
		census_fixture_clear(&fixture);
	}
}

static void check_counts(struct census_fixture *fixture, struct census *census)
{
	const struct census_type *ints, *lists;

	census_take_open(&fixture->target, TABLE_BYTES, census);
	assert_int_equal(census->refused, CENSUS_NONE);
	assert_int_equal(census->unreadable_objects, 0);
	ints = find_type(census, "int");
	lists = find_type(census, "list");
	assert_int_equal(ints->objects, INTS);
	assert_int_equal(ints->bytes, INTS * 32); /* 24 and digits, rounded to 16 */
	assert_int_equal(ints->tracked, 0);
	assert_int_equal(lists->objects, CENSUS_FIXTURE_LISTS + 1);
	assert_int_equal(lists->tracked, CENSUS_FIXTURE_LISTS + 1);
	assert_int_equal(lists->buffer_bytes, CENSUS_FIXTURE_LISTS * 32 + CENSUS_FIXTURE_LISTS * 8);
}

static void counts_each_object_once(void **state)
{
	each_version(check_counts);
}

static void check_names(struct census_fixture *fixture, struct census *census)
{
	const struct census_holder *held, *lists;

	census_take_open(&fixture->target, TABLE_BYTES, census);
	held = find_holder(census, "fixture.held", CENSUS_NONE);
	assert_int_equal(held->kind, CENSUS_MODULE);
	assert_int_equal(held->objects, CENSUS_FIXTURE_LISTS + 1 + INTS);
	assert_int_equal(held->shared_bytes, 0);
	lists = find_holder(census, "list", (uint32_t)(held - census->holders));
	assert_int_equal(lists->objects, CENSUS_FIXTURE_LISTS + INTS);
	assert_ptr_equal(lists, held + 1); /* depth first */
	assert_int_equal(find_holder(census, "int", (uint32_t)(lists - census->holders))->objects,
			 INTS);
}

static void names_who_holds_them(void **state)
{
	each_version(check_names);
}

/* The list is in no dict any more, and its one reference is not from another object. */
static void check_c_code(struct census_fixture *fixture, struct census *census)
{
	const struct census_holder *holder;

	census_fixture_put(fixture, fixture->module_dict + OBJECT_SIZE, 0);
	census_fixture_put(
		fixture, fixture->module_dict + fixture->target.reader.python.layout.dict_keys, 0);
	census_take_open(&fixture->target, TABLE_BYTES, census);
	assert_int_equal(census->unreadable_objects, 1);
	for (uint32_t i = 0; i < census->nr_holders; i++) {
		holder = &census->holders[i];
		if (holder->parent != CENSUS_NONE || holder->kind != CENSUS_C_CODE)
			continue;
		/* And the dict of modules with its key: nothing of the interpreter is read here. */
		assert_int_equal(holder->objects, CENSUS_FIXTURE_LISTS + 1 + INTS + 2);
		return;
	}
	fail_msg("nothing is held by C code");
}

static void tells_what_c_code_holds(void **state)
{
	each_version(check_c_code);
}

/* Two lists that hold each other alone. */
static void check_garbage(struct census_fixture *fixture, struct census *census)
{
	uint64_t head = fixture->target.reader.layout.gc_head, node = fixture->generations, first;
	uint64_t items = CENSUS_FIXTURE_BASE + CENSUS_FIXTURE_BYTES - 64, second;

	memcpy(&first, fixture->bytes + (node - CENSUS_FIXTURE_BASE), sizeof(first));
	memcpy(&second, fixture->bytes + (first - CENSUS_FIXTURE_BASE), sizeof(second));
	first += head;
	second += head;
	census_fixture_put(fixture, items, second);
	census_fixture_put(fixture, items + 8, first);
	census_fixture_put(fixture, first + 24, items);
	census_fixture_put(fixture, first + OBJECT_SIZE, 1);
	census_fixture_put(fixture, second + 24, items + 8);
	census_fixture_put(fixture, second + OBJECT_SIZE, 1);
	/* Nothing else leads to them. */
	census_fixture_put(
		fixture, fixture->module_dict + fixture->target.reader.python.layout.dict_keys, 0);
	for (size_t at = 0; at < fixture->used; at += 8) {
		uint64_t word;

		memcpy(&word, fixture->bytes + at, sizeof(word));
		if (word == first || word == second)
			memset(fixture->bytes + at, 0, sizeof(word));
	}
	census_take_open(&fixture->target, TABLE_BYTES, census);
	for (uint32_t i = 0; i < census->nr_holders; i++)
		if (census->holders[i].kind == CENSUS_GARBAGE) {
			assert_int_equal(census->holders[i].objects, 2);
			return;
		}
	fail_msg("no garbage");
}

static void tells_garbage(void **state)
{
	each_version(check_garbage);
}

static void check_circle(struct census_fixture *fixture, struct census *census)
{
	uint64_t first;

	/* The first of the list is followed by itself. */
	memcpy(&first, fixture->bytes + (fixture->generations - CENSUS_FIXTURE_BASE),
	       sizeof(first));
	census_fixture_put(fixture, first, first);
	census_take_open(&fixture->target, TABLE_BYTES, census);
	/* Read backward it is whole, but for the one that is there already. */
	assert_int_equal(find_type(census, "list")->tracked, CENSUS_FIXTURE_LISTS + 1);
}

static void goes_back_where_a_list_breaks(void **state)
{
	each_version(check_circle);
}

static void check_limits(struct census_fixture *fixture, struct census *census)
{
	/* No room for one object. */
	census_take_open(&fixture->target, 1, census);
	assert_true(census->cut);
	assert_true(census->objects < INTS);
	census_free(census);
	heap_memory_set_deadline(fixture->target.heap, 0);
	census_take_open(&fixture->target, TABLE_BYTES, census);
	assert_true(census->cut);
	assert_true(census->objects < INTS);
}

static void ends_at_its_limits(void **state)
{
	each_version(check_limits);
}

/* ---- Pages that are not resident ---- */

/* The page is in a file, which can be read; or something is there that cannot be. */
static void take_absent(struct census_fixture *fixture, int error, struct census *census)
{
	fixture->is_last_absent = true;
	fixture->absent = error;
	census_take_open(&fixture->target, TABLE_BYTES, census);
	census_memory_refresh(&fixture->target.reader.memory, CENSUS_FIXTURE_LAST_PAGE);
}

/* The ints are of a type that only its name tells. */
static void check_absent_name(struct census_fixture *fixture, struct census *census)
{
	uint64_t type = fixture->types[FIXTURE_INT], flags;

	memcpy(&flags, fixture->bytes + (type + TYPE_FLAGS - CENSUS_FIXTURE_BASE), sizeof(flags));
	census_fixture_put(fixture, type + TYPE_FLAGS, flags & ~TYPE_LONG_SUBCLASS);
	census_fixture_put(fixture, type + TYPE_ITEMSIZE, 0);
	census_fixture_put(fixture, type + TYPE_NAME, CENSUS_FIXTURE_LAST_PAGE);
	strcpy((char *)fixture->bytes + CENSUS_FIXTURE_BYTES - HEAP_PAGE_BYTES, "complex");
	take_absent(fixture, 0, census);
	assert_int_equal(find_type(census, "complex")->objects, INTS);
	assert_int_equal(census->unreadable_objects, 0);
	census_free(census);
	take_absent(fixture, -ENODATA, census);
	assert_int_equal(find_type(census, "[name not read]")->objects, INTS);
	assert_int_equal(census->unreadable_objects, INTS);
}

static void reads_absent_names(void **state)
{
	each_version(check_absent_name);
}

/* The ints' type itself is there. */
static void check_absent_type(struct census_fixture *fixture, struct census *census)
{
	uint64_t type = fixture->types[FIXTURE_INT];

	memcpy(fixture->bytes + CENSUS_FIXTURE_BYTES - HEAP_PAGE_BYTES,
	       fixture->bytes + (type - CENSUS_FIXTURE_BASE), TYPE_HEAD_BYTES);
	for (size_t at = 0; at < fixture->used; at += 8) {
		uint64_t word;

		memcpy(&word, fixture->bytes + at, sizeof(word));
		if (word == type)
			census_fixture_put(fixture, CENSUS_FIXTURE_BASE + at,
					   CENSUS_FIXTURE_LAST_PAGE);
	}
	take_absent(fixture, 0, census);
	assert_int_equal(find_type(census, "int")->objects, INTS);
	assert_int_equal(census->unreadable_objects, 0);
	census_free(census);
	take_absent(fixture, -ENODATA, census);
	assert_int_equal(census->objects, CENSUS_FIXTURE_LISTS + 1 + 5);
	assert_int_equal(census->unreadable_objects, INTS);
	census_free(census);
	take_absent(fixture, -ENXIO, census);
	assert_int_equal(census->unreadable_objects, 0);
}

static void reads_absent_types(void **state)
{
	each_version(check_absent_type);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_each_object_once),
		cmocka_unit_test(names_who_holds_them),
		cmocka_unit_test(tells_what_c_code_holds),
		cmocka_unit_test(tells_garbage),
		cmocka_unit_test(ends_at_its_limits),
		cmocka_unit_test(goes_back_where_a_list_breaks),
		cmocka_unit_test(reads_absent_names),
		cmocka_unit_test(reads_absent_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
