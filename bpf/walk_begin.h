/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a walk begins: the current thread's leaf frame. */
#ifndef MEMPROBE_WALK_BEGIN_H
#define MEMPROBE_WALK_BEGIN_H

#include "subinterpreters.h"
#include "walk.h"

/* Images whose code objects are seen to end, by slot: user/capture/code_watch.c. */
__u32 watched_images[MAX_IMAGES];

static __always_inline bool is_watched(__u32 slot, __u32 image_id)
{
	asm volatile("%0 &= 4095" : "+r"(slot)); /* verifier: as in kind_index */
	return *(volatile __u32 *)&watched_images[slot] == image_id;
}
_Static_assert(MAX_IMAGES == 4096, "is_watched");

#define BY_WATCH (1ULL << 32) /* no interpreter's counter is that high */

/* What is another number once an address may have got another code object: how many were seen to
 * end, or the interpreter's counter, which up to 3.11 moves with every change of a dict. */
static __always_inline __u64 find_generation(const struct wire_image *image, __u32 slot,
					     const struct wire_layout *layout, __u64 bias,
					     __u64 interp)
{
	if (is_watched(slot, image->image_id))
		return BY_WATCH | (__u32)image->code_deaths;
	return read_generation(layout, bias, interp);
}

/* The walk's start when what is kept does not lead to a thread's frame. Leaves the leaf in a
 * prepared path and keeps a state that is believed. Returns enum thread_found. */
__noinline int find_leaf_frame(__u32 slot, __u32 scratch, __u32 kept, __u64 thread_pointer)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	struct thread_at at = { .thread_pointer = thread_pointer };
	struct thread_slot thread = {};
	struct thread_head head;
	__u64 own;
	int found;

	if (!image || !python || !path || !layout)
		return THREAD_NONE;
	at.bias = python->bias;
	found = find_slot(image, slot, layout, at, kept, &thread);
	own = thread.tstate;
	if (image->flags & IMAGE_SUBINTERPRETERS && (found == THREAD_RUNS || found == THREAD_NONE))
		found = find_in_interpreters(slot, scratch, at, &thread.tstate);
	if (found != THREAD_RUNS)
		return found;
	if (!(image->flags & IMAGE_RUNTIME_SEEN))
		image->flags |= IMAGE_RUNTIME_SEEN;
	if (read_thread_head(layout, path->head, thread.tstate, &head))
		return THREAD_UNREADABLE;
	if (thread.tstate == own)
		know(&path->thread, image->image_id, thread_pointer, &thread);
	path->frame = head.frame;
	if (cfg_native)
		path->tstate = thread.tstate;
	path->generation = path->watched ? 0
					 : find_generation(image, slot, layout, python->bias,
							   head.interp);
	return head.frame ? THREAD_RUNS : THREAD_IDLE;
}

/* A state that is this thread's own may be a former one, left in the slot of a key that is no more
 * Python's: one event of so many proves everything anew. A power of two. */
#define KEY_LOOK 256

/* A runtime that ends deletes its key, and then frees the state; the slot still leads there, to
 * whatever has that memory next. */
static __always_inline bool may_lack_key(const struct wire_image *image)
{
	return !(image->looks & (KEY_LOOK - 1)) || image->flags & IMAGE_FINALIZING;
}

/* No process has such an address: a debug allocator has filled what was freed (with 0xdd, to 3.7
 * with 0xdb: Objects/obmalloc.c), and nobody has seen yet that the runtime ends. */
static __always_inline bool is_filled(__u64 address)
{
	return address >> 56;
}

/* Starts with what is kept. THREAD_UNCLEAR: there is more to ask. */
static __always_inline enum thread_found find_known_leaf(struct path *path,
							 const struct wire_image *image, __u32 slot,
							 const struct wire_layout *layout,
							 struct thread_at at)
{
	struct thread_slot thread;
	struct thread_head head;

	if (may_lack_key(image) || read_slot(image, layout, at, &thread))
		return THREAD_UNCLEAR;
	if (!thread.tstate)
		return THREAD_NONE;
	if (!is_known(&path->thread, image->image_id, at.thread_pointer, &thread) ||
	    read_thread_head(layout, path->head, thread.tstate, &head) || is_filled(head.frame))
		return THREAD_UNCLEAR;
	if (!head.frame)
		return THREAD_IDLE;
	path->frame = head.frame;
	if (cfg_native)
		path->tstate = thread.tstate;
	path->generation = path->watched
				   ? 0
				   : find_generation(image, slot, layout, at.bias, head.interp);
	return THREAD_RUNS;
}

/* What begin_walk returns. */
enum walk_begun {
	WALK_BEGUN,    /* at a frame; or it has ended at once, because nothing is known */
	WALK_NO_FRAME, /* the thread runs no Python now, or it is not known where there is one */
	WALK_NO_STATE, /* it never did, or no more */
};

/* The layout of an image's interpreter, when that is known. */
static __always_inline const struct wire_layout *known_layout(const struct wire_python *python,
							      __u32 image_id)
{
	__u32 index = python->layout;

	if (python->state != PYTHON_KNOWN || python->image_id != image_id)
		return NULL;
	return bpf_map_lookup_elem(&layouts, &index);
}

/* Sets the scratch's path to a thread's leaf frame; the thread is one of the image's, and the
 * current address space the image's. `watched` is as in the path. */
__noinline int begin_walk_of(__u32 slot, __u32 scratch, __u32 watched, __u64 thread_pointer)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct thread_at at = { .thread_pointer = thread_pointer };
	const struct wire_layout *layout;
	int found = THREAD_UNCLEAR;

	if (!image || !python || !path)
		return WALK_NO_FRAME;
	layout = known_layout(python, image->image_id);
	if (!layout)
		return WALK_NO_FRAME;
	reset_path(path, 0);
	path->image_id = image->image_id;
	path->watched = watched;
	image->looks++;
	at.bias = python->bias;
	if (!has_subinterpreters(image, layout, python->bias))
		found = find_known_leaf(path, image, slot, layout, at);
	if (found == THREAD_RUNS)
		return WALK_BEGUN;
	found = find_leaf_frame(slot, scratch, found, thread_pointer);
	if (found == THREAD_UNREADABLE)
		path->end = WALK_NO_THREAD;
	if (found == THREAD_UNCLEAR)
		path->end = WALK_NOT_OURS;
	if (found == THREAD_NONE)
		return WALK_NO_STATE;
	return found == THREAD_IDLE ? WALK_NO_FRAME : WALK_BEGUN;
}

/* The same of the current thread. */
static __always_inline int begin_walk(__u32 slot, __u32 scratch, __u32 watched)
{
	return begin_walk_of(slot, scratch, watched, CURRENT(THREAD_POINTER));
}

/* Finds the data of a walk that has begun. Returns the layout of its interpreter; NULL: there is
 * none. */
static __always_inline const struct wire_layout *find_walk(struct walk *walk, __u32 slot,
							   __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);

	if (!image || !python || !find_scratch(walk, scratch))
		return NULL;
	walk->slot = slot;
	walk->scratch = scratch;
	return walk->layout = known_layout(python, image->image_id);
}

#endif
