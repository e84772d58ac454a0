/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that is shortened or parted takes so many columns, and loses nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "text_columns.h"

#define ROUNDS 2000
#define MAX_COLUMNS 60

static size_t columns_of(const char *text)
{
	return text_columns(text, strlen(text));
}

static void test_columns(void **state)
{
	assert_int_equal(columns_of(""), 0);
	assert_int_equal(columns_of("a b"), 3);
	assert_int_equal(columns_of("…é−"), 3);
	assert_int_equal(columns_of("漢字"), 4);
	assert_int_equal(columns_of("\033[1;32m 5.50\033[0m MB"), 8);
	assert_int_equal(columns_of("\033[1"), 0);
	assert_int_equal(columns_of("a\xff"), 2);
}

static void check_short(const char *text, size_t columns, const char *wanted)
{
	_cleanup_(freep) char *got = text_shorten(text, columns);

	assert_string_equal(got, wanted);
}

static void test_shorten(void **state)
{
	check_short("Problem.setup", 13, "Problem.setup");
	check_short("Problem.setup", 10, "Pro….setup");
	check_short("Problem.setup", 1, "…");
	check_short("Problem.setup", 0, "Problem.setup");
	check_short("漢字漢字漢字", 7, "漢…漢字");
	check_short("", 3, "");
	/* What a colour is for goes, the colour stays. */
	check_short("Problem\033[31m.set\033[0mup", 7, "Pr…\033[31met\033[0mup");
}

/* Words of one to twelve letters, some wide, more than one blank between some. */
static char *random_line(void)
{
	static const char *const letters[] = { "a", "é", "漢", "…", "\033[1m", "b" };
	size_t words = (size_t)rand() % 20;
	char *line = xasprintf("%*s", rand() % 30, "");

	for (size_t i = 0; i < words; i++) {
		for (int k = rand() % 12; k >= 0; k--) {
			char *longer = xasprintf("%s%s", line, letters[(size_t)rand() % 6]);

			free(line);
			line = longer;
		}
		char *longer = xasprintf("%s%*s", line, rand() % 3 + 1, "");

		free(line);
		line = longer;
	}
	return line;
}

/* The text without its blanks, which is all that parting may change. */
static char *squeeze(const char *text)
{
	char *squeezed = xstrdup(text), *to = squeezed;

	for (; *text; text++) {
		if (*text != ' ')
			*to++ = *text;
	}
	*to = '\0';
	return squeezed;
}

static void check_part(const char *part, size_t size, size_t indent, size_t columns)
{
	assert_true(!size || part[0] != ' ');
	if (indent + text_columns(part, size) > columns)
		assert_null(memchr(part, ' ', size));
}

static void test_wrap(void **state)
{
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		size_t columns = (size_t)rand() % MAX_COLUMNS + 1, size, indent, used = 0;
		_cleanup_(freep) char *line = random_line(), *wanted = squeeze(line);
		_cleanup_(freep) char *got = xcalloc(1, strlen(line) + 1), *squeezed = NULL;
		struct text_wrap wrap = text_wrap_begin(line, strlen(line), columns);
		const char *part;

		while (text_wrap_next(&wrap, &part, &size, &indent)) {
			check_part(part, size, indent, columns);
			memcpy(got + used, part, size);
			used += size;
		}
		squeezed = squeeze(got);
		assert_string_equal(squeezed, wanted);
	}
}

static void test_short_lines_stay(void **state)
{
	const char *line = "  Balance:  0.00 MB ";
	struct text_wrap wrap = text_wrap_begin(line, strlen(line), 20);
	const char *part;
	size_t size, indent;

	assert_true(text_wrap_next(&wrap, &part, &size, &indent));
	assert_int_equal(indent, 2);
	assert_int_equal(size, 18);
	assert_false(text_wrap_next(&wrap, &part, &size, &indent));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_shorten),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_short_lines_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
