/* SPDX-License-Identifier: BSD-2-Clause */
/* How low what nodes hold and have allocated fell; see dump_section.h and docs/format.md. */
#include "dump_section.h"

static const struct {
	enum dump_tag tag;
	int64_t unit; /* bytes */
} kinds[NR_HISTORY_KINDS] = {
	[HISTORY_LIVE] = { TAG_HISTORIES, DUMP_PAGE_BYTES },
	[HISTORY_ALLOCATED] = { TAG_ALLOC_HISTORIES, 1 },
	[HISTORY_TAKEN] = { TAG_TAKEN_HISTORIES, 1 },
};

static void put_history(struct dump_encoder *encoder, uint32_t number,
			const struct node_history *history)
{
	struct packed_bytes *to = &encoder->section;
	int64_t before = 0;

	dump_section_put_step(encoder, number);
	packed_bytes_put_unsigned(to, history->doublings);
	packed_bytes_put_unsigned(to, history->last);
	for (uint32_t slot = 0; slot <= history->last; slot++) {
		int64_t amount = history->low[slot] / kinds[history->kind].unit;

		packed_bytes_put_signed(to, amount - before);
		before = amount;
	}
}

/* What a node's earlier slots were is written again: a record is some 50 bytes. */
static void encode_history(struct dump_encoder *encoder, const struct node_history *history)
{
	bool is_known = history->node < encoder->marks->nr_nodes;
	uint32_t number = dump_numbers_get(&encoder->marks->nodes, history->node);
	size_t before;

	if (number == NO_NUMBER || (is_known && !history->has_changed))
		return;
	before = dump_section_for(encoder, kinds[history->kind].tag)->size;
	put_history(encoder, number, history);
	if (is_known)
		encoder->superseding += encoder->section.size - before;
}

void dump_encode_histories(struct dump_encoder *encoder)
{
	const struct profile *profile = encoder->profile;

	for (enum history_kind kind = 0; kind < NR_HISTORY_KINDS; kind++) {
		for (size_t i = 0; i < profile->nr_histories; i++) {
			if (profile->histories[i].kind == kind)
				encode_history(encoder, &profile->histories[i]);
		}
	}
}
