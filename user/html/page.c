/* SPDX-License-Identifier: BSD-2-Clause */
/* See page.h. */
#include "page.h"

#include <errno.h>
#include <zlib.h>

#include "memory.h"

bool page_is_there(void)
{
	return page_head.size;
}

void page_write(const struct page_part *part, struct sink *sink)
{
	_cleanup_(freep) unsigned char *text = xmalloc(part->size + 1);
	uLongf size = part->size;

	if (uncompress(text, &size, part->packed, part->packed_size) == Z_OK)
		sink_bytes(sink, text, size);
	else if (!sink->error)
		sink->error = -ENOMEM;
}
