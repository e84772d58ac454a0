/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text in lines of so many columns. It is inert (terminal.h) but for colours, which take no
 * column; what East Asian writing uses takes two.
 */
#ifndef MEMPROBE_TEXT_COLUMNS_H
#define MEMPROBE_TEXT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

size_t text_columns(const char *text, size_t size);

/* A copy that takes at most so many columns, `…` for what is missing in its middle, of which the
 * end has more: a name stands there. The last colour of what is missing stays. The caller frees it.
 */
char *text_shorten(const char *text, size_t columns);

/* A line that is being parted at its blanks. What follows the first part is farther in than it. */
struct text_wrap {
	const char *at, *end;
	size_t columns, indent;
	bool has_begun;
};

struct text_wrap text_wrap_begin(const char *line, size_t size, size_t columns);
/* The next part: its bytes, and how many blanks stand before. False: that was all. A word that is
 * longer than a line has one of its own, as long as it is. */
bool text_wrap_next(struct text_wrap *wrap, const char **ret_part, size_t *ret_size,
		    size_t *ret_indent);

#endif
