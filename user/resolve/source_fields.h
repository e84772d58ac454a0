/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The expressions within an f-string, as CPython 3.6 to 3.11 cuts them out: Python/ast.c
 * fstring_find_literal, fstring_find_expr. There they hold no quote of the string's own kind, no
 * backslash and no comment, and colons and exclamation marks outside of brackets end them.
 */
#ifndef MEMPROBE_SOURCE_FIELDS_H
#define MEMPROBE_SOURCE_FIELDS_H

#include "source_tokens.h"

/* Of one f-string; borrows its text. */
struct source_fields {
	const char *at, *end;
	uint32_t line;	/* of `at` */
	uint32_t depth; /* of format specifications around `at` */
	bool is_raw;
};

struct source_field {
	const char *expression;
	size_t length;
	uint32_t line;	/* of the brace before it */
	bool is_simple; /* in braces, with no conversion, specification or `=` */
};

struct source_fields source_fields_of(const struct token *string);
/* The next expression, false: none. One within a specification comes after the one it is of. */
bool source_fields_next(struct source_fields *fields, struct source_field *ret_field);

#endif
