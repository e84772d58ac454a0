/* SPDX-License-Identifier: BSD-2-Clause */
/* What nodes held and had allocated in the slots of time; see dump_take.h and docs/format.md. */
#include <errno.h>

#include "dump_format.h"
#include "dump_take.h"
#include "profile_allocs.h"
#include "profile_held.h"
#include "profile_history.h"

/* In units of so many bytes. */
static void take_lows(struct packed_cursor *from, int64_t unit, struct node_history *history)
{
	const int64_t most = DUMP_MAX_AMOUNT / unit;
	int64_t amount = 0;

	for (uint32_t slot = 0; slot <= history->last && !from->is_bad; slot++) {
		amount += packed_cursor_signed(from, 2 * most);
		if (amount > most || amount < -most)
			from->is_bad = true;
		history->low[slot] = amount * unit;
	}
}

/* Only what has amounts has a history of them. */
static bool has_amounts(const struct profile *profile, uint32_t node, enum history_kind kind)
{
	return kind == HISTORY_LIVE ? !!profile_held(profile, node)
				    : !!profile_allocs(profile, node);
}

static int decode(struct dump_decoder *decoder, struct packed_cursor *from, enum history_kind kind)
{
	int64_t unit = kind == HISTORY_LIVE ? DUMP_PAGE_BYTES : 1;
	struct profile *profile = decoder->profile;
	uint64_t node = 0;

	while (packed_cursor_has_more(from)) {
		struct node_history history = { .kind = kind };

		node = packed_cursor_step(from, node, UINT32_MAX);
		history.doublings = dump_take_id(from, HISTORY_MAX_DOUBLINGS + 1);
		history.last = dump_take_id(from, HISTORY_SLOTS);
		take_lows(from, unit, &history);
		if (from->is_bad || node >= profile->nr_nodes ||
		    !has_amounts(profile, (uint32_t)node, kind))
			return -EBADMSG;
		history.node = (uint32_t)node;
		profile_set_history(profile, &history);
	}
	return dump_result_of(from);
}

int dump_decode_histories(struct dump_decoder *decoder, struct packed_cursor *from)
{
	return decode(decoder, from, HISTORY_LIVE);
}

int dump_decode_alloc_histories(struct dump_decoder *decoder, struct packed_cursor *from)
{
	return decode(decoder, from, HISTORY_ALLOCATED);
}

int dump_decode_taken_histories(struct dump_decoder *decoder, struct packed_cursor *from)
{
	return decode(decoder, from, HISTORY_TAKEN);
}
