/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page that reports are looked at in: markup, style and script as one text with a place for
 * what was measured, made by build.mjs and kept compressed in the program. It is missing where npm
 * was when the program was built.
 */
#ifndef MEMPROBE_PAGE_H
#define MEMPROBE_PAGE_H

#include <stdbool.h>

#include "sink.h"

/* A text, as zlib packs it. */
struct page_part {
	const unsigned char *packed;
	size_t packed_size, size;
};

/* Before and after the place; of no bytes where there is no page. */
extern const struct page_part page_head, page_tail;

bool page_is_there(void);
void page_write(const struct page_part *part, struct sink *sink);

#endif
