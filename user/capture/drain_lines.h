/* SPDX-License-Identifier: BSD-2-Clause */
/* Line tables of code objects, and lines in them. */
#ifndef MEMPROBE_DRAIN_LINES_H
#define MEMPROBE_DRAIN_LINES_H

#include "drain_base.h"
#include "known_site.h"

struct line_bytes {
	const void *bytes;
	uint32_t size;
};

/* Keeps the line table of a code object of this site, which is new in the profile or not. Returns
 * the blob, 0: none. */
uint32_t drain_lines_add(const struct drain_base *base, uint32_t site, bool is_new,
			 const struct line_bytes *table);
/* The line of an instruction, `at` as in wire_split: 0 is the begin of the function. */
int32_t drain_lines_find(const struct drain_base *base, const struct known_site *known,
			 uint32_t at);

#endif
