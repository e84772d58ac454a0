/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings, sites and objects; see dump_take.h and docs/format.md. */
#include <errno.h>
#include <string.h>

#include "dump_format.h"
#include "dump_take.h"
#include "memory.h"

int dump_decode_texts(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct string_pool *pool = &decoder->profile->strings;
	int err = dump_take_first(from, pool->count);

	while (!err && packed_cursor_has_more(from)) {
		const char *text = (const char *)from->at;
		const uint8_t *end = memchr(text, '\0', (size_t)(from->end - from->at));
		size_t count = pool->count;

		if (!end)
			return -EBADMSG;
		if (count >= DUMP_MAX_STRINGS)
			return -EFBIG;
		if (string_pool_add(pool, text) != count)
			return -EBADMSG;
		from->at = end + 1;
	}
	return err;
}

/* ---- Sites ---- */

struct columns {
	const struct profile *profile;
	struct site *sites;
	uint32_t next_file, next_name;
};

static void take_file(struct columns *columns, struct packed_cursor *from, size_t i)
{
	columns->sites[i].file = dump_take_new_or_known(from, &columns->next_file,
							columns->profile->strings.count);
}

static void take_name(struct columns *columns, struct packed_cursor *from, size_t i)
{
	columns->sites[i].name = dump_take_new_or_known(from, &columns->next_name,
							columns->profile->strings.count);
}

static void take_line(struct columns *columns, struct packed_cursor *from, size_t i)
{
	const struct site *site = &columns->sites[i];
	int64_t base = i && site[-1].file == site->file ? site[-1].line : 0;
	int64_t line = base + packed_cursor_signed(from, 2LL * UINT32_MAX);

	if (line < INT32_MIN || line > INT32_MAX)
		from->is_bad = true;
	else
		columns->sites[i].line = (int32_t)line;
}

static void take_kind(struct columns *columns, struct packed_cursor *from, size_t i)
{
	columns->sites[i].kind = dump_take_id(from, NR_SITE_KINDS);
}

static void take_version(struct columns *columns, struct packed_cursor *from, size_t i)
{
	columns->sites[i].version = (uint32_t)packed_cursor_unsigned(
		from, DUMP_SITE_RESUMABLE | DUMP_SITE_PART | UINT16_MAX);
}

static void take_part(struct columns *columns, struct packed_cursor *from, size_t i)
{
	struct site *site = &columns->sites[i];

	if (site->version & DUMP_SITE_PART) {
		/* That there is such an object is seen at the end: its section comes later. */
		site->part_object = dump_take_id(from, DUMP_MAX_OBJECTS + 1);
		site->at = dump_take_int32(from);
	}
	site->is_resumable = !!(site->version & DUMP_SITE_RESUMABLE);
	site->version &= UINT16_MAX;
}

static void take_offset(struct columns *columns, struct packed_cursor *from, size_t i)
{
	if (columns->sites[i].kind == SITE_C)
		columns->sites[i].offset = packed_cursor_unsigned(from, UINT64_MAX);
}

static void take_columns(struct columns *columns, struct packed_cursor *from, size_t count)
{
	static void (*const take[])(struct columns * columns, struct packed_cursor * from,
				    size_t i) = {
		take_file, take_name, take_line, take_kind, take_version, take_part, take_offset,
	};

	for (size_t column = 0; column < ARRAY_SIZE(take); column++) {
		for (size_t i = 0; i < count && !from->is_bad; i++)
			take[column](columns, from, i);
	}
}

static int add_sites(struct profile *profile, const struct site *sites, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t id = profile->nr_sites;

		if (id >= DUMP_MAX_SITES)
			return -EFBIG;
		if (profile_add_site(profile, &sites[i]) != id)
			return -EBADMSG;
	}
	return 0;
}

#define LEAST_SITE_BYTES 5

int dump_decode_site_columns(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	_cleanup_(freep) struct site *sites = NULL;
	struct columns columns = { .profile = profile };
	int err = dump_take_first(from, profile->nr_sites);
	uint32_t count;

	if (err)
		return err;
	count = dump_take_count(from, LEAST_SITE_BYTES);
	columns.next_file = dump_take_id(from, profile->strings.count + 1);
	columns.next_name = dump_take_id(from, profile->strings.count + 1);
	if (from->is_bad)
		return -EBADMSG;
	columns.sites = sites = xcalloc((size_t)count + 1, sizeof(*sites));
	take_columns(&columns, from, count);
	return from->is_bad ? -EBADMSG : add_sites(profile, sites, count);
}

int dump_decode_coroutines(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t id = dump_take_id(from, profile->nr_sites);

		if (from->is_bad)
			return -EBADMSG;
		profile->sites[id].is_coroutine = 1;
	}
	return dump_result_of(from);
}

/* ---- Objects ---- */

static void take_new_object(const struct profile *profile, struct packed_cursor *from,
			    uint32_t *next_instances, struct object *ret)
{
	int64_t instance;

	ret->process = dump_take_id(from, profile->nr_processes);
	ret->class_name = dump_take_id(from, profile->strings.count);
	instance = next_instances[ret->class_name] + packed_cursor_signed(from, UINT32_MAX);
	if (instance < 0 || instance > UINT32_MAX)
		from->is_bad = true;
	ret->instance = (uint32_t)instance;
	ret->pathname = dump_take_id(from, profile->strings.count + 1);
	next_instances[ret->class_name] = ret->instance + 1;
}

int dump_decode_new_objects(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	_cleanup_(freep)
		uint32_t *next_instances = xcalloc(profile->strings.count, sizeof(*next_instances));
	int err = dump_take_first(from, profile->nr_objects);

	while (!err && packed_cursor_has_more(from)) {
		struct object object = { 0 };

		take_new_object(profile, from, next_instances, &object);
		if (from->is_bad)
			return -EBADMSG;
		if (profile->nr_objects >= DUMP_MAX_OBJECTS)
			return -EFBIG;
		profile_add_object(profile, &object);
	}
	return err;
}

int dump_decode_objects(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t id = dump_take_id(from, profile->nr_objects + 1);
		struct object object = { 0 };

		object.process = dump_take_id(from, profile->nr_processes);
		object.class_name = dump_take_id(from, profile->strings.count);
		object.instance = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
		object.pathname = dump_take_id(from, profile->strings.count + 1);
		if (from->is_bad)
			return -EBADMSG;
		if (id == DUMP_MAX_OBJECTS)
			return -EFBIG;
		if (id == profile->nr_objects)
			profile_add_object(profile, &object);
		else
			profile->objects[id] = object;
	}
	return dump_result_of(from);
}
