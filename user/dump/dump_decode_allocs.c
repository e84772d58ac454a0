/* SPDX-License-Identifier: BSD-2-Clause */
/* What processes and nodes have allocated; see dump_take.h and docs/format.md. */
#include <errno.h>

#include "dump_allocs.h"
#include "dump_format.h"
#include "dump_take.h"
#include "memory.h"
#include "profile_allocs.h"

_Static_assert(NR_ALLOCS_VALUES <= DUMP_MAX_TAKEN_VALUES, "a row has room for them");

/* Absolute, as processes. */
int dump_decode_allocators(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		uint64_t flags = packed_cursor_unsigned(from, DUMP_HAS_ALLOCS);
		struct process *process;

		if (from->is_bad || !(flags & DUMP_HAS_ALLOCS))
			return -EBADMSG;
		process = &profile->processes[index];
		process->has_allocs = true;
		process->allocs_since_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		process->alloc_moment = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
		process->alloc_end = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
		process->alloc_peak = packed_cursor_signed(from, DUMP_MAX_AMOUNT);
		process->unknown_frees = packed_cursor_unsigned(from, DUMP_MAX_AMOUNT);
	}
	return dump_result_of(from);
}

/* ---- Nodes ---- */

static bool is_bounded(int64_t amount)
{
	return amount <= DUMP_MAX_AMOUNT && amount >= -DUMP_MAX_AMOUNT;
}

/* Amounts that are not 0 are of the moments which the process has at this place of the file. */
static int set_allocs(struct profile *profile, const struct dump_taken_row *row)
{
	const struct process *process = &profile->processes[profile->nodes[row->number].process];
	struct node_allocs allocs = {
		.node = row->number,
		.has_changed = true,
		.bytes = row->values[ALLOCS_BYTES],
		.blocks = row->values[ALLOCS_BLOCKS],
		.peak_more = row->values[ALLOCS_PEAK_MORE],
		.final_more = row->values[ALLOCS_FINAL_MORE],
		.final_blocks_more = row->values[ALLOCS_FINAL_BLOCKS_MORE],
		.taken = row->values[ALLOCS_TAKEN] + row->values[ALLOCS_BYTES],
		.taken_blocks = row->values[ALLOCS_TAKEN_BLOCKS] + row->values[ALLOCS_BLOCKS],
		.freed_blocks = row->values[ALLOCS_FREED_BLOCKS] + row->values[ALLOCS_TAKEN_BLOCKS],
		.peak_moment = process->alloc_moment,
		.final_moment = process->final_moment,
	};

	if (!is_bounded(allocs.taken) || !is_bounded(allocs.taken_blocks) ||
	    !is_bounded(allocs.freed_blocks))
		return -EBADMSG;
	*profile_allocate(profile, row->number) = allocs;
	return 0;
}

int dump_decode_allocs(struct dump_decoder *decoder, struct packed_cursor *from)
{
	uint32_t count;
	_cleanup_(freep) struct dump_taken_row *rows = dump_take_rows(
		from, decoder->profile->nr_nodes, NR_ALLOCS_VALUES, DUMP_MAX_AMOUNT, &count);
	int err = 0;

	if (from->is_bad)
		return -EBADMSG;
	for (uint32_t i = 0; !err && i < count; i++)
		err = set_allocs(decoder->profile, &rows[i]);
	return err;
}
