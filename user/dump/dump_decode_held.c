/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds what: of processes and of nodes; see dump_take.h and docs/format.md. */
#include <errno.h>
#include <string.h>

#include "dump_held.h"
#include "dump_take.h"
#include "memory.h"
#include "profile_held.h"

static void take_by_kind(struct packed_cursor *from, int64_t ret[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		ret[kind] = DUMP_PAGE_BYTES *
			    packed_cursor_signed(from, DUMP_MAX_AMOUNT / DUMP_PAGE_BYTES);
}

/* Absolute, as processes. */
int dump_decode_owners(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (packed_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		uint64_t flags = packed_cursor_unsigned(from, DUMP_HAS_OWNERS | DUMP_HAS_UNSHARED |
								      DUMP_HAS_MAPPED);
		struct process *process;

		if (from->is_bad)
			return -EBADMSG;
		process = &profile->processes[index];
		process->has_owners = flags & DUMP_HAS_OWNERS;
		process->has_unshared = flags & DUMP_HAS_UNSHARED;
		process->has_mapped = flags & DUMP_HAS_MAPPED;
		process->unshared_late_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		process->peak_time_ns = packed_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		process->peak_moment = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
		process->final_moment = (uint32_t)packed_cursor_unsigned(from, UINT32_MAX);
		take_by_kind(from, process->live);
		take_by_kind(from, process->peak_held);
	}
	return dump_result_of(from);
}

/* ---- Nodes ---- */

/* Amounts that are not 0 are of the moments which the process has at this place of the file. */
static int set_held(struct profile *profile, const struct dump_taken_row *record)
{
	const struct process *process = &profile->processes[profile->nodes[record->number].process];
	const struct cost cost = profile_cost(profile, record->number);
	struct held held = {
		.unshared = record->values[HELD_UNSHARED] * DUMP_PAGE_BYTES,
		.mapped = record->values[HELD_MAPPED] * DUMP_PAGE_BYTES,
		.peak_moment = process->peak_moment,
		.final_moment = process->final_moment,
	};

	for (int kind = 0; kind < NR_KINDS; kind++) {
		held.live[kind] = (record->values[HELD_LIVE + kind] +
				   dump_expected_live(&cost, kind)) *
				  DUMP_PAGE_BYTES;
		held.peak_more[kind] = record->values[HELD_PEAK_MORE + kind] * DUMP_PAGE_BYTES;
		held.final_more[kind] = record->values[HELD_FINAL_MORE + kind] * DUMP_PAGE_BYTES;
		if (held.live[kind] > DUMP_MAX_AMOUNT || held.live[kind] < -DUMP_MAX_AMOUNT)
			return -EBADMSG;
	}
	*profile_hold(profile, record->number) = held;
	return 0;
}

int dump_decode_held(struct dump_decoder *decoder, struct packed_cursor *from)
{
	uint32_t count;
	_cleanup_(freep) struct dump_taken_row *rows = dump_take_rows(
		from, decoder->profile->nr_nodes, NR_HELD_VALUES, DUMP_MAX_AMOUNT / DUMP_PAGE_BYTES,
		&count);
	int err = 0;

	if (from->is_bad)
		return -EBADMSG;
	for (uint32_t i = 0; !err && i < count; i++)
		err = set_held(decoder->profile, &rows[i]);
	return err;
}

/* Of nodes that hold something: what is said of it by dump_decode_held comes first. */
int dump_decode_heap(struct dump_decoder *decoder, struct packed_cursor *from)
{
	struct profile *profile = decoder->profile;
	uint32_t count;
	_cleanup_(freep) struct dump_taken_row *rows = dump_take_rows(
		from, profile->nr_nodes, 1, DUMP_MAX_AMOUNT / DUMP_PAGE_BYTES, &count);

	if (from->is_bad)
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		if (!profile->nodes[rows[i].number].held)
			return -EBADMSG;
		profile_hold(profile, rows[i].number)->heap = rows[i].values[0] * DUMP_PAGE_BYTES;
	}
	return 0;
}
