/* SPDX-License-Identifier: BSD-2-Clause */
/* What nodes have allocated, in columns; see dump_section.h and docs/format.md. */
#include "dump_allocs.h"
#include "dump_section.h"
#include "profile_allocs.h"

_Static_assert(NR_ALLOCS_VALUES <= DUMP_MAX_VALUES, "a row has room for them");

static const struct node_allocs *find_to_write(const struct dump_encoder *encoder, uint32_t id)
{
	const struct node_allocs *allocs = profile_allocs(encoder->profile, id);

	return allocs && (id >= encoder->marks->nr_nodes || allocs->has_changed) ? allocs : NULL;
}

static void put_values(const struct profile *profile, const struct node_allocs *allocs,
		       int64_t *ret)
{
	const struct process *process = &profile->processes[profile->nodes[allocs->node].process];
	const struct node_allocs now = allocs_now(allocs, process);

	ret[ALLOCS_BYTES] = now.bytes;
	ret[ALLOCS_BLOCKS] = now.blocks;
	ret[ALLOCS_PEAK_MORE] = now.peak_more;
	ret[ALLOCS_FINAL_MORE] = now.final_more;
	ret[ALLOCS_FINAL_BLOCKS_MORE] = now.final_blocks_more;
	ret[ALLOCS_TAKEN] = now.taken - now.bytes;
	ret[ALLOCS_TAKEN_BLOCKS] = now.taken_blocks - now.blocks;
	ret[ALLOCS_FREED_BLOCKS] = now.freed_blocks - (now.taken_blocks - now.blocks);
}

void dump_encode_allocs(struct dump_encoder *encoder)
{
	const struct dump_numbers *nodes = &encoder->marks->nodes;
	struct dump_rows rows = { .tag = TAG_ALLOCS, .nr_values = NR_ALLOCS_VALUES };

	if (!encoder->profile->nr_allocs)
		return;
	for (size_t i = dump_encode_next_changed(encoder, 0); i < nodes->count;
	     i = dump_encode_next_changed(encoder, i + 1)) {
		const struct node_allocs *allocs = find_to_write(encoder, nodes->ids[i]);
		struct dump_row row = { .number = (uint32_t)i };

		if (!allocs)
			continue;
		put_values(encoder->profile, allocs, row.values);
		dump_rows_add(encoder, &rows, &row);
	}
	dump_rows_end(encoder, &rows);
}
