/* SPDX-License-Identifier: BSD-2-Clause */
/* How low what nodes hold fell; see dump_section.h and docs/format.md. */
#include "dump_section.h"

static void put_history(struct dump_encoder *encoder, uint32_t number,
			const struct node_history *history)
{
	struct dump_bytes *to = dump_section_for(encoder, TAG_HISTORIES);
	int64_t before = 0;

	dump_section_put_step(encoder, number);
	dump_bytes_put_unsigned(to, history->doublings);
	dump_bytes_put_unsigned(to, history->last);
	for (uint32_t slot = 0; slot <= history->last; slot++) {
		int64_t pages = history->low[slot] / DUMP_PAGE_BYTES;

		dump_bytes_put_signed(to, pages - before);
		before = pages;
	}
}

/* What a node's earlier slots were is written again: a record is some 50 bytes. */
void dump_encode_histories(struct dump_encoder *encoder)
{
	const struct profile *profile = encoder->profile;

	for (size_t i = 0; i < profile->nr_histories; i++) {
		const struct node_history *history = &profile->histories[i];
		bool is_known = history->node < encoder->marks->nr_nodes;
		uint32_t number = dump_numbers_get(&encoder->marks->nodes, history->node);
		size_t before;

		if (number == NO_NUMBER || (is_known && !history->has_changed))
			continue;
		before = dump_section_for(encoder, TAG_HISTORIES)->size;
		put_history(encoder, number, history);
		if (is_known)
			encoder->superseding += encoder->section.size - before;
	}
}
