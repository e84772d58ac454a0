/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The quick way from a hit of a call probe to the path's count, without scratch memory, a walk or a
 * look at the table of nodes. It is all that most hits need; when anything is not known, nothing is
 * done here and the walk (calls.h) makes it known.
 *
 * What it costs is helper calls: 75 ns for each read of the target's memory (measured, 6.18), less
 * onto the stack than into a map. From 3.11 on callers mostly lie just below a frame, so both are
 * read at once.
 */
#ifndef MEMPROBE_QUICK_H
#define MEMPROBE_QUICK_H

#include "lifecycle.h"

/* What a hit is about. */
struct call {
	const struct wire_layout *layout;
	const struct wire_python *python;
	__u64 frame;
	__u64 tstate; /* 0: not known */
};

/* What tells a code object from others at its address: that none has gone, its own version (3.12
 * and later) or the generation of all. Returns 0 when nothing does at once. */
static __always_inline __u32 read_code_version(const struct call *call, __u64 code)
{
	__u32 version = 0;

	if (call->layout->code_watched)
		return CODE_WATCHED;
	if (call->layout->code_version == NO_OFFSET)
		return read_generation(call->layout, call->python->bias, 0);
	read_user(&version, sizeof(version), code + call->layout->code_version);
	return version;
}

#define QUICK_HEAD_BYTES 96   /* of a frame: code, back, holder; from 3.11 on the first argument */
#define QUICK_BELOW_BYTES 152 /* read with it: callers whose frames are small */

/* Target memory with frames. On the stack. */
struct quick_block {
	__u8 bytes[QUICK_BELOW_BYTES + QUICK_HEAD_BYTES];
	__u64 begin; /* address of bytes[0]; 0: only the last frame's head is there */
};

/* A generator's frame that nobody runs: it goes while it waits. Where returns are counted it is one
 * that C resumes with no frame below, as a thread's function or from atexit. */
static __always_inline bool is_unused(const struct wire_layout *layout, __u64 back,
				      bool is_shadowed)
{
	return layout->calls_by_ends == CALLS_AT_DEATHS && !back && !is_shadowed;
}

/* The last three are 1 or 0. */
struct quick_frame {
	__u64 back;
	__u64 code;
	__u64 is_python; /* no shim */
	__u64 is_site;	 /* the same again: what has been asked by a branch the verifier knows */
	__u64 is_shadowed;
};

/* Keeps the compiler from making a branch of a number that is 0 or 1. */
#define NO_BRANCH(value) asm volatile("" : "+r"(value))

/* What is_shim and is_shadowed tell, as numbers: behind a branch the verifier would go through
 * everything twice, and that for each caller. */
static __always_inline void parse_owner(const struct wire_layout *layout, const __u8 *head,
					struct quick_frame *ret)
{
	__u64 owner = frame_owner(layout, head);
	__u64 is_python = (owner - layout->owner_shim_min) >> 63; /* owners are below NO_OFFSET */
	__u64 holder_at = (layout->frame_holder - layout->quick_begin) & 0x18; /* behind 64 */
	__u64 holder = *(const __u64 *)(head + 64 + holder_at) & layout->holder_mask;
	__u64 is_site, is_shadowed = (holder - 1) >> 63; /* no holder has that bit */

	NO_BRANCH(is_python);
	NO_BRANCH(owner);
	is_site = (owner - layout->owner_shim_min) >> 63;
	NO_BRANCH(is_site);
	NO_BRANCH(is_shadowed);
	ret->is_python = is_python;
	ret->is_site = is_site;
	ret->is_shadowed = is_shadowed;
}

/* A frame by itself, put where the last of a block lies. */
static __always_inline bool read_single(const struct call *call, struct quick_block *block,
					__u64 frame)
{
	block->begin = 0;
	return !read_user(block->bytes + QUICK_BELOW_BYTES, QUICK_HEAD_BYTES,
			  frame + call->layout->quick_begin);
}

static __always_inline bool read_with_callers(struct quick_block *block, __u64 frame)
{
	block->begin = frame - QUICK_BELOW_BYTES;
	return !read_user(block->bytes, sizeof(block->bytes), block->begin);
}

static __always_inline __u64 read_quick(const struct wire_layout *layout, const __u8 *head,
					__u16 offset)
{
	return *(const __u64 *)(head + ((offset - layout->quick_begin) & 0x38));
}

static __always_inline void parse_frame(const struct call *call, const __u8 *head,
					struct quick_frame *ret)
{
	const struct wire_layout *layout = call->layout;

	ret->back = read_quick(layout, head, layout->frame_back);
	ret->code = read_quick(layout, head, layout->frame_code) & ~(__u64)layout->tag_mask;
	parse_owner(layout, head, ret);
}

/* Reads a caller's frame; it may be in the block already. */
static __always_inline bool read_caller(const struct call *call, struct quick_block *block,
					__u64 frame, struct quick_frame *ret)
{
	__u64 at = frame - block->begin;

	if (at > QUICK_BELOW_BYTES) {
		at = QUICK_BELOW_BYTES;
		if (!read_single(call, block, frame))
			return false;
	}
	asm volatile("%0 &= 0xf8" : "+r"(at)); /* verifier: frames are aligned */
	parse_frame(call, block->bytes + at, ret);
	return true;
}

static __always_inline bool recall_site(const struct call *call, __u64 code, __u64 *ret_key)
{
	__u32 version = read_code_version(call, code);

	return version && recall(name_code(call->python->image_id, code, version), ret_key);
}

/* The name of a frame's slot in the shadow. */
static __always_inline __u64 name_slot(const struct call *call, __u64 frame, __u64 code)
{
	return name_frame(call->python->image_id, frame, shadow_code(call->layout, code));
}

#define QUICK_CALLERS 3

#ifdef __bpf__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL /* the host's compiler decides */
#endif

/* Callers without a slot, the nearest first, and the path above them. */
struct callers {
	__u64 names[QUICK_CALLERS]; /* of the slot that they get; 0: none */
	__u64 sites[QUICK_CALLERS]; /* 0: a shim */
	__u64 above;
};

/* Reads callers up to one with a known path. Returns false when there are more. */
static __always_inline bool read_callers(const struct call *call, struct quick_block *block,
					 __u64 frame, struct callers *ret)
{
	struct quick_frame caller;
	__u64 site;

	UNROLL
	for (int i = 0; i < QUICK_CALLERS; i++) {
		/* verifier: read anew, or each caller would be gone through for yes and for no. */
		__u16 is_checked = *(volatile __u16 *)&call->layout->has_unseen_frames;

		ret->above = 0; /* of the root */
		if (!frame || (!is_checked && recall(name_slot(call, frame, 0), &ret->above)))
			return true;
		if (!read_caller(call, block, frame, &caller))
			return false;
		if (is_checked && recall(name_slot(call, frame, caller.code), &ret->above))
			return true;
		site = caller.code; /* verifier: any number that it does not know */
		if (caller.is_python && !recall_site(call, caller.code, &site))
			return false;
		ret->sites[i] = site & -caller.is_site;
		ret->names[i] = name_slot(call, frame, caller.code) &
				-(caller.is_site & caller.is_shadowed);
		frame = caller.back;
	}
	return false;
}

/* The key of a caller's path, from its slot or from those of its own callers. */
static __always_inline bool find_caller_path(const struct call *call, struct quick_block *block,
					     __u64 frame, __u64 *ret_key)
{
	struct callers callers = {};

	if (!read_callers(call, block, frame, &callers))
		return false;
	*ret_key = callers.above;
	UNROLL
	for (int i = QUICK_CALLERS - 1; i >= 0; i--) {
		if (!callers.sites[i])
			continue;
		*ret_key = path_child(*ret_key, callers.sites[i]);
		if (callers.names[i])
			keep(callers.names[i], *ret_key);
	}
	return true;
}

/* Has it been noted that the call's path runs on its object? */
static __always_inline bool is_object_noted(const struct call *call,
					    const struct quick_block *block,
					    const struct wire_node *node)
{
	const struct wire_layout *layout = call->layout;
	__u64 site = node->site, object = 0;

	if (!(site & SELF_MASK) || node->objects > MAX_NODE_OBJECTS)
		return true;
	if (layout->version >= 0x030b)
		object = *(const __u64 *)(block->bytes + QUICK_BELOW_BYTES +
					  (layout->frame_locals & 0x58));
	else if ((site & SELF_MASK) == SELF_PLAIN)
		read_user(&object, sizeof(object), call->frame + layout->frame_locals);
	object &= ~(__u64)layout->tag_mask;
	if (object && (site & SELF_MASK) == SELF_IN_CELL)
		read_user(&object, sizeof(object), object + layout->cell_content);
	return !object || is_seen(name_seen(node->key, object, true));
}

/* Counts a call whose caller's path and whose code are known; false: look closer. */
static __always_inline bool count_known(const struct call *call)
{
	struct quick_block block;
	struct quick_frame frame;
	union node_place place;
	struct wire_node *node;
	__u64 instruction, site;
	bool is_outermost;

	if (call->layout->version < 0x030b || !read_with_callers(&block, call->frame)) {
		__builtin_memset(block.bytes, 0, QUICK_BELOW_BYTES); /* verifier: it is not read */
		if (!read_single(call, &block, call->frame))
			return false;
	}
	parse_frame(call, block.bytes + QUICK_BELOW_BYTES, &frame);
	instruction = *(__u64 *)(block.bytes + QUICK_BELOW_BYTES +
				 (call->layout->frame_instr & 0x38));
	if (is_unused(call->layout, frame.back, frame.is_shadowed) ||
	    has_not_begun(call->layout, instruction, frame.code) ||
	    has_made_generator(call->layout, block.bytes + QUICK_BELOW_BYTES, frame.code,
			       frame.is_shadowed))
		return true;
	if (!find_caller_path(call, &block, frame.back, &place.key) ||
	    !recall_site(call, frame.code, &site))
		return false;
	is_outermost = !place.key;
	place.key = path_child(place.key, site);
	node = find_node(&place);
	if (!node || node->site != site || !is_object_noted(call, &block, node))
		return false;
	__sync_fetch_and_add(&node->calls, 1);
	mark_changed(place.id);
	if (!call->layout->calls_by_ends)
		keep_if(name_slot(call, call->frame, frame.code), node->key, frame.is_shadowed);
	if (is_outermost)
		note_return();
	return true;
}

/* The same with a stack of its own. Returns 1 when the call is counted. */
__noinline int count_quickly(__u64 frame, __u32 slot)
{
	struct call call = {
		.layout = slot_layout(slot),
		.python = bpf_map_lookup_elem(&pythons, &slot),
		.frame = frame,
	};

	return call.layout && call.python && cfg_shortcuts && count_known(&call);
}

#endif
