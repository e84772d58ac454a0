/* SPDX-License-Identifier: BSD-2-Clause */
/* See demangle.h. libiberty is what binutils, gdb and perf read such names with. */
#include "demangle.h"

#include <libiberty/demangle.h>
#include <string.h>

struct text {
	char *bytes;
	size_t length, size;
};

static void append(const char *part, size_t length, void *context)
{
	struct text *text = context;
	size_t room = text->size - 1 - text->length;

	length = length < room ? length : room;
	memcpy(text->bytes + text->length, part, length);
	text->length += length;
}

bool demangle(const char *mangled, char *ret, size_t size)
{
	struct text text = { .bytes = ret, .size = size };
	bool is_one = false;

	/* First: to C++ the older names of Rust are its own. */
	if (!strncmp(mangled, "_R", 2) || !strncmp(mangled, "_ZN", 3))
		is_one = rust_demangle_callback(mangled, DMGL_NO_OPTS, append, &text);
	if (!is_one && !strncmp(mangled, "_Z", 2)) {
		text.length = 0;
		is_one = cplus_demangle_v3_callback(mangled, DMGL_NO_OPTS, append, &text);
	}
	ret[is_one ? text.length : 0] = '\0';
	return is_one && text.length;
}
