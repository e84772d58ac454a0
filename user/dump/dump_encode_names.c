/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings, sites and objects as sections; see dump_section.h and docs/format.md. */
#include <string.h>

#include "dump_section.h"
#include "memory.h"

/* Of one section: its columns are read into memory. */
#define SITES_OF_A_SECTION 4096

void dump_encode_strings(struct dump_encoder *encoder)
{
	const struct dump_numbers *strings = &encoder->marks->strings;

	for (size_t i = strings->nr_written; i < strings->count; i++) {
		const char *text = profile_string(encoder->profile, strings->ids[i]);
		struct packed_bytes *to = dump_section_for(encoder, TAG_TEXTS);

		if (!to->size)
			packed_bytes_put_unsigned(to, i);
		packed_bytes_put(to, text, strlen(text) + 1);
	}
}

/* ---- Sites ---- */

/* What a column is counted from. */
struct columns {
	struct dump_encoder *encoder;
	const struct site *before; /* the site before in this section, NULL: there is none */
	uint32_t next_file, next_name;
};

static void put_file(struct columns *columns, const struct site *site)
{
	dump_put_new_or_known(&columns->encoder->section,
			      dump_numbers_get(&columns->encoder->marks->strings, site->file),
			      &columns->next_file);
}

static void put_name(struct columns *columns, const struct site *site)
{
	dump_put_new_or_known(&columns->encoder->section,
			      dump_numbers_get(&columns->encoder->marks->strings, site->name),
			      &columns->next_name);
}

/* Functions of one file are mostly met from its first line on. */
static void put_line(struct columns *columns, const struct site *site)
{
	const struct site *before = columns->before;
	int64_t from = before && before->file == site->file ? before->line : 0;

	packed_bytes_put_signed(&columns->encoder->section, site->line - from);
}

static void put_kind(struct columns *columns, const struct site *site)
{
	packed_bytes_put_unsigned(&columns->encoder->section, site->kind);
}

static void put_version(struct columns *columns, const struct site *site)
{
	uint32_t flags = (site->is_resumable ? DUMP_SITE_RESUMABLE : 0) |
			 (site->part_object || site->at ? DUMP_SITE_PART : 0);

	packed_bytes_put_unsigned(&columns->encoder->section, site->version | flags);
}

static void put_part(struct columns *columns, const struct site *site)
{
	const struct dump_numbers *objects = &columns->encoder->marks->objects;
	struct packed_bytes *to = &columns->encoder->section;
	uint32_t object = site->part_object;

	if (!object && !site->at)
		return;
	packed_bytes_put_unsigned(to, object ? dump_numbers_get(objects, object - 1) + 1 : 0);
	packed_bytes_put_signed(to, site->at);
}

static void put_offset(struct columns *columns, const struct site *site)
{
	if (site->kind == SITE_C)
		packed_bytes_put_unsigned(&columns->encoder->section, site->offset);
}

static void encode_columns(struct columns *columns, size_t first, size_t count)
{
	static void (*const put[])(struct columns * columns, const struct site *site) = {
		put_file, put_name, put_line, put_kind, put_version, put_part, put_offset,
	};
	struct dump_encoder *encoder = columns->encoder;
	struct packed_bytes *to = dump_section_begin(encoder, TAG_SITE_COLUMNS);

	packed_bytes_put_unsigned(to, first);
	packed_bytes_put_unsigned(to, count);
	packed_bytes_put_unsigned(to, columns->next_file);
	packed_bytes_put_unsigned(to, columns->next_name);
	for (size_t column = 0; column < ARRAY_SIZE(put); column++) {
		columns->before = NULL;
		for (size_t i = 0; i < count; i++) {
			uint32_t id = encoder->marks->sites.ids[first + i];

			put[column](columns, &encoder->profile->sites[id]);
			columns->before = &encoder->profile->sites[id];
		}
	}
}

/* dump_choose has numbered the files of all new sites, then their names. */
static void find_next(const struct dump_encoder *encoder, struct columns *columns)
{
	const struct dump_numbers *strings = &encoder->marks->strings;
	const struct dump_numbers *sites = &encoder->marks->sites;
	uint32_t next = (uint32_t)strings->nr_written;

	columns->next_file = next;
	for (size_t i = sites->nr_written; i < sites->count; i++) {
		uint32_t file = encoder->profile->sites[sites->ids[i]].file;
		uint32_t number = dump_numbers_get(strings, file);

		next = number >= next ? number + 1 : next;
	}
	columns->next_name = next;
}

void dump_encode_sites(struct dump_encoder *encoder)
{
	const struct dump_numbers *sites = &encoder->marks->sites;
	struct columns columns = { .encoder = encoder };

	find_next(encoder, &columns);
	for (size_t first = sites->nr_written; first < sites->count; first += SITES_OF_A_SECTION) {
		size_t left = sites->count - first;

		encode_columns(&columns, first,
			       left < SITES_OF_A_SECTION ? left : SITES_OF_A_SECTION);
	}
}

void dump_encode_coroutines(struct dump_encoder *encoder)
{
	const struct dump_numbers *sites = &encoder->marks->sites;

	for (size_t i = sites->nr_written; i < sites->count; i++) {
		if (encoder->profile->sites[sites->ids[i]].is_coroutine)
			packed_bytes_put_unsigned(dump_section_for(encoder, TAG_COROUTINES), i);
	}
}

/* ---- Objects ---- */

static void put_pathname(struct dump_encoder *encoder, const struct object *object)
{
	const struct dump_numbers *strings = &encoder->marks->strings;
	uint32_t pathname = object->pathname;

	packed_bytes_put_unsigned(&encoder->section,
				  pathname ? dump_numbers_get(strings, pathname - 1) + 1 : 0);
}

/* Instances of a class are numbered one after the other. */
static void put_new_object(struct dump_encoder *encoder, size_t number, uint32_t *next_instances)
{
	uint32_t id = encoder->marks->objects.ids[number];
	const struct object *object = &encoder->profile->objects[id];
	uint32_t *next = &next_instances[object->class_name];
	struct packed_bytes *to = &encoder->section;

	packed_bytes_put_unsigned(to, object->process);
	dump_section_put_string(encoder, object->class_name);
	packed_bytes_put_signed(to, (int64_t)object->instance - *next);
	*next = object->instance + 1;
	put_pathname(encoder, object);
}

static void encode_new_objects(struct dump_encoder *encoder)
{
	const struct dump_numbers *objects = &encoder->marks->objects;
	size_t nr_strings = encoder->profile->strings.count;
	_cleanup_(freep) uint32_t *next_instances = NULL;

	if (objects->nr_written == objects->count)
		return;
	next_instances = xcalloc(nr_strings, sizeof(*next_instances));
	for (size_t i = objects->nr_written; i < objects->count; i++) {
		struct packed_bytes *to = dump_section_for(encoder, TAG_NEW_OBJECTS);

		if (!to->size) {
			packed_bytes_put_unsigned(to, i);
			memset(next_instances, 0, nr_strings * sizeof(*next_instances));
		}
		put_new_object(encoder, i, next_instances);
	}
}

/* What was learned of an object after it was written. */
static void put_changed_object(struct dump_encoder *encoder, size_t number)
{
	uint32_t id = encoder->marks->objects.ids[number];
	const struct object *object = &encoder->profile->objects[id];
	struct packed_bytes *to = dump_section_for(encoder, TAG_OBJECTS);
	size_t before = to->size;

	packed_bytes_put_unsigned(to, number);
	packed_bytes_put_unsigned(to, object->process);
	dump_section_put_string(encoder, object->class_name);
	packed_bytes_put_unsigned(to, object->instance);
	put_pathname(encoder, object);
	encoder->superseding += to->size - before;
}

void dump_encode_objects(struct dump_encoder *encoder)
{
	const struct dump_numbers *objects = &encoder->marks->objects;

	encode_new_objects(encoder);
	for (size_t i = 0; i < objects->nr_written; i++) {
		if (encoder->profile->objects[objects->ids[i]].is_dirty)
			put_changed_object(encoder, i);
	}
}
