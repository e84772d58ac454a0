/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of code objects. One site of the profile can be many code objects: what an exec() compiles
 * anew, or one file run by two versions of Python. They share the file, the name and the first
 * line, but each has a line table of its own, so a line is looked up in the table of the code
 * object that ran, and rows are brought together by the line that was found.
 */
#include "drain_lines.h"

#include "line_table.h"

uint32_t drain_lines_add(const struct drain_base *base, uint32_t site_id, bool is_new,
			 const struct line_bytes *table)
{
	struct site *site = &base->profile->sites[site_id];
	uint32_t blob;

	/* The site keeps the first table that was seen; others are needed for their lines only. */
	if (!table->size || (!is_new && !base->has_lines))
		return 0;
	blob = profile_find_blob(base->profile, table->bytes, table->size);
	if (is_new)
		site->linetable = blob;
	return blob;
}

int32_t drain_lines_find(const struct drain_base *base, const struct known_site *known, uint32_t at)
{
	const struct blob *table = &base->profile->blobs[known->line_table];
	int32_t first = base->profile->sites[known->site].line;
	uint32_t offset;
	int line;

	if (!at)
		return first;
	offset = line_table_offset(known->version, (int32_t)(at - 1));
	line = line_table_find(known->version, table->bytes, table->size, first, offset);
	return line ? line : first;
}
