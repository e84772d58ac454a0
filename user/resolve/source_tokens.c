/* SPDX-License-Identifier: BSD-2-Clause */
/* Tokens of Python source; see source_tokens.h. */
#include "source_tokens.h"

#include <string.h>

#define TAB_COLUMNS 8 /* TABSIZE in Parser/tokenizer.c */
#define DEPTH_OF_PART (UINT32_MAX / 2)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool continues_name(char c)
{
	return starts_name(c) || is_digit(c);
}

size_t source_line_end(const char *at, const char *end)
{
	if (at == end || (*at != '\n' && *at != '\r'))
		return 0;
	return *at == '\r' && end - at >= 2 && at[1] == '\n' ? 2 : 1;
}

bool token_is(const struct token *token, const char *text)
{
	return token->length == strlen(text) && !memcmp(token->text, text, token->length);
}

struct source_scanner source_scanner_of_file(const char *text, size_t size)
{
	return (struct source_scanner){
		.at = text, .end = text + size, .line = 1, .is_line_start = true
	};
}

struct source_scanner source_scanner_of_part(const char *text, size_t size, uint32_t line)
{
	return (struct source_scanner){
		.at = text, .end = text + size, .line = line, .depth = DEPTH_OF_PART
	};
}

static char peek(const struct source_scanner *scanner, size_t distance)
{
	return (size_t)(scanner->end - scanner->at) > distance ? scanner->at[distance] : 0;
}

static bool skip_line_end(struct source_scanner *scanner)
{
	size_t length = source_line_end(scanner->at, scanner->end);

	scanner->at += length;
	scanner->line += length > 0;
	return length > 0;
}

static void skip_comment(struct source_scanner *scanner)
{
	if (peek(scanner, 0) != '#')
		return;
	while (scanner->at < scanner->end && !source_line_end(scanner->at, scanner->end))
		scanner->at++;
}

/* The column behind the spaces that `at` stands before. */
static uint32_t skip_indent(struct source_scanner *scanner)
{
	uint32_t column = 0;

	for (; scanner->at < scanner->end; scanner->at++) {
		if (*scanner->at == ' ')
			column++;
		else if (*scanner->at == '\t')
			column = (column / TAB_COLUMNS + 1) * TAB_COLUMNS;
		else if (*scanner->at == '\f')
			column = 0;
		else
			break;
	}
	return column;
}

/* To the first token of the next logical line. */
static void begin_line(struct source_scanner *scanner)
{
	do {
		scanner->indent = skip_indent(scanner);
		skip_comment(scanner);
	} while (skip_line_end(scanner));
	scanner->is_line_start = false;
}

static bool skip_continuation(struct source_scanner *scanner)
{
	if (peek(scanner, 0) != '\\' || !source_line_end(scanner->at + 1, scanner->end))
		return false;
	scanner->at++;
	return skip_line_end(scanner);
}

static void skip_space(struct source_scanner *scanner)
{
	do {
		skip_indent(scanner);
		skip_comment(scanner);
	} while (skip_continuation(scanner) || (scanner->depth && skip_line_end(scanner)));
}

/* `1if` and `0xfor` are a number and a name: no digit of the number is a letter of the name. */
static void skip_number(struct source_scanner *scanner)
{
	const char *digits = "0123456789_.";
	char base = (char)(peek(scanner, 1) | 0x20);

	if (peek(scanner, 0) == '0' && peek(scanner, 1) && strchr("xob", base)) {
		digits = base == 'x' ? "0123456789abcdefABCDEF_" : "01234567_";
		scanner->at += 2;
	}
	while (peek(scanner, 0) && strchr(digits, *scanner->at))
		scanner->at++;
	if ((peek(scanner, 0) | 0x20) == 'e' && is_digit(peek(scanner, 1)))
		scanner->at += 2;
	while (is_digit(peek(scanner, 0)))
		scanner->at++;
	if ((peek(scanner, 0) | 0x20) == 'j')
		scanner->at++;
}

/* A string between single quotes ends with its line, the file being wrong, as the tokenizer has it;
 * a backslash hides whatever follows it, in raw strings too. */
static void skip_string(struct source_scanner *scanner, struct token *token)
{
	const char *quote = scanner->at;
	size_t width = peek(scanner, 1) == *quote && peek(scanner, 2) == *quote ? 3 : 1;

	scanner->at += width;
	token->content_at = (size_t)(scanner->at - token->text);
	while (scanner->at < scanner->end) {
		if ((size_t)(scanner->end - scanner->at) >= width &&
		    !memcmp(scanner->at, quote, width)) {
			token->content_length = (size_t)(scanner->at - token->text) -
						token->content_at;
			scanner->at += width;
			return;
		}
		if (*scanner->at == '\\' && scanner->end - scanner->at >= 2)
			scanner->at++;
		else if (width == 1 && source_line_end(scanner->at, scanner->end))
			break;
		if (!skip_line_end(scanner))
			scanner->at++;
	}
	token->content_length = (size_t)(scanner->at - token->text) - token->content_at;
}

static bool is_string_prefix(const struct token *token)
{
	if (token->length > 2)
		return false;
	for (size_t i = 0; i < token->length; i++) {
		if (!strchr("rbufRBUF", token->text[i]))
			return false;
	}
	return true;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static void take_name(struct source_scanner *scanner, struct token *token)
{
	token->kind = TOKEN_NAME;
	while (scanner->at < scanner->end && continues_name(*scanner->at))
		scanner->at++;
	token->length = (size_t)(scanner->at - token->text);
	if (!is_quote(peek(scanner, 0)) || !is_string_prefix(token))
		return;
	token->kind = TOKEN_STRING;
	token->is_formatted = memchr(token->text, 'f', token->length) ||
			      memchr(token->text, 'F', token->length);
	skip_string(scanner, token);
}

static void take_other(struct source_scanner *scanner)
{
	char c = *scanner->at;

	if (is_digit(c)) {
		skip_number(scanner);
		return;
	}
	if (c == '(' || c == '[' || c == '{')
		scanner->depth++;
	else if ((c == ')' || c == ']' || c == '}') && scanner->depth)
		scanner->depth--;
	scanner->at += c == ':' && peek(scanner, 1) == '=' ? 2 : 1;
}

static void take_token(struct source_scanner *scanner, struct token *token)
{
	if (scanner->at == scanner->end) {
		token->kind = TOKEN_END;
	} else if (skip_line_end(scanner)) {
		token->kind = TOKEN_NEWLINE;
		scanner->is_line_start = true;
	} else if (starts_name(*scanner->at)) {
		take_name(scanner, token);
	} else if (is_quote(*scanner->at)) {
		token->kind = TOKEN_STRING;
		skip_string(scanner, token);
	} else {
		token->kind = TOKEN_OTHER;
		take_other(scanner);
	}
}

struct token source_scanner_next(struct source_scanner *scanner)
{
	struct token token = { 0 };

	if (scanner->is_line_start)
		begin_line(scanner);
	skip_space(scanner);
	token.text = scanner->at;
	token.line = scanner->line;
	take_token(scanner, &token);
	token.length = (size_t)(scanner->at - token.text);
	token.end_line = scanner->line;
	return token;
}
