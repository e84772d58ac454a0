/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts of calls beside the table of nodes: an array is found without a helper.
 */
#ifndef MEMPROBE_CALL_TALLIES_H
#define MEMPROBE_CALL_TALLIES_H

#include "state.h"
#include <memprobe/wire_hash.h>

/* Calls by path, for paths that have a node. A path gets the slot that its key leads to when that
 * is free, or is counted in its node. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CALL_TALLIES); /* 1 when no calls are counted: set by loader */
	__type(key, __u32);
	__type(value, struct wire_call_tally);
} call_tallies SEC(".maps");

static __always_inline struct wire_call_tally *find_call_tally(__u64 path)
{
	__u32 slot = call_tally_slot(path);

	return bpf_map_lookup_elem(&call_tallies, &slot);
}

/* Counts a call on a path that has a slot; false: it has none. */
static __always_inline bool tally_call(__u64 path)
{
	struct wire_call_tally *tally = find_call_tally(path);

	if (!tally || *(volatile __u64 *)&tally->path != path)
		return false;
	__sync_fetch_and_add(&tally->calls, 1);
	return true;
}

/* Gives a path with a node its slot, when that is free. */
static __always_inline void claim_call_tally(__u64 path)
{
	struct wire_call_tally *tally = find_call_tally(path);

	if (tally && !tally->path)
		__sync_val_compare_and_swap(&tally->path, 0, path);
}

#endif
