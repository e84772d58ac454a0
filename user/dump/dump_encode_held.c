/* SPDX-License-Identifier: BSD-2-Clause */
/* What nodes hold, in columns; see dump_section.h and docs/format.md. */
#include "dump_held.h"
#include "dump_section.h"
#include "memory.h"
#include "profile_held.h"

#define RECORDS_OF_A_SECTION 2048

struct record {
	uint32_t number, mask;
	int64_t values[NR_HELD_VALUES];
};

static bool is_to_write(const struct dump_encoder *encoder, uint32_t id)
{
	const struct node *node = &encoder->profile->nodes[id];

	return node->held && (id >= encoder->marks->nr_nodes || node->has_held_changed);
}

static void put_values(const struct profile *profile, uint32_t id, int64_t *ret)
{
	const struct process *process = &profile->processes[profile->nodes[id].process];
	const struct held now = held_now(profile_held(profile, id), process);
	const struct cost cost = profile_cost(profile, id);

	for (int kind = 0; kind < NR_KINDS; kind++) {
		ret[HELD_LIVE + kind] = now.live[kind] / DUMP_PAGE_BYTES -
					dump_expected_live(&cost, kind);
		ret[HELD_PEAK_MORE + kind] = now.peak_more[kind] / DUMP_PAGE_BYTES;
		ret[HELD_FINAL_MORE + kind] = now.final_more[kind] / DUMP_PAGE_BYTES;
	}
	ret[HELD_UNSHARED] = now.unshared / DUMP_PAGE_BYTES;
	ret[HELD_MAPPED] = now.mapped / DUMP_PAGE_BYTES;
}

static void make_record(const struct dump_encoder *encoder, size_t number, struct record *ret)
{
	*ret = (struct record){ .number = (uint32_t)number };
	put_values(encoder->profile, encoder->marks->nodes.ids[number], ret->values);
	for (int i = 0; i < NR_HELD_VALUES; i++)
		ret->mask |= ret->values[i] ? 1U << i : 0;
}

static void put_columns(struct dump_encoder *encoder, const struct record *records, size_t count)
{
	struct dump_bytes *to = &encoder->section;

	dump_bytes_put_unsigned(to, count);
	for (size_t i = 0; i < count; i++)
		dump_section_put_step(encoder, records[i].number);
	for (size_t i = 0; i < count; i++)
		dump_bytes_put_unsigned(to, records[i].mask);
	for (int value = 0; value < NR_HELD_VALUES; value++) {
		for (size_t i = 0; i < count; i++) {
			if (records[i].mask >> value & 1)
				dump_bytes_put_signed(to, records[i].values[value]);
		}
	}
}

/* How much of a section supersedes: that of nodes which the file had. */
static size_t count_known(const struct dump_encoder *encoder, const struct record *records,
			  size_t count)
{
	size_t known = 0;

	for (size_t i = 0; i < count; i++)
		known += encoder->marks->nodes.ids[records[i].number] < encoder->marks->nr_nodes;
	return known;
}

static void put_section(struct dump_encoder *encoder, const struct record *records, size_t count)
{
	if (!count)
		return;
	dump_section_begin(encoder, TAG_HELD);
	put_columns(encoder, records, count);
	encoder->superseding += encoder->section.size * count_known(encoder, records, count) /
				count;
}

void dump_encode_held(struct dump_encoder *encoder)
{
	const struct dump_numbers *nodes = &encoder->marks->nodes;
	_cleanup_(freep) struct record *records = NULL;
	size_t count = 0;

	for (size_t i = dump_encode_next_changed(encoder, 0); i < nodes->count;
	     i = dump_encode_next_changed(encoder, i + 1)) {
		if (!is_to_write(encoder, nodes->ids[i]))
			continue;
		if (!records)
			records = xcalloc(RECORDS_OF_A_SECTION, sizeof(*records));
		make_record(encoder, i, &records[count++]);
		if (count < RECORDS_OF_A_SECTION)
			continue;
		put_section(encoder, records, count);
		count = 0;
	}
	put_section(encoder, records, count);
}
