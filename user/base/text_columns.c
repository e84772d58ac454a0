/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting and parting; see text_columns.h. */
#include "text_columns.h"

#include <string.h>

#include "memory.h"
#include "terminal.h"

#define ELLIPSIS "…"
#define CONTINUED 4 /* blanks more than the line's own */

/* Wide and fullwidth, as in Unicode's EastAsianWidth.txt, by blocks; and emoji. */
static bool is_wide(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} wide[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },
		{ 0xa960, 0xa97c },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
		{ 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
		{ 0x16fe0, 0x18cff }, { 0x1aff0, 0x1b2ff }, { 0x1f300, 0x1f64f },
		{ 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wide); i++) {
		if (character >= wide[i].first && character <= wide[i].last)
			return true;
	}
	return false;
}

/* Bytes of what stands at `text`, a character or a colour, and the columns that it takes. */
static size_t step(const char *text, const char *end, size_t *ret_columns)
{
	char piece[5] = "";
	size_t left = (size_t)(end - text);
	uint32_t character;

	*ret_columns = 0;
	if (text[0] == '\033') {
		const char *last = memchr(text, 'm', left);

		return last ? (size_t)(last - text) + 1 : left;
	}
	memcpy(piece, text, left < sizeof(piece) - 1 ? left : sizeof(piece) - 1);
	left = utf8_decode(piece, &character);
	*ret_columns = is_wide(character) ? 2 : 1;
	return left;
}

size_t text_columns(const char *text, size_t size)
{
	const char *end = text + size;
	size_t columns = 0, more;

	while (text < end) {
		text += step(text, end, &more);
		columns += more;
	}
	return columns;
}

/* Bytes from the beginning on that take at most so many columns. */
static size_t fitting(const char *text, const char *end, size_t columns)
{
	const char *at = text;

	while (at < end) {
		size_t more, size = step(at, end, &more);

		if (more > columns)
			break;
		columns -= more;
		at += size;
	}
	return (size_t)(at - text);
}

char *text_shorten(const char *text, size_t columns)
{
	const char *end = text + strlen(text), *tail = text, *color = "";
	size_t all = text_columns(text, (size_t)(end - text)), head = columns / 3, dropped = 0;
	size_t color_size = 0;

	if (all <= columns || !columns)
		return xstrdup(text);
	head = fitting(text, end, head);
	while (tail < end && all - dropped > columns - 1 - text_columns(text, head)) {
		size_t more, size = step(tail, end, &more);

		if (*tail == '\033' && tail >= text + head) {
			color = tail;
			color_size = size;
		}
		tail += size;
		dropped += more;
	}
	return xasprintf("%.*s" ELLIPSIS "%.*s%s", (int)head, text, (int)color_size, color, tail);
}

struct text_wrap text_wrap_begin(const char *line, size_t size, size_t columns)
{
	return (struct text_wrap){ .at = line, .end = line + size, .columns = columns };
}

/* Where the part ends that begins at `from`: at the last blank that fits, or the first of all. */
static const char *find_break(const char *from, const char *end, size_t columns)
{
	const char *limit = from + fitting(from, end, columns), *blank = limit;

	if (limit == end)
		return end;
	while (blank > from && *blank != ' ')
		blank--;
	if (blank > from)
		return blank;
	blank = memchr(limit, ' ', (size_t)(end - limit));
	return blank ? blank : end;
}

bool text_wrap_next(struct text_wrap *wrap, const char **ret_part, size_t *ret_size,
		    size_t *ret_indent)
{
	const char *begin = wrap->at, *end;

	if (wrap->has_begun && begin == wrap->end)
		return false;
	while (begin < wrap->end && *begin == ' ')
		begin++;
	if (!wrap->has_begun) {
		wrap->indent = (size_t)(begin - wrap->at);
	} else if (begin == wrap->end) {
		return false;
	}
	*ret_indent = wrap->indent + (wrap->has_begun ? CONTINUED : 0);
	if (*ret_indent > wrap->columns / 2)
		*ret_indent = wrap->has_begun ? wrap->columns / 2 : wrap->indent;
	wrap->has_begun = true;
	end = find_break(begin, wrap->end,
			 wrap->columns > *ret_indent ? wrap->columns - *ret_indent : 1);
	wrap->at = end;
	while (end > begin && end[-1] == ' ' && wrap->at != wrap->end)
		end--;
	*ret_part = begin;
	*ret_size = (size_t)(end - begin);
	return true;
}
