/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source text of arbitrary bytes; the first byte of an input chooses the version of Python.
 * Whatever a definition is called, its qualified name ends with that.
 */
#include "fuzz_target.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "source_names.h"

#define LINES_ASKED 64

static const char *const sources[] = {
	"class A:\n def f(self, x=lambda: 0) -> 1:\n  return [x for x in y if {z: 1 for z in x}]\n",
	"@a\n@b(lambda x=lambda: 0: x)\nasync def f():\n\tglobal g, h\n\tdef g(): pass\n\tclass h: "
	"x = 1\n",
	"def f():\n f'{a!r:{[x for x in y]}}' f'''{{\n{(lambda: f\"{x}\")}'''\n",
	"# coding: latin-1\nclass \xfc: x = lambda: (0x1for x in '''\n'''); y = {1, 2}\n",
	"\xef\xbb\xbfif x: global f\nelse:\f y = r'\\''\\\n + b\"\"\r\ndef f(\n): pass\r",
	"def f():\n\tfor x in lambda: 0, [(y) for y in z for z in (lambda: x)]:\n\t\tdef f(): "
	"...\n",
};

/* Asks for each word of the text at all of its first lines. */
static void ask(struct source_names *names, const char *name, size_t length)
{
	for (uint32_t line = 0; line < LINES_ASKED; line++) {
		const char *qualified = source_names_find(names, name, line);
		size_t size = qualified ? strlen(qualified) : 0;

		if (qualified && (size < length || strcmp(qualified + size - length, name))) {
			fprintf(stderr, "fuzz_source_names: '%s' is '%s'\n", name, qualified);
			abort();
		}
	}
}

static void ask_words(struct source_names *names, const uint8_t *bytes, size_t size)
{
	static const char delimiters[] = " \t\f\r\n:;,.()[]{}'\"\\=@";
	_cleanup_(freep) char *text = xstrndup((const char *)bytes, size);
	char *rest = text, *word;

	while ((word = strsep(&rest, delimiters)))
		ask(names, word, strlen(word));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	_cleanup_(source_names_freep) struct source_names *names = NULL;

	if (!size)
		return 0;
	names = source_names_parse((const char *)bytes + 1, size - 1, 6 + *bytes % 5);
	ask(names, "<lambda>", 8);
	ask(names, "<listcomp>", 10);
	ask(names, "<genexpr>", 9);
	ask_words(names, bytes + 1, size - 1);
	return 0;
}

uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	char *text;

	if (number >= 5 * ARRAY_SIZE(sources))
		return NULL;
	text = xasprintf("%c%s", (char)(1 + number % 5), sources[number / 5]);
	*ret_size = strlen(text);
	return (uint8_t *)text;
}
