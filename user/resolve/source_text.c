/* SPDX-License-Identifier: BSD-2-Clause */
/* Encodings of source files; see source_text.h. */
#include "source_text.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>

#include "memory.h"

#define ENCODING_NAME_BYTES 32
#define OUTPUT_BYTES_MIN 64

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static bool is_of_encoding_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

static char normal(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return c == '_' ? '-' : c;
}

/* The name in lower case with hyphens, as most are known to the C library. */
static bool take_encoding_name(const char *at, const char *end, char *ret_name)
{
	size_t length = 0;

	while (at < end && is_blank(*at))
		at++;
	for (; at < end && is_of_encoding_name(*at); at++) {
		if (length + 1 == ENCODING_NAME_BYTES)
			return false;
		ret_name[length++] = normal(*at);
	}
	ret_name[length] = 0;
	return length > 0;
}

static bool find_encoding_of_comment(const char *at, const char *end, char *ret_name)
{
	static const char word[] = "coding";
	const size_t length = sizeof(word) - 1;

	for (; (size_t)(end - at) > length; at++) {
		if (memcmp(at, word, length) != 0 || (at[length] != ':' && at[length] != '='))
			continue;
		if (take_encoding_name(at + length + 1, end, ret_name))
			return true;
	}
	return false;
}

static const char *find_line_end(const char *at, const char *end)
{
	while (at < end && *at != '\n' && *at != '\r')
		at++;
	return at;
}

/* A second line counts only below a blank one or a comment. */
static bool find_encoding(const char *at, const char *end, char *ret_name)
{
	for (int line = 0; line < 2; line++) {
		const char *line_end = find_line_end(at, end);

		while (at < line_end && is_blank(*at))
			at++;
		if (at < line_end && *at != '#')
			return false;
		if (find_encoding_of_comment(at, line_end, ret_name))
			return true;
		at = line_end;
		if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
			at++;
		if (at < end)
			at++;
	}
	return false;
}

/* What Python and the C library call differently; NULL: UTF-8. */
static const char *iconv_name(const char *name)
{
	static const char *const names[][2] = {
		{ "latin-1", "ISO-8859-1" },
		{ "iso-latin-1", "ISO-8859-1" },
		{ "mac-roman", "MACINTOSH" },
	};

	if (!strncmp(name, "utf-8", 5) || !strcmp(name, "utf8"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i][0], name))
			return names[i][1];
	}
	return name;
}

static bool convert(iconv_t conversion, const struct source_text *from, struct source_text *ret)
{
	char *in = (char *)from->text;
	size_t in_left = from->size, capacity = 0, size = 0, done;

	do {
		char *out;
		size_t out_left;

		ret->owned = array_reserve(ret->owned, &capacity, size + OUTPUT_BYTES_MIN + in_left,
					   1);
		out = ret->owned + size;
		out_left = capacity - size;
		done = iconv(conversion, &in, &in_left, &out, &out_left);
		size = (size_t)(out - ret->owned);
	} while (done == (size_t)-1 && errno == E2BIG);
	ret->text = ret->owned;
	ret->size = size;
	return done != (size_t)-1;
}

/* Replaces the text by what it is in UTF-8, if that can be said. */
static void decode_from(const char *encoding, struct source_text *text)
{
	struct source_text converted = { 0 };
	iconv_t conversion = iconv_open("UTF-8", encoding);

	if (conversion == (iconv_t)-1)
		return;
	if (convert(conversion, text, &converted))
		*text = converted;
	else
		source_text_clear(&converted);
	iconv_close(conversion);
}

struct source_text source_text_decode(const char *bytes, size_t size)
{
	struct source_text text = { bytes, size, NULL };
	char name[ENCODING_NAME_BYTES];
	const char *encoding;

	if (size >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3))
		return (struct source_text){ bytes + 3, size - 3, NULL };
	if (!find_encoding(bytes, bytes + size, name))
		return text;
	encoding = iconv_name(name);
	if (encoding)
		decode_from(encoding, &text);
	return text;
}

void source_text_clear(struct source_text *text)
{
	free(text->owned);
	*text = (struct source_text){ 0 };
}
