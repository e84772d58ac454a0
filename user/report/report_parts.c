/* SPDX-License-Identifier: BSD-2-Clause */
/* RSS in parts, a line each; see report_inside.h. */
#include "heap_parts.h"
#include "report_inside.h"
#include "report_number.h"

static bool is_counted(const struct census *census)
{
	return census && census->refused == CENSUS_NONE;
}

void report_parts_write(const struct heap_inside *inside, const struct census *census,
			struct sink *sink)
{
	int64_t parts[NR_HEAP_PARTS];

	if (!heap_parts_make(inside, census, parts))
		return;
	sink_text(sink, "  RSS in parts:\n");
	for (int part = 0; part < NR_HEAP_PARTS; part++) {
		if (!parts[part])
			continue;
		report_mb_share(sink, parts[part], (int64_t)inside->rss);
		sink_text(sink, heap_part_name(part, is_counted(census)));
		if (parts[part] < 0)
			sink_text(sink, ": blocks not touched yet, or swapped out");
		sink_text(sink, "\n");
	}
}

void report_parts_members(const struct heap_inside *inside, const struct census *census,
			  struct json_writer *json)
{
	int64_t parts[NR_HEAP_PARTS];

	if (!heap_parts_make(inside, census, parts))
		return;
	json_writer_key(json, "parts");
	json_writer_begin_object(json);
	for (int part = 0; part < NR_HEAP_PARTS; part++) {
		if (part == HEAP_PART_OBJECTS && !is_counted(census))
			json_writer_member_null(json, heap_part_key(part));
		else
			json_writer_member_integer(json, heap_part_key(part), parts[part]);
	}
	json_writer_end_object(json);
}
