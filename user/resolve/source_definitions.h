/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What in a source file becomes a code object: functions, classes, lambdas and comprehensions, with
 * the first line that CPython 3.6 to 3.10 gives them. Lines were compared with those of compiled
 * standard libraries (tests/property/source_names.py):
 *
 *   def, class       its own line; decorated, the first decorator's: of its `@` until 3.7, of what
 *                    follows the `@` from 3.8 on
 *   lambda           the keyword's
 *   {...}            the brace's
 *   [...], (...)     the bracket's from 3.8 on; before, its first token's, a string's last line
 *
 * Within f-strings expressions are compiled apart and their lines corrected afterwards. That fails
 * until 3.8 for what is not found as `{expression}` in the first of adjacent strings, which then
 * counts from that string's first (3.8) or last line (3.6, 3.7). Of two same expressions on
 * different lines of one f-string both are on the first's; here each is on its own.
 */
#ifndef MEMPROBE_SOURCE_DEFINITIONS_H
#define MEMPROBE_SOURCE_DEFINITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "string_pool.h"

#define NO_DEFINITION UINT32_MAX /* as the parent: the module */

enum definition_kind {
	DEFINITION_NONE, /* brackets around definitions, no scope */
	DEFINITION_CLASS,
	DEFINITION_FUNCTION, /* def, lambda */
	DEFINITION_COMPREHENSION,
};

/* Parents have smaller indices than what they contain. */
struct definition {
	enum definition_kind kind;
	uint32_t name;	 /* in the pool */
	uint32_t parent; /* whose scope it stands in */
	uint32_t line;
	bool is_global; /* declared so in the scope of its parent */
};

/* Zeroed is empty. Owns all. */
struct definitions {
	struct string_pool names;
	struct definition *list;
	size_t count, capacity;
};

/* Of UTF-8 text, for Python 3.`python_minor`, in the order of the text. Ends early where brackets
 * and blocks are nested more deeply than CPython compiles. */
struct definitions source_definitions_of(const char *text, size_t size, unsigned int python_minor);
void source_definitions_clear(struct definitions *definitions);

#endif
