/* SPDX-License-Identifier: BSD-2-Clause */
/* See profile_history.h. */
#include "profile_history.h"

#include <string.h>

#include "memory.h"
#include "profile_held.h"

/* ---- Keeping it ---- */

uint64_t history_width(const struct node_history *history)
{
	return HISTORY_SLOT_NS << history->doublings;
}

static void double_width(struct node_history *history)
{
	for (int i = 0; i < HISTORY_SLOTS / 2; i++)
		history->low[i] = history_lower(history->low[2 * i], history->low[2 * i + 1]);
	memset(&history->low[HISTORY_SLOTS / 2], 0, sizeof(history->low) / 2);
	history->last /= 2;
	history->doublings++;
}

bool history_bring_up(struct node_history *history, int64_t held, uint64_t time_ns)
{
	uint32_t last = history->last, doublings = history->doublings, slot;

	while (time_ns / history_width(history) >= HISTORY_SLOTS &&
	       history->doublings < HISTORY_MAX_DOUBLINGS) {
		/* The upper half of a pair that has not begun is no low. */
		if (!(history->last & 1))
			history->low[history->last + 1] = held;
		double_width(history);
	}
	slot = (uint32_t)(time_ns / history_width(history));
	if (slot >= HISTORY_SLOTS)
		slot = HISTORY_SLOTS - 1;
	while (history->last < slot)
		history->low[++history->last] = held;
	return history->last != last || history->doublings != doublings;
}

/* What it holds; what a runtime that finalizes frees, is not given back. */
static int64_t amount_of(const struct held *held)
{
	return rss_of(held->live) + (held->final_moment ? rss_of(held->final_more) : 0);
}

static int64_t amount_of_allocs(const struct node_allocs *allocs)
{
	return allocs->bytes + (allocs->final_moment ? allocs->final_more : 0);
}

static uint64_t key_of(uint32_t node, enum history_kind kind)
{
	return (uint64_t)kind << 32 | node;
}

struct node_history *profile_history(const struct profile *profile, uint32_t node,
				     enum history_kind kind)
{
	uint32_t index;

	return hash_table_get(&profile->history_ids, key_of(node, kind), &index)
		       ? &profile->histories[index]
		       : NULL;
}

static struct node_history *add_history(struct profile *profile, uint32_t node,
					enum history_kind kind)
{
	profile->histories = array_reserve(profile->histories, &profile->histories_capacity,
					   profile->nr_histories + 1, sizeof(*profile->histories));
	hash_table_put(&profile->history_ids, key_of(node, kind), (uint32_t)profile->nr_histories);
	profile->histories[profile->nr_histories] = (struct node_history){ .node = node,
									   .kind = kind };
	return &profile->histories[profile->nr_histories++];
}

static void mark_changed(struct profile *profile, struct node_history *history)
{
	history->has_changed = true;
	profile_note_change(profile, history->node);
}

/* From one amount to another. */
struct change {
	int64_t was, is;
	const struct history_step *step;
};

static void note(struct profile *profile, uint32_t node, enum history_kind kind,
		 const struct change *change)
{
	struct node_history *history = profile_history(profile, node, kind);
	const struct history_step *step = change->step;
	int64_t low = history_lower(change->was, change->is - step->fallen);
	bool is_other;

	if (!history && change->is < HISTORY_MIN_BYTES)
		return;
	if (!history) {
		history = add_history(profile, node, kind);
		/* Nobody knows when it came to what it was. */
		history_bring_up(history, 0, step->time_ns);
		history->low[history->last] = low;
		mark_changed(profile, history);
		return;
	}
	is_other = history_bring_up(history, change->was, step->since_ns);
	is_other |= history_bring_up(history, low, step->time_ns);
	is_other |= low < history->low[history->last];
	history->low[history->last] = history_lower(history->low[history->last], low);
	if (is_other)
		mark_changed(profile, history);
}

void profile_note_history(struct profile *profile, uint32_t node, const struct held *before,
			  const struct held *after, const struct history_step *step)
{
	const struct change change = { amount_of(before), amount_of(after), step };

	note(profile, node, HISTORY_LIVE, &change);
}

void profile_note_alloc_history(struct profile *profile, const struct node_allocs *before,
				const struct node_allocs *after, const struct history_step *step)
{
	const struct history_step rising = { step->since_ns, step->time_ns, 0 };
	const struct change change = { amount_of_allocs(before), amount_of_allocs(after), step };
	const struct change taken = { before->taken, after->taken, &rising };

	note(profile, after->node, HISTORY_ALLOCATED, &change);
	if (profile_history(profile, after->node, HISTORY_ALLOCATED))
		note(profile, after->node, HISTORY_TAKEN, &taken);
}

void profile_set_history(struct profile *profile, const struct node_history *history)
{
	struct node_history *to = profile_history(profile, history->node, history->kind);

	if (!to)
		to = add_history(profile, history->node, history->kind);
	*to = *history;
	mark_changed(profile, to);
}

void profile_forget_histories(struct profile *profile)
{
	profile->nr_histories = 0;
	hash_table_free(&profile->history_ids);
	profile->history_ids = (struct hash_table){ 0 };
}
