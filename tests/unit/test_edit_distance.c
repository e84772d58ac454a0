/* SPDX-License-Identifier: BSD-2-Clause */
/* How far words are from each other, which decides whether a hint names one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edit_distance.h"
#include "memory.h"

static void test_distances(void **state)
{
	static const struct {
		const char *a, *b;
		int distance;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "format", "format", 0 },
		{ "formt", "format", 1 },
		{ "formaat", "format", 1 },
		{ "fornat", "format", 1 },
		{ "fromat", "format", 1 }, /* neighbours swapped */
		{ "metirc", "metric", 1 },
		{ "ca", "abc", 3 }, /* restricted: what was swapped is not edited again */
		{ "kitten", "sitting", 3 },
		{ "abcdef", "fedcba", 5 },
		{ "no-cildren", "no-children", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(edit_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(edit_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}

/* A word of any length may come from the command line. */
static void test_long_words(void **state)
{
	char longest[EDIT_WORD_BYTES + 1], too_long[EDIT_WORD_BYTES + 2];
	_cleanup_(freep) char *endless = xmalloc(1 << 20);

	memset(longest, 'a', EDIT_WORD_BYTES);
	longest[EDIT_WORD_BYTES] = '\0';
	memset(too_long, 'a', EDIT_WORD_BYTES + 1);
	too_long[EDIT_WORD_BYTES + 1] = '\0';
	memset(endless, 'a', (1 << 20) - 1);
	endless[(1 << 20) - 1] = '\0';
	assert_int_equal(edit_distance(longest, longest), 0);
	assert_int_equal(edit_distance(longest, ""), EDIT_WORD_BYTES);
	assert_int_equal(edit_distance(too_long, longest), EDIT_FAR);
	assert_int_equal(edit_distance("a", too_long), EDIT_FAR);
	assert_int_equal(edit_distance(endless, endless), EDIT_FAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distances),
		cmocka_unit_test(test_long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
