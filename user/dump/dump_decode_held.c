/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds what: of processes and of nodes; see dump_take.h and docs/format.md. */
#include <errno.h>
#include <string.h>

#include "dump_held.h"
#include "dump_take.h"
#include "memory.h"
#include "profile_held.h"
#include "profile_history.h"

static void take_by_kind(struct dump_cursor *from, int64_t ret[NR_KINDS])
{
	for (int kind = 0; kind < NR_KINDS; kind++)
		ret[kind] = DUMP_PAGE_BYTES *
			    dump_cursor_signed(from, DUMP_MAX_AMOUNT / DUMP_PAGE_BYTES);
}

/* Absolute, as processes. */
int dump_decode_owners(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;

	while (dump_cursor_has_more(from)) {
		uint32_t index = dump_take_id(from, profile->nr_processes);
		uint64_t flags = dump_cursor_unsigned(from, DUMP_HAS_OWNERS | DUMP_HAS_UNSHARED |
								    DUMP_HAS_MAPPED);
		struct process *process;

		if (from->is_bad)
			return -EBADMSG;
		process = &profile->processes[index];
		process->has_owners = flags & DUMP_HAS_OWNERS;
		process->has_unshared = flags & DUMP_HAS_UNSHARED;
		process->has_mapped = flags & DUMP_HAS_MAPPED;
		process->unshared_late_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		process->peak_time_ns = dump_cursor_unsigned(from, DUMP_MAX_TIME_NS);
		process->peak_moment = (uint32_t)dump_cursor_unsigned(from, UINT32_MAX);
		process->final_moment = (uint32_t)dump_cursor_unsigned(from, UINT32_MAX);
		take_by_kind(from, process->live);
		take_by_kind(from, process->peak_held);
	}
	return dump_result_of(from);
}

/* ---- Nodes ---- */

struct record {
	uint32_t node, mask;
	int64_t values[NR_HELD_VALUES];
};

static void take_records(struct dump_cursor *from, size_t nr_nodes, struct record *records,
			 size_t count)
{
	uint64_t node = 0;

	for (size_t i = 0; i < count; i++) {
		node = dump_cursor_step(from, node, UINT32_MAX);
		if (node >= nr_nodes)
			from->is_bad = true;
		records[i].node = (uint32_t)node;
	}
	for (size_t i = 0; i < count; i++)
		records[i].mask = (uint32_t)dump_cursor_unsigned(from, (1U << NR_HELD_VALUES) - 1);
	for (int value = 0; value < NR_HELD_VALUES; value++) {
		for (size_t i = 0; i < count; i++) {
			if (records[i].mask >> value & 1)
				records[i].values[value] = dump_cursor_signed(
					from, DUMP_MAX_AMOUNT / DUMP_PAGE_BYTES);
		}
	}
}

/* Amounts that are not 0 are of the moments which the process has at this place of the file. */
static int set_held(struct profile *profile, const struct record *record)
{
	const struct process *process = &profile->processes[profile->nodes[record->node].process];
	const struct cost cost = profile_cost(profile, record->node);
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
	*profile_hold(profile, record->node) = held;
	return 0;
}

#define LEAST_HELD_BYTES 2

int dump_decode_held(struct dump_decoder *decoder, struct dump_cursor *from)
{
	uint32_t count = dump_take_count(from, LEAST_HELD_BYTES);
	_cleanup_(freep) struct record *records = xcalloc((size_t)count + 1, sizeof(*records));
	int err = 0;

	take_records(from, decoder->profile->nr_nodes, records, count);
	if (from->is_bad)
		return -EBADMSG;
	for (uint32_t i = 0; !err && i < count; i++)
		err = set_held(decoder->profile, &records[i]);
	return err;
}

/* ---- What they held before ---- */

static void take_lows(struct dump_cursor *from, struct node_history *history)
{
	const int64_t most = DUMP_MAX_AMOUNT / DUMP_PAGE_BYTES;
	int64_t pages = 0;

	for (uint32_t slot = 0; slot <= history->last && !from->is_bad; slot++) {
		pages += dump_cursor_signed(from, 2 * most);
		if (pages > most || pages < -most)
			from->is_bad = true;
		history->low[slot] = pages * DUMP_PAGE_BYTES;
	}
}

int dump_decode_histories(struct dump_decoder *decoder, struct dump_cursor *from)
{
	struct profile *profile = decoder->profile;
	uint64_t node = 0;

	while (dump_cursor_has_more(from)) {
		struct node_history history = { 0 };

		node = dump_cursor_step(from, node, UINT32_MAX);
		history.doublings = dump_take_id(from, HISTORY_MAX_DOUBLINGS + 1);
		history.last = dump_take_id(from, HISTORY_SLOTS);
		take_lows(from, &history);
		if (from->is_bad || node >= profile->nr_nodes ||
		    !profile_held(profile, (uint32_t)node))
			return -EBADMSG;
		history.node = (uint32_t)node;
		profile_set_history(profile, &history);
	}
	return dump_result_of(from);
}
