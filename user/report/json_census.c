/* SPDX-License-Identifier: BSD-2-Clause */
/* A census as members of an object; see report_census.h. */
#include "report_census.h"

static const char *const kinds[NR_CENSUS_HOLDER_KINDS] = {
	[CENSUS_MODULE] = "module",	   [CENSUS_CLASS] = "class",
	[CENSUS_FRAME] = "frame",	   [CENSUS_THREAD] = "thread",
	[CENSUS_INTERNED] = "interpreter", [CENSUS_GARBAGE] = "garbage",
	[CENSUS_C_CODE] = "c code",	   [CENSUS_TYPE] = "type",
	[CENSUS_ATTRIBUTE] = "attribute",  [CENSUS_REST] = "rest",
};

static const char *text_of(const struct census *census, uint32_t id)
{
	return string_pool_get(&census->strings, id);
}

static void put(struct json_writer *json, const char *key, uint64_t value)
{
	json_writer_member_integer(json, key, (int64_t)value);
}

static void put_index(struct json_writer *json, const char *key, uint32_t index)
{
	if (index == CENSUS_NONE)
		json_writer_member_null(json, key);
	else
		put(json, key, index);
}

static void write_types(const struct census *census, struct json_writer *json)
{
	json_writer_key(json, "types");
	json_writer_begin_array(json);
	for (uint32_t i = 0; i < census->nr_types; i++) {
		const struct census_type *type = &census->types[i];

		json_writer_line(json);
		json_writer_begin_object(json);
		json_writer_member_name(json, "module", text_of(census, type->module));
		json_writer_member_name(json, "name", text_of(census, type->name));
		put(json, "objects", type->objects);
		put(json, "bytes", type->bytes);
		put(json, "buffer_bytes", type->buffer_bytes);
		put(json, "tracked", type->tracked);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

static void write_holders(const struct census *census, struct json_writer *json)
{
	json_writer_key(json, "holders");
	json_writer_begin_array(json);
	for (uint32_t i = 0; i < census->nr_holders; i++) {
		const struct census_holder *row = &census->holders[i];

		json_writer_line(json);
		json_writer_begin_object(json);
		put_index(json, "parent", row->parent);
		json_writer_member_string(json, "kind", kinds[row->kind]);
		json_writer_member_name(json, "name", census_holder_name(census, i));
		put(json, "objects", row->objects);
		put(json, "bytes", row->bytes);
		put(json, "shared_bytes", row->shared_bytes);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

static void write_largest(const struct census *census, struct json_writer *json)
{
	json_writer_key(json, "largest");
	json_writer_begin_array(json);
	for (uint32_t i = 0; i < census->nr_largest; i++) {
		const struct census_object *object = &census->largest[i];

		json_writer_line(json);
		json_writer_begin_object(json);
		put_index(json, "type", object->type);
		put(json, "bytes", object->bytes);
		put(json, "address", object->address);
		json_writer_member_name(json, "look", text_of(census, object->look));
		put_index(json, "holder", object->holder);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

void report_census_members(const struct census *census, struct json_writer *json)
{
	bool is_refused = census->refused != CENSUS_NONE;

	json_writer_member_string(json, "refused",
				  is_refused ? text_of(census, census->refused) : NULL);
	put(json, "count", census->objects);
	put(json, "bytes", census->bytes);
	put(json, "buffer_bytes", census->buffer_bytes);
	put(json, "tracked", census->tracked);
	put(json, "unreadable", census->unreadable_objects);
	put(json, "unreadable_bytes", census->unreadable_bytes);
	json_writer_member_seconds(json, "frozen", census->frozen_ns);
	json_writer_key(json, "cut");
	json_writer_bool(json, census->cut);
	write_types(census, json);
	write_holders(census, json);
	write_largest(census, json);
}

/* ---- What grew ---- */

static void write_changes(const struct census_change *changes, size_t count, const char *key,
			  bool are_types, struct json_writer *json)
{
	json_writer_key(json, key);
	json_writer_begin_array(json);
	for (size_t i = 0; i < count; i++) {
		json_writer_line(json);
		json_writer_begin_object(json);
		if (are_types)
			json_writer_member_name(json, "module", changes[i].module);
		else
			json_writer_member_string(json, "kind", kinds[changes[i].kind]);
		json_writer_member_name(json, are_types ? "name" : "path", changes[i].name);
		json_writer_member_integer(json, "objects", changes[i].objects);
		json_writer_member_integer(json, "bytes", changes[i].bytes);
		put(json, "bytes_after", changes[i].bytes_after);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

void report_census_diff_members(const struct census_diff *diff, struct json_writer *json)
{
	json_writer_member_seconds(json, "elapsed", diff->elapsed_ns);
	json_writer_member_integer(json, "objects", diff->objects);
	json_writer_member_integer(json, "bytes", diff->bytes);
	json_writer_key(json, "bound");
	json_writer_bool(json, diff->is_bound);
	write_changes(diff->types, diff->nr_types, "types", true, json);
	write_changes(diff->holders, diff->nr_holders, "holders", false, json);
}
