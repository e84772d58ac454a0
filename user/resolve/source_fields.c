/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions within f-strings; see source_fields.h. */
#include "source_fields.h"

#include <string.h>

struct source_fields source_fields_of(const struct token *string)
{
	return (struct source_fields){
		.at = string->text + string->content_at,
		.end = string->text + string->content_at + string->content_length,
		.line = string->line,
		.is_raw = memchr(string->text, 'r', 2) || memchr(string->text, 'R', 2),
	};
}

static bool is_at(const struct source_fields *fields, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(fields->end - fields->at) >= length && !memcmp(fields->at, text, length);
}

static void step(struct source_fields *fields)
{
	size_t length = source_line_end(fields->at, fields->end);

	fields->line += length > 0;
	fields->at += length ? length : 1;
}

/* \N{LATIN SMALL LETTER A} is no field. */
static void skip_named_character(struct source_fields *fields)
{
	while (fields->at < fields->end && *fields->at != '}')
		step(fields);
}

/* To behind the brace that opens a field. False: there is none. Doubled braces stand for
 * themselves, but not in a specification. */
static bool skip_literal(struct source_fields *fields)
{
	while (fields->at < fields->end) {
		if (!fields->depth && (is_at(fields, "{{") || is_at(fields, "}}"))) {
			fields->at += 2;
		} else if (is_at(fields, "{")) {
			fields->at++;
			return true;
		} else if (!fields->is_raw && is_at(fields, "\\N{")) {
			skip_named_character(fields);
		} else {
			fields->depth -= fields->depth && is_at(fields, "}");
			step(fields);
		}
	}
	return false;
}

static void skip_quoted(struct source_fields *fields)
{
	char quote[4] = { *fields->at, *fields->at, *fields->at, 0 };

	if (!is_at(fields, quote))
		quote[1] = 0;
	fields->at += strlen(quote);
	while (fields->at < fields->end && !is_at(fields, quote))
		step(fields);
	if (fields->at < fields->end)
		fields->at += strlen(quote);
}

/* Outside of brackets; `!=`, `==`, `<=` and `>=` belong to the expression. */
static bool ends_expression(struct source_fields *fields)
{
	static const char *const comparisons[] = { "!=", "==", "<=", ">=" };

	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
		if (is_at(fields, comparisons[i])) {
			fields->at++;
			return false;
		}
	}
	return *fields->at && strchr("!:}=", *fields->at);
}

static void skip_expression(struct source_fields *fields)
{
	size_t brackets = 0;

	while (fields->at < fields->end) {
		char c = *fields->at;

		if (c == '"' || c == '\'') {
			skip_quoted(fields);
			continue;
		}
		if (!brackets && ends_expression(fields))
			return;
		if (c == '(' || c == '[' || c == '{')
			brackets++;
		else if ((c == ')' || c == ']' || c == '}') && brackets)
			brackets--;
		step(fields);
	}
}

/* What stands between the expression and the specification or the closing brace. */
static void skip_conversion(struct source_fields *fields)
{
	while (fields->at < fields->end && *fields->at != ':' && *fields->at != '}')
		step(fields);
	if (fields->at == fields->end)
		return;
	fields->depth += *fields->at == ':';
	fields->at++;
}

bool source_fields_next(struct source_fields *fields, struct source_field *ret_field)
{
	struct source_field field;

	if (!skip_literal(fields))
		return false;
	field.expression = fields->at;
	field.line = fields->line;
	skip_expression(fields);
	field.length = (size_t)(fields->at - field.expression);
	field.is_simple = is_at(fields, "}");
	skip_conversion(fields);
	*ret_field = field;
	return true;
}
