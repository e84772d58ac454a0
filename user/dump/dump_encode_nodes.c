/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree and what stands on it as sections; see dump_section.h and docs/format.md. */
#include <string.h>

#include "dump_section.h"
#include "memory.h"

/* Of one section. */
#define NODES_OF_A_SECTION 8192
/* Where a parent is sought among the callers of the node before; one further up is named. */
#define MAX_CLIMB 255

/* ---- The tree ---- */

/* How far above a node the other is, 1 for itself; 0: it is none of its nearest callers. */
static uint32_t levels_above(const struct profile *profile, uint32_t node, uint32_t wanted)
{
	for (uint32_t levels = 1; node != NO_NODE && levels <= MAX_CLIMB; levels++) {
		if (node == wanted)
			return levels;
		node = profile->nodes[node].parent;
	}
	return 0;
}

static void put_node(struct dump_encoder *encoder, uint32_t id, uint32_t before,
		     uint32_t *next_site)
{
	const struct node *node = &encoder->profile->nodes[id];
	const struct dump_marks *marks = encoder->marks;
	uint32_t levels = node->parent == NO_NODE
				  ? 0
				  : levels_above(encoder->profile, before, node->parent);
	struct packed_bytes *to = &encoder->section;

	packed_bytes_put_unsigned(to, levels);
	if (!levels) {
		packed_bytes_put_unsigned(to, node->process);
		packed_bytes_put_unsigned(
			to, node->parent == NO_NODE
				    ? 0
				    : dump_numbers_get(&marks->nodes, node->parent) + 1);
	}
	dump_put_new_or_known(to, dump_numbers_get(&marks->sites, node->site), next_site);
}

/* The times in a column of their own: between the nodes no two subtrees would be the same. */
static void encode_tree(struct dump_encoder *encoder, size_t first, size_t count,
			uint32_t *next_site)
{
	const uint32_t *ids = encoder->marks->nodes.ids;
	struct packed_bytes *to = dump_section_begin(encoder, TAG_TREE);
	uint32_t before = NO_NODE;

	packed_bytes_put_unsigned(to, first);
	packed_bytes_put_unsigned(to, count);
	packed_bytes_put_unsigned(to, *next_site);
	for (size_t i = first; i < first + count; i++) {
		put_node(encoder, ids[i], before, next_site);
		before = ids[i];
	}
	for (size_t i = first; i < first + count; i++)
		dump_section_put_step(encoder, encoder->profile->nodes[ids[i]].first_ns /
						       DUMP_FIRST_UNIT_NS);
}

void dump_encode_nodes(struct dump_encoder *encoder)
{
	const struct dump_numbers *nodes = &encoder->marks->nodes;
	uint32_t next_site = (uint32_t)encoder->marks->sites.nr_written;

	for (size_t first = nodes->nr_written; first < nodes->count; first += NODES_OF_A_SECTION) {
		size_t left = nodes->count - first;

		encode_tree(encoder, first, left < NODES_OF_A_SECTION ? left : NODES_OF_A_SECTION,
			    &next_site);
	}
}

/* ---- Which have changed ---- */

#define WORD_BITS 64

/* One pass in the order in which nodes lie in memory: in that of the file each is a cache miss, and
 * at most flushes few of many have changed. */
void dump_encode_find_changed(struct dump_encoder *encoder)
{
	const struct profile *profile = encoder->profile;
	const struct dump_marks *marks = encoder->marks;

	encoder->changed = xcalloc(marks->nodes.count / WORD_BITS + 1, sizeof(*encoder->changed));
	if (!dump_marks_may_any_differ(marks, profile))
		return;
	for (uint32_t id = 0; id < profile->nr_nodes; id++) {
		uint32_t number;

		if (!dump_marks_may_differ(marks, profile, id) &&
		    profile->nodes[id].sightings <= marks->nr_sightings)
			continue;
		number = dump_numbers_get(&marks->nodes, id);
		if (number != NO_NUMBER)
			encoder->changed[number / WORD_BITS] |= 1ULL << number % WORD_BITS;
	}
}

size_t dump_encode_next_changed(const struct dump_encoder *encoder, size_t number)
{
	size_t count = encoder->marks->nodes.count;

	while (number < count) {
		uint64_t bits = encoder->changed[number / WORD_BITS] >> number % WORD_BITS;

		if (bits)
			return number + (size_t)__builtin_ctzll(bits);
		number = (number / WORD_BITS + 1) * WORD_BITS;
	}
	return count;
}

/* ---- Amounts ---- */

/* The kinds that are not zero, grown in bits 0-3 and released in 4-7, then their values. */
static void put_cost(struct packed_bytes *to, const struct cost *cost)
{
	int64_t values[2 * NR_KINDS];
	unsigned int mask = 0;

	memcpy(values, cost->grown, sizeof(cost->grown));
	memcpy(values + NR_KINDS, cost->released, sizeof(cost->released));
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++)
		mask |= values[i] ? 1U << i : 0;
	packed_bytes_put_unsigned(to, mask);
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		if (values[i])
			packed_bytes_put_signed(to, values[i]);
	}
}

static void encode_cost(struct dump_encoder *encoder, size_t number, uint32_t id)
{
	const struct cost cost = profile_cost(encoder->profile, id);
	uint64_t written = dump_marks_of_node(encoder->marks, id).cost;
	struct packed_bytes *to;
	size_t before;

	if (dump_digest_cost(&cost) == written)
		return;
	to = dump_section_for(encoder, TAG_COSTS);
	before = to->size;
	dump_section_put_step(encoder, number);
	put_cost(to, &cost);
	if (written)
		encoder->superseding += to->size - before;
}

void dump_encode_costs(struct dump_encoder *encoder)
{
	const struct dump_numbers *nodes = &encoder->marks->nodes;

	for (size_t i = dump_encode_next_changed(encoder, 0); i < nodes->count;
	     i = dump_encode_next_changed(encoder, i + 1))
		encode_cost(encoder, i, nodes->ids[i]);
}

/* ---- Calls ---- */

/* Where calls are counted most nodes change in these alone, so that the dirty mark does not tell
 * enough. */
static bool has_new_calls(const struct dump_encoder *encoder, uint32_t id)
{
	return dump_marks_may_differ(encoder->marks, encoder->profile, id) &&
	       encoder->profile->nodes[id].calls != dump_marks_of_node(encoder->marks, id).calls;
}

/* The end of those nodes after `first` whose calls have changed, one after the other. */
static size_t end_of_run(const struct dump_encoder *encoder, size_t first)
{
	const struct dump_numbers *nodes = &encoder->marks->nodes;
	size_t end = first + 1;

	while (end < nodes->count && end - first < NODES_OF_A_SECTION &&
	       has_new_calls(encoder, nodes->ids[end]))
		end++;
	return end;
}

static size_t encode_run(struct dump_encoder *encoder, size_t first)
{
	struct packed_bytes *to = dump_section_for(encoder, TAG_CALL_RUNS);
	size_t end = end_of_run(encoder, first);

	dump_section_put_step(encoder, first);
	encoder->last = end;
	packed_bytes_put_unsigned(to, end - first);
	for (size_t i = first; i < end; i++) {
		uint32_t id = encoder->marks->nodes.ids[i];
		size_t before = to->size;

		packed_bytes_put_unsigned(to, encoder->profile->nodes[id].calls);
		if (dump_marks_of_node(encoder->marks, id).calls)
			encoder->superseding += to->size - before;
	}
	return end;
}

void dump_encode_calls(struct dump_encoder *encoder)
{
	const struct dump_numbers *nodes = &encoder->marks->nodes;

	for (size_t i = dump_encode_next_changed(encoder, 0); i < nodes->count;
	     i = dump_encode_next_changed(encoder, i)) {
		if (has_new_calls(encoder, nodes->ids[i]))
			i = encode_run(encoder, i);
		else
			i++;
	}
}

/* ---- The objects that nodes ran on ---- */

struct sighted {
	uint32_t node; /* its number */
	size_t count;
	uint32_t objects[MAX_NODE_OBJECTS];
	bool is_crowded; /* and on more than are kept */
};

/* An object is mostly met again soon, so the known ones are counted backwards. */
static void put_sighted(struct dump_encoder *encoder, const struct sighted *sighted,
			uint32_t *next_object)
{
	struct packed_bytes *to = dump_section_for(encoder, TAG_SIGHTED);

	if (!to->size)
		packed_bytes_put_unsigned(to, *next_object);
	dump_section_put_step(encoder, sighted->node);
	packed_bytes_put_unsigned(to, sighted->count + sighted->is_crowded);
	for (size_t i = 0; i < sighted->count; i++) {
		uint32_t number = dump_numbers_get(&encoder->marks->objects, sighted->objects[i]);

		packed_bytes_put_unsigned(to,
					  number < *next_object ? *next_object - number + 1 : 1);
		*next_object += number == *next_object;
	}
	if (sighted->is_crowded)
		packed_bytes_put_unsigned(to, 0);
}

/* dump_choose has numbered the objects of new sites, then those that are sighted first. */
static uint32_t first_sighted(const struct dump_encoder *encoder)
{
	const struct dump_marks *marks = encoder->marks;
	uint32_t next = (uint32_t)marks->objects.nr_written;

	for (size_t i = marks->sites.nr_written; i < marks->sites.count; i++) {
		uint32_t object = encoder->profile->sites[marks->sites.ids[i]].part_object;
		uint32_t number = object ? dump_numbers_get(&marks->objects, object - 1) : 0;

		next = object && number >= next ? number + 1 : next;
	}
	return next;
}

void dump_encode_sightings(struct dump_encoder *encoder)
{
	const struct dump_marks *marks = encoder->marks;
	const struct profile *profile = encoder->profile;
	uint32_t next_object = first_sighted(encoder);

	for (size_t i = dump_encode_next_changed(encoder, 0); i < marks->nodes.count;
	     i = dump_encode_next_changed(encoder, i + 1)) {
		uint32_t id = marks->nodes.ids[i];
		struct sighted sighted = { .node = (uint32_t)i };

		sighted.count = dump_marks_new_objects(marks, profile, id, sighted.objects);
		sighted.is_crowded = profile->nodes[id].is_crowded &&
				     !dump_marks_of_node(marks, id).is_crowded;
		if (sighted.count || sighted.is_crowded)
			put_sighted(encoder, &sighted, &next_object);
	}
}
