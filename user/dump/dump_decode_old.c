/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections of version 1 that are not written any more; see dump_take.h and docs/format.md. Its line
 * tables are left out: lines were looked up while the capture ran, and nobody asks for them. */
#include <errno.h>

#include "dump_format.h"
#include "dump_take.h"

int dump_decode_strings(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct string_pool *pool = &decoder->profile->strings;
	int err = dump_take_first(from, pool->count);

	while (!err && packed_cursor_has_more(from)) {
		size_t length, count = pool->count;
		const char *text = packed_cursor_string(from, &length);

		if (count >= DUMP_MAX_STRINGS)
			return -EFBIG;
		if (from->is_bad || string_pool_add_bytes(pool, text, length) != count)
			return -EBADMSG;
	}
	return err;
}

static void take_site(struct packed_cursor *from, const struct profile *profile, struct site *ret)
{
	ret->kind = dump_take_id(from, NR_SITE_KINDS);
	ret->file = dump_take_id(from, profile->strings.count);
	ret->name = dump_take_id(from, profile->strings.count);
	ret->line = dump_take_int32(from);
	ret->version = (uint32_t)packed_cursor_unsigned(from, DUMP_SITE_RESUMABLE | DUMP_SITE_PART |
								      UINT16_MAX);
	packed_cursor_unsigned(from, UINT32_MAX); /* its line table */
	if (ret->version & DUMP_SITE_PART) {
		ret->part_object = dump_take_id(from, DUMP_MAX_OBJECTS + 1); /* has_objects() */
		ret->at = dump_take_int32(from);
	}
	ret->is_resumable = !!(ret->version & DUMP_SITE_RESUMABLE);
	ret->version &= UINT16_MAX;
}

int dump_decode_sites(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	int err = dump_take_first(from, profile->nr_sites);

	while (!err && packed_cursor_has_more(from)) {
		size_t count = profile->nr_sites;
		struct site site = { 0 };

		take_site(from, profile, &site);
		if (count >= DUMP_MAX_SITES)
			return -EFBIG;
		if (from->is_bad || profile_add_site(profile, &site) != count)
			return -EBADMSG;
	}
	return err;
}

int dump_decode_nodes(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	int err = dump_take_first(from, profile->nr_nodes);
	uint64_t time = 0;

	while (!err && packed_cursor_has_more(from)) {
		uint32_t id = (uint32_t)profile->nr_nodes, distance;
		struct node node = { 0 };

		node.process = dump_take_id(from, profile->nr_processes);
		distance = dump_take_id(from, (size_t)id + 1);
		node.parent = distance ? id - distance : NO_NODE;
		node.site = dump_take_id(from, profile->nr_sites);
		time = packed_cursor_step(from, time, DUMP_MAX_TIME_NS);
		node.first_ns = time;
		err = from->is_bad ? -EBADMSG : dump_add_node(decoder, &node);
	}
	return err;
}

int dump_decode_calls(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	uint64_t id = 0, calls;

	while (packed_cursor_has_more(from)) {
		id = packed_cursor_step(from, id, UINT32_MAX);
		calls = packed_cursor_unsigned(from, DUMP_MAX_CALLS);
		if (from->is_bad || id >= profile->nr_nodes)
			return -EBADMSG;
		profile->nodes[id].calls = calls;
	}
	return dump_result_of(from);
}

int dump_decode_sightings(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t node = dump_take_id(from, profile->nr_nodes);
		uint32_t object = dump_take_id(from, profile->nr_objects + 1);

		if (from->is_bad)
			return -EBADMSG;
		if (object)
			profile_add_sighting(profile, node, object - 1);
		else
			profile->nodes[node].is_crowded = true;
	}
	return dump_result_of(from);
}
