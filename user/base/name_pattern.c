/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling names of outputs; see name_pattern.h. */
#include "name_pattern.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"

static bool is_place(const char *at)
{
	return at[0] == '%' && at[1] && strchr("pht%", at[1]);
}

bool name_pattern_is(const char *name)
{
	for (const char *at = strchr(name, '%'); at; at = strchr(at + 1, '%')) {
		if (is_place(at))
			return true;
	}
	return false;
}

/* A host's name becomes part of a file's, so that it leads into no other directory. */
static char *host_text(const char *host)
{
	char *text = xstrdup(host ? host : "");

	for (char *byte = strchr(text, '/'); byte; byte = strchr(byte, '/'))
		*byte = '_';
	return text;
}

static char *value_text(char place, const struct name_values *values)
{
	switch (place) {
	case 'p':
		return xasprintf("%" PRIu32, values->pid);
	case 'h':
		return host_text(values->host);
	case 't':
		return xasprintf("%" PRId64, values->time_s);
	default:
		return xstrdup("%");
	}
}

char *name_pattern_fill(const char *pattern, const struct name_values *values)
{
	char *text = xstrdup("");

	while (*pattern) {
		bool is_filled = is_place(pattern);
		_cleanup_(freep) char *piece = is_filled ? value_text(pattern[1], values)
							 : xstrndup(pattern, 1);
		char *longer = xasprintf("%s%s", text, piece);

		free(text);
		text = longer;
		pattern += is_filled ? 2 : 1;
	}
	return text;
}
