/* SPDX-License-Identifier: BSD-2-Clause */
/* What grew between two censuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "census_diff.h"
#include "memory.h"

#define MB (1 << 20)

struct row {
	uint32_t parent;
	enum census_holder_kind kind;
	const char *name;
	uint64_t objects, bytes;
};

static void fill(struct census *census, const struct row *rows, uint32_t count)
{
	*census = (struct census){ .refused = CENSUS_NONE, .nr_holders = count, .nr_types = 1 };
	string_pool_init(&census->strings);
	census->holders = xcalloc(count, sizeof(*census->holders));
	census->types = xcalloc(1, sizeof(*census->types));
	for (uint32_t i = 0; i < count; i++) {
		census->holders[i] = (struct census_holder){
			.parent = rows[i].parent,
			.kind = rows[i].kind,
			.name = string_pool_add(&census->strings, rows[i].name),
			.objects = rows[i].objects,
			.bytes = rows[i].bytes,
		};
		if (rows[i].parent == CENSUS_NONE)
			census->bytes += rows[i].bytes;
	}
	census->types[0] = (struct census_type){
		.module = string_pool_add(&census->strings, "builtins"),
		.name = string_pool_add(&census->strings, "str"),
		.objects = 7,
		.bytes = census->bytes,
	};
}

static const struct census_change *change_of(const struct census_diff *diff, const char *name)
{
	for (size_t i = 0; i < diff->nr_holders; i++)
		if (!strcmp(diff->holders[i].name, name))
			return &diff->holders[i];
	return NULL;
}

static void test_names_what_grew(void **state)
{
	/* The names are in another order, and so have other numbers. */
	static const struct row first[] = {
		{ CENSUS_NONE, CENSUS_MODULE, "app.OTHER", 9, 3 * MB },
		{ CENSUS_NONE, CENSUS_MODULE, "app.CACHE", 10, 2 * MB },
		{ 1, CENSUS_TYPE, "list", 9, MB },
	};
	static const struct row second[] = {
		{ CENSUS_NONE, CENSUS_MODULE, "app.CACHE", 30, 52 * MB },
		{ 0, CENSUS_TYPE, "list", 29, 51 * MB },
		{ CENSUS_NONE, CENSUS_MODULE, "app.OTHER", 9, 3 * MB },
	};
	struct census before, after;
	struct census_diff diff;

	fill(&before, first, ARRAY_SIZE(first));
	fill(&after, second, ARRAY_SIZE(second));
	census_diff_make(&before, &after, &diff);
	assert_int_equal(diff.bytes, 50 * MB);
	assert_int_equal(diff.nr_types, 1);
	assert_int_equal(diff.types[0].bytes, 50 * MB);
	assert_int_equal(diff.nr_holders, 2);
	assert_int_equal(change_of(&diff, "app.CACHE")->bytes, 50 * MB);
	assert_int_equal(change_of(&diff, "app.CACHE")->objects, 20);
	assert_int_equal(change_of(&diff, "app.CACHE > list")->bytes, 50 * MB);
	assert_null(change_of(&diff, "app.OTHER"));
	census_diff_free(&diff);
	census_free(&before);
	census_free(&after);
}

/* It had a row and its child, and is in the rest once a hundredth is more than it has. */
static void test_does_not_let_the_rest_grow(void **state)
{
	static const struct row first[] = {
		{ CENSUS_NONE, CENSUS_MODULE, "app.CACHE", 10, 2 * MB },
		{ CENSUS_NONE, CENSUS_MODULE, "app.SMALL", 9, MB },
		{ 1, CENSUS_TYPE, "list", 8, MB / 2 },
		{ CENSUS_NONE, CENSUS_REST, "", 5, MB },
	};
	static const struct row second[] = {
		{ CENSUS_NONE, CENSUS_MODULE, "app.CACHE", 1000, 400 * MB },
		{ CENSUS_NONE, CENSUS_REST, "", 14, 2 * MB },
	};
	struct census before, after;
	struct census_diff diff;

	fill(&before, first, ARRAY_SIZE(first));
	fill(&after, second, ARRAY_SIZE(second));
	census_diff_make(&before, &after, &diff);
	assert_int_equal(diff.nr_holders, 1);
	assert_string_equal(diff.holders[0].name, "app.CACHE");
	census_diff_free(&diff);
	census_free(&before);
	census_free(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_what_grew),
		cmocka_unit_test(test_does_not_let_the_rest_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
