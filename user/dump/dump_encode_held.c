/* SPDX-License-Identifier: BSD-2-Clause */
/* What nodes hold, in columns; see dump_section.h and docs/format.md. */
#include "dump_held.h"
#include "dump_section.h"
#include "profile_held.h"

_Static_assert(NR_HELD_VALUES <= DUMP_MAX_VALUES, "a row has room for them");

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

static void put_heap(const struct profile *profile, uint32_t id, int64_t *ret)
{
	ret[0] = profile_held(profile, id)->heap / DUMP_PAGE_BYTES;
}

static void encode_rows(struct dump_encoder *encoder, struct dump_rows rows,
			void (*put)(const struct profile *profile, uint32_t id, int64_t *ret))
{
	const struct dump_numbers *nodes = &encoder->marks->nodes;

	for (size_t i = dump_encode_next_changed(encoder, 0); i < nodes->count;
	     i = dump_encode_next_changed(encoder, i + 1)) {
		struct dump_row row = { .number = (uint32_t)i };

		if (!is_to_write(encoder, nodes->ids[i]))
			continue;
		put(encoder->profile, nodes->ids[i], row.values);
		/* A record of what is held says that nothing is the heap's. */
		if (put != put_heap || row.values[0])
			dump_rows_add(encoder, &rows, &row);
	}
	dump_rows_end(encoder, &rows);
}

void dump_encode_held(struct dump_encoder *encoder)
{
	encode_rows(encoder, (struct dump_rows){ .tag = TAG_HELD, .nr_values = NR_HELD_VALUES },
		    put_values);
	encode_rows(encoder, (struct dump_rows){ .tag = TAG_HEAP, .nr_values = 1 }, put_heap);
}
