/* SPDX-License-Identifier: BSD-2-Clause */
/* See leak_series.h. */
#include "leak_series.h"

#include "profile_own.h"

#define MIN_SLOTS 6 /* of which the last third are two */

static bool find_span(struct leak_series *series, uint64_t start_ns)
{
	uint64_t width = history_width(&series->history);
	uint64_t first = start_ns / width;
	uint32_t last = series->history.last;

	if (series->end_ns % width < width / 2 && last)
		last--;
	if (first > last || last - first + 1 < MIN_SLOTS)
		return false;
	series->first = (uint32_t)first;
	series->last = last;
	series->third = last - (last - series->first + 1) / 3 + 1;
	return true;
}

bool leak_series_read(const struct profile *profile, const struct node_history *history,
		      struct leak_series *ret)
{
	const struct process *process = &profile->processes[profile->nodes[history->node].process];
	const struct cost cost = profile_cost(profile, history->node);

	*ret = (struct leak_series){
		.history = *history,
		.live = history->kind == HISTORY_ALLOCATED ? cost.alloc_end : cost_live(&cost),
		.end_ns = profile_end_ns(profile, process),
	};
	history_bring_up(&ret->history, ret->live, ret->end_ns);
	return find_span(ret, process->start_ns);
}

/* Of the slot right before it may be the same: the shortest slots are as long as the time between
 * two readings, so that one may pass without any. */
bool leak_series_rises(const struct leak_series *series)
{
	const int64_t *low = series->history.low;
	int64_t most = 0, most_before = 0; /* to the slot before, and to the one before that */

	for (uint32_t slot = series->first; slot <= series->last; slot++) {
		if (slot >= series->third && (low[slot] <= most_before || low[slot] < most))
			return false;
		most_before = most;
		if (low[slot] > most)
			most = low[slot];
	}
	return series->live >= most;
}

bool leak_series_climbs(const struct leak_series *series)
{
	const int64_t *low = series->history.low;

	for (uint32_t slot = series->third; slot <= series->last; slot++) {
		if (low[slot] < low[slot - 1])
			return false;
	}
	return series->live >= low[series->last] && series->live > low[series->third - 1];
}

bool leak_series_falls(const struct leak_series *series)
{
	const int64_t *low = series->history.low;

	for (uint32_t slot = series->third - 1; slot <= series->last; slot++) {
		if (low[slot] > low[slot - 1])
			return false;
	}
	return series->live <= low[series->last] && series->live < low[series->third - 2];
}

/* The last third, from the slot in which what rises there was taken, in two halves. */
static uint32_t middle_of(const struct leak_series *series)
{
	return (series->third + series->last) / 2;
}

static struct leak_halves halves_of(int64_t first, int64_t middle, int64_t last)
{
	return (struct leak_halves){ { (double)middle - (double)first,
				       (double)last - (double)middle } };
}

struct leak_halves leak_series_risen(const struct leak_series *series)
{
	const int64_t *low = series->history.low;

	return halves_of(low[series->third - 1], low[middle_of(series)], series->live);
}

struct leak_halves leak_series_fallen(const struct leak_series *series)
{
	const int64_t *low = series->history.low;

	return halves_of(-low[series->third - 2], -low[middle_of(series) - 1], -series->live);
}

struct leak_halves leak_series_least_risen(const struct leak_series *series)
{
	struct leak_series least = *series;
	struct leak_halves risen;

	if (leak_series_rises(series))
		return leak_series_risen(series);
	if (least.live > least.history.low[least.last])
		least.live = least.history.low[least.last];
	risen = leak_series_risen(&least);
	for (int half = 0; half < 2; half++) {
		if (risen.of[half] < 0)
			risen.of[half] = 0;
	}
	return risen;
}
