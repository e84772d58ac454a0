/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which Python path is the current thread running? Walks the interpreter's own frame chain.
 *
 * Chain. Thread state (thread_state.h) -> (cframe, 3.11 and 3.12) -> leaf frame -> previous ...
 * Frames whose owner says interpreter or C stack are shims and no Python.
 *
 * Equality of a path with the last one is never assumed: two callers of one function can have
 * identical leaf frames (docs/design.md), so every frame of every event is walked.
 */
#ifndef MEMPROBE_WALK_H
#define MEMPROBE_WALK_H

#include "site_key.h"
#include "site_parts.h"
#include "submitters.h"

/* One frame. Returns 1 when the walk is over. */
static __always_inline long walk_frame(struct walk *walk)
{
	const struct wire_layout *layout = walk->layout;
	__u64 code, key, object, frame = walk->path->frame;
	const __u8 *head;
	long at;

	if (!frame) {
		walk->path->end = WALK_ROOT;
		return 1;
	}
	if (walk->path->by_shadow && walk->path->depth && !layout->has_unseen_frames &&
	    recall(name_frame(walk->path->image_id, frame, 0), &key) &&
	    find_above(walk->path, key)) {
		walk->path->key += key * walk->path->factor;
		walk->path->above = key;
		walk->path->end = WALK_KNOWN;
		return 1;
	}
	at = locate_frame(walk);
	if (at < 0 || at > BLOCK_BYTES) {
		walk->path->end = WALK_UNREADABLE;
		return 1;
	}
	head = walk->path->block + at;
	walk->path->frame = field_u64(head, layout->frame_back);
	if (is_shim(layout, head))
		return 0;
	code = frame_code(layout, head);
	if (walk->path->depth >= MAX_FRAMES) {
		walk->path->end = WALK_TOO_DEEP;
		return 1;
	}
	if (site_key(walk, code, &key)) {
		walk->path->end = WALK_UNREADABLE;
		return 1;
	}
	object = find_object(walk, head, frame, key, code);
	if (is_split())
		key = split_site(walk, head, code, key, object);
	push_site(walk, key, code, is_shadowed(layout, head) ? frame : 0, object);
	return cfg_submitters && join_submitter(walk->slot, walk->scratch, frame, code);
}

static long walk_frame_callback(__u32 index, void *walk)
{
	return callback_result(walk_frame(walk));
}

/* One frame, for kernels where the walk is a plain loop. */
__noinline int walk_step(__u32 slot, __u32 scratch)
{
	struct walk walk = {
		.layout = slot_layout(slot),
		.path = bpf_map_lookup_elem(&paths, &scratch),
		.parts = bpf_map_lookup_elem(&path_parts, &scratch),
		.cache = bpf_map_lookup_elem(&code_cache, &scratch),
		.slot = slot,
		.scratch = scratch,
	};

	if (!walk.layout || !walk.path || !walk.parts || !walk.cache)
		return 1;
	return walk_frame(&walk);
}

#define WALK_STEPS (2 * MAX_FRAMES) /* frames, and shims between them */

/*
 * The verifier goes through all turns of a plain loop, and that for each state in which it is come
 * to; through a global function once. So a long loop is one of loops, both in such functions.
 */
#define PLAIN_TURNS 32

/* Returns 1 when the walk is over. */
__noinline int walk_some(__u32 slot, __u32 scratch)
{
	for (__u32 i = 0; i < PLAIN_TURNS; i++) {
		if (walk_step(slot, scratch))
			return 1;
	}
	return 0;
}

__noinline int walk_plainly(__u32 slot, __u32 scratch)
{
	for (__u32 i = 0; i < WALK_STEPS / PLAIN_TURNS; i++) {
		if (walk_some(slot, scratch))
			break;
	}
	return 0;
}

static __always_inline void walk_frames(struct walk *walk, __u32 slot, __u32 scratch,
					bool plain_loop)
{
	walk->slot = slot;
	walk->scratch = scratch;
	if (plain_loop)
		walk_plainly(slot, scratch);
	else
		bpf_loop(WALK_STEPS, walk_frame_callback, walk, 0);
	if (walk->path->end == WALK_GOING)
		walk->path->end = WALK_TOO_DEEP;
}

static __always_inline bool find_scratch(struct walk *walk, __u32 scratch)
{
	walk->path = bpf_map_lookup_elem(&paths, &scratch);
	walk->parts = bpf_map_lookup_elem(&path_parts, &scratch);
	walk->cache = bpf_map_lookup_elem(&code_cache, &scratch);
	return walk->path && walk->parts && walk->cache;
}

/* Prepares a walk from a frame on. Returns 0 without scratch memory. */
static __always_inline int walk_prepare(struct walk *walk, const struct wire_layout *layout,
					__u32 image_id, __u32 scratch)
{
	if (!find_scratch(walk, scratch))
		return 0;
	walk->layout = layout;
	reset_path(walk->path, 0);
	walk->path->image_id = image_id;
	return 1;
}

#endif
