/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose work a pool's thread does: a path that runs through the frame which took an item out of a
 * queue hangs below the path that had put the item there (--submitters). What is put and taken is
 * seen by queues.h; here is what a walk asks.
 *
 * The frame is known by its address and its code object together: once it has ended, another may
 * lie there, and one of the same function takes an item of its own before it works.
 */
#ifndef MEMPROBE_SUBMITTERS_H
#define MEMPROBE_SUBMITTERS_H

#include "node_ids.h"
#include "path.h"

const volatile bool cfg_submitters = false;

struct worker_key {
	__u64 frame;
	__u32 image_id;
	__u32 pad;
};

/* The oldest go where there are too many: what their frames do hangs below their thread then. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* sized by loader */
	__type(key, struct worker_key);
	__type(value, struct work);
} workers SEC(".maps");

/* How often it was not found out which frame of an image has taken something, by slot: what any of
 * them had taken before may be no more what it works on. */
__u32 lost_takes[MAX_IMAGES];

static __always_inline __u32 *find_lost_takes(__u32 slot)
{
	asm volatile("%0 &= 4095" : "+r"(slot)); /* verifier: as in kind_index */
	return &lost_takes[slot];
}
_Static_assert(MAX_IMAGES == 4096, "find_lost_takes");

/* Has a path a node? Then walks that come to it may end there. */
static __always_inline bool find_above(struct path *path, __u64 key)
{
	union node_place place = { .key = key };

	if (!find_node(&place))
		return false;
	path->above_id = place.id;
	return true;
}

#define CO_GENERATORS 0x2a0 /* CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR */

static __always_inline bool is_shim_at(const struct wire_layout *layout, __u64 frame)
{
	__u8 owner = 0;

	return layout->owner_shim_min != NO_OFFSET &&
	       (read_user(&owner, sizeof(owner), frame + layout->frame_owner) ||
		owner >= layout->owner_shim_min);
}

/* The code object of a frame; 0: it is not to be read, or a shim. */
static __always_inline __u64 code_of_frame(const struct wire_layout *layout, __u64 frame)
{
	__u64 code = 0;

	if (is_shim_at(layout, frame) || read_user(&code, sizeof(code), frame + layout->frame_code))
		return 0;
	return code & ~(__u64)layout->tag_mask;
}

static __always_inline bool is_coroutine(const struct wire_layout *layout, __u64 code)
{
	__u32 flags = 0;

	return !read_user(&flags, sizeof(flags), code + layout->code_flags) &&
	       flags & CO_GENERATORS;
}

/* Is the frame to be walked next, behind one of a coroutine, that of what awaits it? Then the
 * coroutine is no task's: it came to the place of one that is no more. */
static __always_inline bool is_awaited(const struct wire_layout *layout, __u64 frame)
{
	__u64 code;

	if (frame && is_shim_at(layout, frame) &&
	    read_user(&frame, sizeof(frame), frame + layout->frame_back))
		return false;
	code = frame ? code_of_frame(layout, frame) : 0;
	return code && is_coroutine(layout, code);
}

/* Is the work that is known of a frame that of what runs there now? */
static __always_inline bool is_at_work(const struct wire_layout *layout, const struct path *path,
				       const struct work *work, __u64 code, __u32 takes)
{
	if (work->code != code || (work->takes && work->takes != takes))
		return false;
	if (work->is_task)
		return !is_awaited(layout, path->frame);
	/* Another thread's frames may come to the place of one that has ended. */
	return !work->taker || path->cause || work->taker == CURRENT(start_time);
}

/* A frame was walked. Ends the walk below the path that gave it its work, if one did. Returns 1
 * when it has ended. */
__noinline int join_submitter(__u32 slot, __u32 scratch, __u64 frame, __u64 code)
{
	const struct wire_layout *layout = slot_layout(slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct worker_key key = { .frame = frame };
	const struct work *work;

	if (!path || !layout)
		return 0;
	key.image_id = path->image_id;
	work = bpf_map_lookup_elem(&workers, &key);
	if (!work || !is_at_work(layout, path, work, code, *find_lost_takes(slot) + 1) ||
	    !find_above(path, work->path))
		return 0;
	path->work = *work;
	path->key += work->path * path->factor;
	path->above = work->path;
	path->end = WALK_KNOWN;
	return 1;
}

#endif
