/* SPDX-License-Identifier: BSD-2-Clause */
/* A census in some lines for people; see report_census.h. */
#include "report_census.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "report.h"
#include "report_number.h"

#define MAX_TYPES 15
#define MAX_LARGEST 10
#define MAX_CHANGES 15
#define LEAST_PART 100 /* of all bytes: a row that has less is not shown */
#define NS_PER_MS 1e6
#define NS_PER_S 1e9

static uint64_t all_bytes(const struct census *census)
{
	return census->bytes + census->buffer_bytes;
}

static const char *text_of(const struct census *census, uint32_t id)
{
	return string_pool_get(&census->strings, id);
}

/* ---- Head ---- */

const char *report_census_kind(enum census_holder_kind kind)
{
	static const char *const words[NR_CENSUS_HOLDER_KINDS] = {
		[CENSUS_GARBAGE] = "cycles that nothing refers to: the collector would free them",
		[CENSUS_C_CODE] = "held by C code, or lost by it",
		[CENSUS_INTERNED] = "interned strings, modules, codecs",
		[CENSUS_THREAD] = "what the thread's state holds",
	};

	return words[kind] ? words[kind] : "";
}

/* What nothing that was read refers to nobody knows of. */
static void write_quality(const struct census *census, struct sink *sink)
{
	uint64_t seen = census->objects + census->unreadable_objects;

	if (census->unreadable_objects)
		sink_printf(sink,
			    "  %.1f %% more were unreadable: they changed meanwhile, or are not in "
			    "memory\n",
			    100.0 * (double)census->unreadable_objects / (double)seen);
	if (census->cut)
		sink_text(sink, "  Cut short, by the time or the memory for it: the figures are "
				"lower bounds\n");
	if (census->frozen_ns)
		sink_printf(sink, "  The process was stopped for %.1f ms\n",
			    (double)census->frozen_ns / NS_PER_MS);
}

static void write_head(const struct census *census, struct sink *sink)
{
	sink_printf(sink, "Objects: %" PRIu64 " in ", census->objects);
	report_mb(sink, 0, (int64_t)all_bytes(census));
	sink_text(sink, " MB, ");
	report_mb(sink, 0, (int64_t)census->buffer_bytes);
	sink_printf(sink, " MB of it buffers (%" PRIu64 " tracked by the collector)\n",
		    census->tracked);
	write_quality(census, sink);
}

/* ---- Tables ---- */

static void write_type_name(const struct census *census, uint32_t id, struct sink *sink)
{
	const struct census_type *type;
	const char *module;

	if (id == CENSUS_NONE) {
		sink_text(sink, "another type");
		return;
	}
	type = &census->types[id];
	module = text_of(census, type->module);
	if (*module && strcmp(module, "builtins") != 0) {
		report_escaped(sink, module);
		sink_text(sink, ".");
	}
	report_escaped(sink, text_of(census, type->name));
}

static void write_types(const struct census *census, struct sink *sink)
{
	uint64_t rest_bytes = all_bytes(census), rest_objects = census->objects;
	uint32_t count = census->nr_types < MAX_TYPES ? census->nr_types : MAX_TYPES;

	sink_text(sink, "      MB  with buffers       objects  type\n");
	for (uint32_t i = 0; i < count; i++) {
		const struct census_type *type = &census->types[i];

		report_mb(sink, 8, (int64_t)type->bytes);
		report_mb(sink, 14, (int64_t)(type->bytes + type->buffer_bytes));
		sink_printf(sink, "%14" PRIu64 "  ", type->objects);
		write_type_name(census, i, sink);
		sink_text(sink, "\n");
		rest_bytes -= type->bytes + type->buffer_bytes;
		rest_objects -= type->objects;
	}
	if (census->nr_types <= count)
		return;
	report_mb(sink, 22, (int64_t)rest_bytes);
	sink_printf(sink, "%14" PRIu64 "  %" PRIu32 " other %s\n", rest_objects,
		    census->nr_types - count, census->nr_types == count + 1 ? "type" : "types");
}

static unsigned int depth_of(const struct census *census, uint32_t holder)
{
	unsigned int depth = 0;

	for (holder = census->holders[holder].parent; holder != CENSUS_NONE;
	     holder = census->holders[holder].parent)
		depth++;
	return depth;
}

static bool is_shown(const struct census *census, const struct census_holder *row)
{
	return row->bytes >= all_bytes(census) / LEAST_PART || row->kind == CENSUS_GARBAGE ||
	       row->kind == CENSUS_C_CODE;
}

static void write_holder(const struct census *census, uint32_t id, struct sink *sink)
{
	const struct census_holder *row = &census->holders[id];
	const char *kind = row->parent == CENSUS_NONE ? report_census_kind(row->kind) : "";

	report_mb_share(sink, (int64_t)row->bytes, (int64_t)all_bytes(census));
	sink_printf(sink, "%12" PRIu64 "  ", row->objects);
	sink_fill(sink, ' ', 2UL * depth_of(census, id));
	report_escaped(sink, census_holder_name(census, id));
	if (*kind)
		sink_printf(sink, " (%s)", kind);
	if (row->shared_bytes >= all_bytes(census) / LEAST_PART && row->shared_bytes) {
		sink_text(sink, " (");
		report_mb(sink, 0, (int64_t)row->shared_bytes);
		sink_text(sink, " MB shared with others)");
	}
	sink_text(sink, "\n");
}

static void write_holders(const struct census *census, struct sink *sink)
{
	if (!census->nr_holders)
		return;
	sink_text(sink, "  Held by:\n");
	for (uint32_t i = 0; i < census->nr_holders; i++)
		if (is_shown(census, &census->holders[i]))
			write_holder(census, i, sink);
}

static void write_largest(const struct census *census, struct sink *sink)
{
	uint32_t count = census->nr_largest < MAX_LARGEST ? census->nr_largest : MAX_LARGEST;

	if (count)
		sink_text(sink, "  Largest:\n");
	for (uint32_t i = 0; i < count; i++) {
		const struct census_object *object = &census->largest[i];

		sink_text(sink, "  ");
		report_mb(sink, 7, (int64_t)object->bytes);
		sink_text(sink, " MB  ");
		write_type_name(census, object->type, sink);
		if (*text_of(census, object->look)) {
			sink_text(sink, " ");
			report_escaped(sink, text_of(census, object->look));
		}
		if (object->holder != CENSUS_NONE) {
			_cleanup_(freep) char *path = census_holder_path(census, object->holder);

			sink_text(sink, "  in ");
			report_escaped(sink, path);
		}
		sink_text(sink, "\n");
	}
}

/* Without rows of holders nobody has looked for them. */
static void write_collect(const struct census *census, struct sink *sink)
{
	uint64_t bytes = 0, objects = 0;

	if (!census->nr_holders)
		return;
	for (uint32_t i = 0; i < census->nr_holders; i++) {
		const struct census_holder *row = &census->holders[i];

		if (row->kind != CENSUS_GARBAGE || row->parent != CENSUS_NONE)
			continue;
		bytes += row->bytes;
		objects += row->objects;
	}
	if (!objects) {
		sink_text(sink, "  gc.collect() would free nothing\n");
		return;
	}
	sink_text(sink, "  gc.collect() would free ");
	report_mb(sink, 0, (int64_t)bytes);
	sink_printf(sink, " MB in %" PRIu64 " %s\n", objects, objects == 1 ? "object" : "objects");
}

void report_census_write(const struct census *census, struct sink *sink)
{
	if (census->refused != CENSUS_NONE) {
		sink_text(sink, "Objects: not counted, ");
		report_escaped(sink, text_of(census, census->refused));
		sink_text(sink, "\n");
		return;
	}
	write_head(census, sink);
	write_types(census, sink);
	write_holders(census, sink);
	write_largest(census, sink);
	write_collect(census, sink);
}

/* ---- What grew ---- */

static void write_change(const struct census_diff *diff, const struct census_change *change,
			 struct sink *sink)
{
	report_mb_share(sink, change->bytes, diff->bytes);
	sink_printf(sink, "%+12" PRId64 "  ", change->objects);
	if (*change->module && strcmp(change->module, "builtins") != 0) {
		report_escaped(sink, change->module);
		sink_text(sink, ".");
	}
	report_escaped(sink, change->name);
	sink_text(sink, "\n");
}

/* They are sorted: what is below a hundredth of all growth, or shrank, comes last. */
static void write_changes(const struct census_diff *diff, const struct census_change *changes,
			  size_t count, struct sink *sink)
{
	for (size_t i = 0; i < count && i < MAX_CHANGES; i++) {
		if (changes[i].bytes <= 0 || changes[i].bytes < diff->bytes / LEAST_PART)
			break;
		write_change(diff, &changes[i], sink);
	}
}

void report_census_diff_write(const struct census_diff *diff, struct sink *sink)
{
	sink_text(sink, "Objects grew ");
	if (diff->elapsed_ns)
		sink_printf(sink, "in %.2f s ", (double)diff->elapsed_ns / NS_PER_S);
	sink_text(sink, "by ");
	report_mb(sink, 0, diff->bytes);
	sink_printf(sink, " MB, %+" PRId64 " %s%s\n", diff->objects,
		    llabs(diff->objects) == 1 ? "object" : "objects",
		    diff->is_bound ? " (one census was cut short)" : "");
	sink_text(sink, "  By type:\n");
	write_changes(diff, diff->types, diff->nr_types, sink);
	sink_text(sink, "  By holder:\n");
	write_changes(diff, diff->holders, diff->nr_holders, sink);
}
