/* SPDX-License-Identifier: BSD-2-Clause */
/* Qualified names from source text: versions, encodings, broken text, limits. The rules of nesting
 * are compared with real interpreters: tests/property/source_names.py. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"
#include "source_names.h"

struct question {
	const char *name;
	uint32_t line;
	const char *qualified; /* NULL: there is none */
};

static void check_find(struct source_names *names, const struct question *question)
{
	const char *got = source_names_find(names, question->name, question->line);

	if (question->qualified && got)
		assert_string_equal(got, question->qualified);
	else
		assert_ptr_equal(got, question->qualified);
}

static void check_bytes(const char *bytes, size_t size, unsigned int minor,
			const struct question *questions)
{
	_cleanup_(source_names_freep) struct source_names *names = source_names_parse(bytes, size,
										      minor);

	for (; questions->name; questions++)
		check_find(names, questions);
}

static void check(const char *text, unsigned int minor, const struct question *questions)
{
	check_bytes(text, strlen(text), minor, questions);
}

#define CHECK(text, minor, ...) \
	check(text, minor, (const struct question[]){ __VA_ARGS__, { NULL, 0, NULL } })

static void test_nesting(void **state)
{
	CHECK("class Outer:\n"
	      "    def method(self):\n"
	      "        def inner(): return [x for x in [lambda: 0]]\n"
	      "    x = [lambda: i for i in x]\n"
	      "def f(): pass\n",
	      8, { "Outer", 1, "Outer" }, { "method", 2, "Outer.method" },
	      { "inner", 3, "Outer.method.<locals>.inner" },
	      { "<listcomp>", 3, "Outer.method.<locals>.inner.<locals>.<listcomp>" },
	      { "<lambda>", 3, "Outer.method.<locals>.inner.<locals>.<lambda>" },
	      { "<listcomp>", 4, "Outer.<listcomp>" },
	      { "<lambda>", 4, "Outer.<listcomp>.<lambda>" }, { "f", 5, "f" });
}

static void test_not_there(void **state)
{
	CHECK("def f(): pass\n\nclass g: pass\n", 8, { "f", 2, NULL }, { "f", 0, NULL },
	      { "f", UINT32_MAX, NULL }, { "g", 1, NULL }, { "", 1, NULL }, { "(", 1, NULL },
	      { "<lambda>", 1, NULL }, { "<module>", 1, "<module>" },
	      { "<module>", 3, "<module>" });
}

static void test_global(void **state)
{
	CHECK("def f():\n"
	      "    global g, C\n"
	      "    def g(): return lambda: 0\n"
	      "    class C:\n"
	      "        def g(self): pass\n",
	      8, { "g", 3, "g" }, { "<lambda>", 3, "g.<locals>.<lambda>" }, { "C", 4, "C" },
	      { "g", 5, "C.g" });
}

static void test_first_of_a_line(void **state)
{
	CHECK("def f(): return [[y for y in x] for x in z], [q for q in z]\n", 8,
	      { "<listcomp>", 1, "f.<locals>.<listcomp>" });
}

static void test_decorators(void **state)
{
	static const char text[] = "@ \\\n a\n@b(\n lambda: 0)\n\n# c\ndef f(): pass\n"
				   "@a\nx = 1\ndef g(): pass\n@a\nasync def h(): pass\n";

	CHECK(text, 7, { "f", 1, "f" }, { "<lambda>", 4, "<lambda>" }, { "g", 10, "g" },
	      { "h", 11, "h" });
	CHECK(text, 8, { "f", 2, "f" }, { "f", 1, NULL }, { "f", 7, NULL }, { "g", 10, "g" },
	      { "h", 11, "h" });
}

static void test_lines_of_comprehensions(void **state)
{
	static const char text[] = "a = [\n x for x in y]\nb = f(\n x for x in y)\n"
				   "c = {\n x for x in y}\nd = ['''\n''' for x in y]\n";

	CHECK(text, 7, { "<listcomp>", 2, "<listcomp>" }, { "<genexpr>", 4, "<genexpr>" },
	      { "<setcomp>", 5, "<setcomp>" }, { "<listcomp>", 8, "<listcomp>" });
	CHECK(text, 8, { "<listcomp>", 1, "<listcomp>" }, { "<genexpr>", 3, "<genexpr>" },
	      { "<setcomp>", 5, "<setcomp>" }, { "<listcomp>", 7, "<listcomp>" });
}

/* The second of adjacent strings. */
static void test_lines_in_formatted_strings(void **state)
{
	static const char text[] = "a = ('''\n'''\nf'{[x for x in y]}')\n";

	CHECK(text, 7, { "<listcomp>", 2, "<listcomp>" }, { "<listcomp>", 3, NULL });
	CHECK(text, 8, { "<listcomp>", 1, "<listcomp>" }, { "<listcomp>", 3, NULL });
	CHECK(text, 9, { "<listcomp>", 3, "<listcomp>" }, { "<listcomp>", 1, NULL });
}

static void test_line_ends(void **state)
{
	CHECK("class A:\r\n  def f():\\\r\n   pass\r  def g(): pass\n\r  def h(): pass", 8,
	      { "f", 2, "A.f" }, { "g", 4, "A.g" }, { "h", 6, "A.h" });
	CHECK("class A:\n\f  def f(): pass\n \f\tdef g(): pass\nclass B:\n\f\ndef h(): pass", 8,
	      { "f", 2, "A.f" }, { "g", 3, "A.f.<locals>.g" }, { "h", 6, "h" });
}

static void test_encodings(void **state)
{
	CHECK("\xef\xbb\xbf"
	      "def \xc3\xbc(): pass\n",
	      8, { "\xc3\xbc", 1, "\xc3\xbc" });
	CHECK("def \xc3\xbc(): pass\n", 8, { "\xc3\xbc", 1, "\xc3\xbc" });
	CHECK("# -*- coding: latin-1 -*-\ndef \xfc(): pass\n", 8, { "\xc3\xbc", 2, "\xc3\xbc" });
	CHECK("#!x\r# vim:fileencoding=ISO_8859-15:\rdef \xbd(): pass\n", 8,
	      { "\xc5\x93", 3, "\xc5\x93" });
	CHECK("\n# coding=koi8-r\nclass \xc1: pass\n", 8, { "\xd0\xb0", 3, "\xd0\xb0" });
	CHECK("# coding: utf_8\ndef \xc3\xbc(): pass\n", 8, { "\xc3\xbc", 2, "\xc3\xbc" });
	CHECK("# coding: shift_jis\nx = '\x95\x5c'; y = lambda: 0\n", 8,
	      { "<lambda>", 2, "<lambda>" });
}

/* Bytes are taken as they are. */
static void test_encodings_that_are_none(void **state)
{
	CHECK("x\n# coding: latin-1\ndef \xfc(): pass\n", 8, { "\xfc", 3, "\xfc" });
	CHECK("#\n#\n# coding: latin-1\ndef \xfc(): pass\n", 8, { "\xfc", 4, "\xfc" });
	CHECK("# coding: there-is-none\ndef f(): pass\n", 8, { "f", 2, "f" });
	CHECK("# coding:\ndef f(): pass\n", 8, { "f", 2, "f" });
	CHECK("# coding: a_name_that_is_longer_than_any_encoding_has\ndef f(): pass\n", 8,
	      { "f", 2, "f" });
	CHECK("# coding: ascii\ndef f(): '\xff'\n", 8, { "f", 2, "f" });
	CHECK("# coding", 8, { "f", 1, NULL });
}

static void test_broken_text(void **state)
{
	CHECK("def f(:\n  pass\n", 8, { "f", 1, "f" });
	CHECK("def f()\n  class g\n def h(): pass\n", 8, { "f", 1, "f" }, { "g", 2, "g" },
	      { "h", 3, "h" });
	CHECK("}])\ndef f(): pass\n", 8, { "f", 2, "f" });
	CHECK("def 1(): pass\ndef f(): pass\nclass", 8, { "f", 2, "f" });
	CHECK("x = 'a\ndef f(): pass\n", 8, { "f", 2, "f" });
	CHECK("x = '''a\ndef f(): pass\n", 8, { "f", 2, NULL });
	CHECK("f'{)}' ; def f(): f'{lambda", 8, { "f", 1, "f" });
	CHECK("f'{class A: lambda: 0' f'{{{' f'{x!' f'{x:{' f'\\N{' f'{\"'\ndef g(): pass", 8,
	      { "g", 2, "g" });
	check_bytes("def f\0(): pass\ndef g(): pass\n", 30, 8,
		    (const struct question[]){ { "g", 2, "g" }, { 0 } });
	check_bytes(NULL, 0, 8, (const struct question[]){ { "f", 1, NULL }, { 0 } });
	check_bytes("f'", 2, 8, (const struct question[]){ { "f", 1, NULL }, { 0 } });
	check_bytes("\\", 1, 8, (const struct question[]){ { "f", 1, NULL }, { 0 } });
}

/* What comes before the limit is there. */
static void test_deep_nesting(void **state)
{
	size_t size = 1 << 20;
	_cleanup_(freep) char *text = xmalloc(size);
	static const char head[] = "def f(): lambda: 0\n";

	memset(text, '(', size);
	memcpy(text, head, sizeof(head) - 1);
	check_bytes(text, size, 8,
		    (const struct question[]){ { "<lambda>", 1, "f.<locals>.<lambda>" }, { 0 } });
	for (size_t at = sizeof(head) - 1; at + 7 < size; at += 7)
		memcpy(text + at, "lambda:", 7);
	check_bytes(text, size, 8,
		    (const struct question[]){ { "<lambda>", 2, "<lambda>" }, { 0 } });
}

static void test_long_names(void **state)
{
	static char name[QUALIFIED_NAME_MAX_BYTES + 1];
	_cleanup_(freep) char *text = NULL, *qualified = NULL;

	memset(name, 'a', QUALIFIED_NAME_MAX_BYTES);
	text = xasprintf("def %sa(): pass\ndef %s():\n lambda: 0\nclass %s:\n f = lambda: 0\n",
			 name, name, name + 9);
	qualified = xasprintf("%s.<lambda>", name + 9);
	CHECK(text, 8, { name, 2, name }, { "<lambda>", 3, NULL }, { "<lambda>", 5, qualified });
	text[4 + QUALIFIED_NAME_MAX_BYTES + 1] = 0;
	CHECK("", 8, { text + 4, 1, NULL });
}

static int temporary_file(const char *text)
{
	char path[] = "/tmp/memprobe_names_XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void test_read(void **state)
{
	_cleanup_(source_names_freep) struct source_names *names = NULL;
	_cleanup_(closep) int fd = temporary_file("class A:\n  def f(self): pass\n");

	assert_int_equal(source_names_read(fd, 8, &names), 0);
	assert_string_equal(source_names_find(names, "f", 2), "A.f");
	assert_string_equal(source_names_find(names, "f", 2), "A.f");
}

static void test_read_fails(void **state)
{
	struct source_names *names = NULL;
	_cleanup_(closep) int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closep) int large = temporary_file("x");

	assert_int_equal(source_names_read(-1, 8, &names), -EBADF);
	assert_int_equal(source_names_read(directory, 8, &names), -EINVAL);
	assert_int_equal(ftruncate(large, SOURCE_MAX_BYTES + 1), 0);
	assert_int_equal(source_names_read(large, 8, &names), -EFBIG);
	assert_null(names);
	source_names_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_global),
		cmocka_unit_test(test_first_of_a_line),
		cmocka_unit_test(test_decorators),
		cmocka_unit_test(test_lines_of_comprehensions),
		cmocka_unit_test(test_lines_in_formatted_strings),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_encodings_that_are_none),
		cmocka_unit_test(test_broken_text),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
