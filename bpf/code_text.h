/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a text of a code object begins: enough to tell a name that is looked for. */
#ifndef MEMPROBE_CODE_TEXT_H
#define MEMPROBE_CODE_TEXT_H

#include "thread_state.h"

/* The first characters of a compact ASCII str. */
static __always_inline __u64 str_begin(const struct wire_layout *layout, __u64 code,
				       __u32 code_field)
{
	__u64 str = 0, begin = 0;

	read_user(&str, sizeof(str), code + code_field);
	read_user(&begin, sizeof(begin), str + layout->str_ascii_data);
	return begin;
}

#define TEXT8(a, b, c, d, e, f, g, h)                                                            \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

#endif
