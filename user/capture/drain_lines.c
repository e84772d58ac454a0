/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of code objects. One site of the profile can be many code objects: what an exec() compiles
 * anew, or one file run by two versions of Python. They share the file, the name and the first
 * line, but each has a line table of its own, so a line is looked up in the table of the code
 * object that ran, and rows are brought together by the line that was found.
 */
#include "drain_lines.h"

#include "line_table.h"

uint32_t drain_lines_add(const struct drain_base *base, const struct line_bytes *table)
{
	if (!table->size || !base->has_lines)
		return 0;
	return profile_find_blob(base->profile, table->bytes, table->size);
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
