/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tokens of Python source, as far as the nesting of definitions needs them: Parser/tokenizer.c of
 * CPython 3.6 to 3.10. Numbers and operators are not told apart, an f-string is one string. Any
 * bytes give tokens.
 */
#ifndef MEMPROBE_SOURCE_TOKENS_H
#define MEMPROBE_SOURCE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NEWLINE, /* the end of a logical line; blank ones have none */
	TOKEN_NAME,    /* keywords too */
	TOKEN_STRING,
	TOKEN_OTHER, /* one character of an operator, `:=`, or a number */
};

/* Borrows the text. */
struct token {
	enum token_kind kind;
	const char *text;
	size_t length;
	uint32_t line, end_line; /* of its first and its last character */
	size_t content_at;	 /* of a string: what is between the quotes */
	size_t content_length;
	bool is_formatted; /* a string with f */
};

struct source_scanner {
	const char *at, *end;
	uint32_t line;	 /* of `at` */
	uint32_t indent; /* column of the first token of the logical line */
	uint32_t depth;	 /* of brackets: within them lines do not end */
	bool is_line_start;
};

struct source_scanner source_scanner_of_file(const char *text, size_t size);
/* Of a part of a file that is one expression, in which lines do not end. */
struct source_scanner source_scanner_of_part(const char *text, size_t size, uint32_t line);
struct token source_scanner_next(struct source_scanner *scanner);

/* The length of an end of line, 0: there is none. \r\n is one, and a lone \r too. */
size_t source_line_end(const char *at, const char *end);
bool token_is(const struct token *token, const char *text);

#endif
