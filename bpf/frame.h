/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames: reading them and what they say of themselves. From 3.11 on the frames of a thread lie one
 * above the other in a chunk: the page below the leaf is read at once and the chain followed inside
 * it; what lies elsewhere (generators, older interpreters) is read frame by frame.
 */
#ifndef MEMPROBE_FRAME_H
#define MEMPROBE_FRAME_H

#include "path.h"

static __always_inline __u32 frame_head_bytes(const struct wire_layout *layout)
{
	__u32 bytes = layout->frame_bytes;

	return bytes > FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES : bytes;
}

/* Makes `path->block` hold the page part up to and including `frame`. */
static __always_inline long read_block(struct path *path, __u32 bytes)
{
	__u32 below = path->frame & (BLOCK_BYTES - 1);

	BOUND(bytes, FRAME_HEAD_BYTES);
	path->block_begin = path->frame - below;
	path->block_end = path->block_begin; /* nothing, should the read fail */
	if (read_user(path->block, below + bytes, path->block_begin))
		return -1;
	path->block_end = path->frame + bytes;
	return 0;
}

/* Is the frame in a chunk with its callers below it? The leaf mostly is; the page below the block
 * is the same chunk's; and after a frame that was elsewhere (a generator's) the chunk goes on. */
static __always_inline bool is_block_likely(const struct path *path)
{
	if (path->by_shadow && path->depth < SHADOW_STEPS)
		return false;
	return !has_python_frames(path) || path->was_elsewhere ||
	       path->block_begin - path->frame <= BLOCK_BYTES;
}

/* Reads the head of path->frame, and what lies below it where that helps. Returns where it lies in
 * path->block, or -1. */
__noinline int read_frame(__u32 slot, __u32 scratch)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	__u32 bytes;

	if (!path || !layout)
		return -1;
	bytes = frame_head_bytes(layout);
	if (layout->version >= 0x030b && is_block_likely(path) && !read_block(path, bytes)) {
		path->was_elsewhere = 0;
		return path->frame - path->block_begin;
	}
	/* A frame elsewhere: one read, behind the block. An absent page fails a block as a whole.
	 */
	BOUND(bytes, FRAME_HEAD_BYTES);
	if (read_user(path->block + BLOCK_BYTES, bytes, path->frame))
		return -1;
	if (path->block_end > path->block_begin + BLOCK_BYTES)
		path->block_end = path->block_begin + BLOCK_BYTES;
	path->was_elsewhere = 1;
	return BLOCK_BYTES;
}

/* Returns where the head of walk->path->frame lies in walk->path->block, or -1. */
static __always_inline long locate_frame(struct walk *walk)
{
	const struct path *path = walk->path;

	if (path->frame >= path->block_begin &&
	    path->frame + frame_head_bytes(walk->layout) <= path->block_end)
		return path->frame - path->block_begin;
	return read_frame(walk->slot, walk->scratch);
}

/* The owner of a frame stands at 69 to 78 in all versions that have one. */
static __always_inline __u8 frame_owner(const struct wire_layout *layout, const __u8 *head)
{
	return head[64 | (layout->frame_owner & 15)];
}

static __always_inline bool is_shim(const struct wire_layout *layout, const __u8 *head)
{
	return layout->owner_shim_min != NO_OFFSET &&
	       frame_owner(layout, head) >= layout->owner_shim_min;
}

/* May a frame have a slot in the shadow? */
static __always_inline bool is_shadowed(const struct wire_layout *layout, const __u8 *head)
{
	return !(field_u64(head, layout->frame_holder) & layout->holder_mask);
}

static __always_inline __u64 frame_code(const struct wire_layout *layout, const __u8 *head)
{
	return field_u64(head, layout->frame_code) & ~(__u64)layout->tag_mask;
}

static __always_inline __u32 frame_at(const struct wire_layout *layout, const __u8 *head,
				      __u64 code)
{
	__u64 instruction = field_u64(head, layout->frame_instr);

	if (layout->version < 0x030b)
		return (__u32)instruction + 1;
	return instruction - code - layout->code_adaptive + 1;
}

#define CODE_UNIT 2 /* sizeof(_Py_CODEUNIT) */

/*
 * Is this the end of a frame that never began? 3.11 and 3.12 clear a frame for which the arguments
 * of the call did not fit, or that would be one too many for the recursion limit, as they clear
 * those that have run. The former names no caller yet, or that of the last frame there. A new
 * frame's prev_instr stands one before the first instruction (pycore_frame.h). Later versions have
 * no such value, and up to 3.10 ends of frames are not looked at.
 */
static __always_inline bool has_not_begun(const struct wire_layout *layout, __u64 instruction,
					  __u64 code)
{
	return layout->calls_by_ends && instruction == code + layout->code_adaptive - CODE_UNIT;
}

#define FRAME_STACKTOP 64 /* of 3.11: int, how many locals and values the frame's place holds */

/*
 * Has this frame only made a generator? 3.11's RETURN_GENERATOR copies the frame into the generator
 * and leaves one that holds nothing, with its caller; where C has called the function,
 * _PyEval_Vector clears that as it clears those that have run (ceval.c). A frame that has run holds
 * its locals still; so only of those that hold nothing the code is asked what it is.
 */
static __always_inline bool has_made_generator(const struct wire_layout *layout, const __u8 *head,
					       __u64 code, bool is_shadowed)
{
	__u32 flags = 0;

	if (layout->version != 0x030b || layout->calls_by_ends != CALLS_AT_DEATHS ||
	    *(const __u32 *)(head + FRAME_STACKTOP) || !is_shadowed)
		return false;
	read_user(&flags, sizeof(flags), code + layout->code_flags);
	return flags & CODE_RESUMABLE;
}

#endif
