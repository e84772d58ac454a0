/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree and what stands on it; see dump_take.h and docs/format.md. */
#include <errno.h>
#include <string.h>

#include "dump_format.h"
#include "dump_take.h"
#include "memory.h"

/* How deep a node with this parent is; -EBADMSG when it cannot be its parent. */
static int depth_below(const struct dump_decoder *decoder, uint32_t parent, uint32_t process)
{
	if (parent == NO_NODE)
		return 0;
	if (decoder->profile->nodes[parent].process != process)
		return -EBADMSG;
	return decoder->depths[parent] + 1;
}

int dump_add_node(struct dump_decoder *decoder, const struct node *node)
{
	struct profile *profile = decoder->profile;
	size_t count = profile->nr_nodes;
	int depth = depth_below(decoder, node->parent, node->process);

	if (depth < 0)
		return depth;
	if (count >= DUMP_MAX_NODES || (unsigned int)depth >= DUMP_MAX_DEPTH)
		return -EFBIG;
	if (profile_add_node(profile, node->process, node->parent, node->site, node->first_ns) !=
	    count)
		return -EBADMSG;
	decoder->depths = array_reserve(decoder->depths, &decoder->depths_capacity, count + 1,
					sizeof(*decoder->depths));
	decoder->depths[count] = (uint16_t)depth;
	return 0;
}

/* How a section of the tree is read: `before` is the node before, NO_NODE for the first. */
struct walk {
	struct dump_decoder *decoder;
	uint32_t before, next_site;
};

/* Levels above the node before; 0: named, with its process. */
static void take_parent(const struct walk *walk, struct packed_cursor *from, struct node *ret)
{
	const struct profile *profile = walk->decoder->profile;
	uint32_t levels = dump_take_id(from, DUMP_MAX_DEPTH + 1), parent = walk->before;

	if (!levels) {
		ret->process = dump_take_id(from, profile->nr_processes);
		ret->parent = dump_take_id(from, profile->nr_nodes + 1) - 1;
		return;
	}
	while (--levels && parent != NO_NODE)
		parent = profile->nodes[parent].parent;
	if (parent == NO_NODE) {
		from->is_bad = true;
		return;
	}
	ret->parent = parent;
	ret->process = profile->nodes[parent].process;
}

static int decode_node(struct walk *walk, struct packed_cursor *from)
{
	const struct profile *profile = walk->decoder->profile;
	struct node node = { 0 };

	take_parent(walk, from, &node);
	node.site = dump_take_new_or_known(from, &walk->next_site, profile->nr_sites);
	walk->before = (uint32_t)profile->nr_nodes;
	return from->is_bad ? -EBADMSG : dump_add_node(walk->decoder, &node);
}

#define LEAST_NODE_BYTES 3

int dump_decode_tree(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	struct walk walk = { .decoder = decoder, .before = NO_NODE };
	uint32_t first = (uint32_t)profile->nr_nodes, count;
	int err = dump_take_first(from, first);
	uint64_t time = 0;

	if (err)
		return err;
	count = dump_take_count(from, LEAST_NODE_BYTES);
	walk.next_site = dump_take_id(from, profile->nr_sites + 1);
	for (uint32_t i = 0; !err && i < count; i++)
		err = decode_node(&walk, from);
	for (uint32_t i = 0; !err && i < count; i++) {
		time = packed_cursor_step(from, time, DUMP_MAX_TIME_NS / DUMP_FIRST_UNIT_NS);
		profile->nodes[first + i].first_ns = time * DUMP_FIRST_UNIT_NS;
	}
	return err ? err : dump_result_of(from);
}

static void take_cost(struct packed_cursor *from, struct cost *ret)
{
	int64_t values[2 * NR_KINDS] = { 0 };
	uint64_t mask = packed_cursor_unsigned(from, (1U << ARRAY_SIZE(values)) - 1);

	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		if (mask >> i & 1)
			values[i] = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
	}
	memcpy(ret->grown, values, sizeof(ret->grown));
	memcpy(ret->released, values + NR_KINDS, sizeof(ret->released));
}

int dump_decode_costs(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	struct cost cost = { 0 };
	uint64_t id = 0;

	while (packed_cursor_has_more(from)) {
		id = packed_cursor_step(from, id, UINT32_MAX);
		if (from->is_bad || id >= profile->nr_nodes)
			return -EBADMSG;
		take_cost(from, &cost);
		amounts_set(&profile->costs, id, &cost);
	}
	return dump_result_of(from);
}

int dump_decode_call_runs(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	uint64_t id = 0;

	while (packed_cursor_has_more(from)) {
		uint32_t count;

		id = packed_cursor_step(from, id, UINT32_MAX);
		count = dump_take_count(from, 1);
		if (from->is_bad || id > profile->nr_nodes || count > profile->nr_nodes - id)
			return -EBADMSG;
		for (uint32_t i = 0; i < count; i++)
			profile->nodes[id++].calls = packed_cursor_unsigned(from, DUMP_MAX_CALLS);
	}
	return dump_result_of(from);
}

/* 1: the next object, which is counted up; above: so many before it, and one more. */
static uint32_t take_sighted(struct packed_cursor *from, uint32_t coded, uint32_t *next,
			     size_t count)
{
	uint32_t back = coded - 1, object;

	if (back > *next || (!back && *next >= count)) {
		from->is_bad = true;
		return 0;
	}
	object = *next - back;
	*next += !back;
	return object;
}

static void decode_sighted_of(struct profile *profile, struct packed_cursor *from, uint32_t node,
			      uint32_t *next)
{
	uint32_t count = dump_take_count(from, 1);

	for (uint32_t i = 0; i < count && !from->is_bad; i++) {
		uint32_t coded = dump_take_id(from, (size_t)*next + 2), object;

		if (!coded) {
			profile->nodes[node].is_crowded |= !from->is_bad;
			continue;
		}
		object = take_sighted(from, coded, next, profile->nr_objects);
		if (!from->is_bad)
			profile_add_sighting(profile, node, object);
	}
}

int dump_decode_sighted(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	uint32_t next = dump_take_id(from, profile->nr_objects + 1);
	uint64_t node = 0;

	while (packed_cursor_has_more(from)) {
		node = packed_cursor_step(from, node, UINT32_MAX);
		if (from->is_bad || node >= profile->nr_nodes)
			return -EBADMSG;
		decode_sighted_of(profile, from, (uint32_t)node, &next);
	}
	return dump_result_of(from);
}
