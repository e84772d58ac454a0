/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where calls are counted when frames end: the frames that never do, because their thread dies or
 * begins another program. Their path goes with the thread's end to user space, which adds a call to
 * each of them.
 */
#ifndef MEMPROBE_LAST_PATHS_H
#define MEMPROBE_LAST_PATHS_H

#include "calls.h"

/* A thread's last path is asked for: calls are counted. */
const volatile bool cfg_last_paths = true;

/* Nothing is said of all calls. */
#define NO_LAST_PATHS (IMAGE_ATTACHED | IMAGE_CALLS_OVER)

/* What the current thread's slot for its state has, also when the runtime has given the key back:
 * that keeps its number (from 3.7 on). Negative: cannot be read. */
static __always_inline long read_former_slot(const struct wire_image *image,
					     const struct wire_layout *layout, __u64 bias,
					     struct thread_slot *ret)
{
	const struct thread_at at = { .bias = bias,
				      .thread_pointer = READ_CURRENT(THREAD_POINTER) };
	__u32 key, way = image->slot_way;

	if (layout->tstate_by != TSTATE_BY_PTHREAD_KEY)
		return read_thread_local(layout, at, ret);
	if (read_user(&key, sizeof(key), layout->key_vaddr + bias) || key >= PTHREAD_KEYS)
		return -1;
	way = way ? way - 1 : 0;
	asm volatile("%0 &= 3" : "+r"(way)); /* verifier: as in kind_index */
	return read_pthread_slot(&layout->slots[way], at.thread_pointer, key, ret);
}

/*
 * The current thread ends and has run Python, but the runtime has been taken down before, by the
 * thread of the state `finalizing`: a daemon thread, which never runs Python again. With its state
 * its frames have gone. When it wants to run Python it ends itself, up to 3.13; then the slot has
 * only the number of the key with which it was set, also when the process ends before it is done,
 * as that of a thread which has just ended in order: but the outermost frame of that has ended.
 */
__noinline int is_left_thread(__u32 slot, __u64 finalizing)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	const struct wire_thread *thread;
	struct thread_slot former;

	if (!image || !python || !layout)
		return 0;
	if (read_former_slot(image, layout, python->bias, &former))
		return 1;
	if (former.tstate)
		return former.tstate != finalizing;
	if (!former.sequence || has_returned())
		return 0;
	thread = find_entry();
	return !(READ_CURRENT(signal, flags) & SIGNAL_GROUP_EXIT) ||
	       (thread && is_cut_short(thread));
}

/*
 * The current thread dies on frames of the state in its slot, or has none there now. Those of other
 * interpreters, in which it has begun to run this one, stand on states that nothing leads to from
 * here. None do where there is no other interpreter, nor, from 3.12 on, where the slot has one of
 * the main interpreter's: it follows every switch (subinterpreters.h).
 */
__noinline int note_outer_frames(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	struct thread_at at = { .thread_pointer = READ_CURRENT(THREAD_POINTER) };
	__u64 interpreters[2] = {}, interp = 0;
	struct thread_slot thread;

	if (!image || !python || !layout || !layout->interpreters_vaddr)
		return 0;
	at.bias = python->bias;
	if (!read_user(interpreters, sizeof(interpreters), layout->interpreters_vaddr + at.bias) &&
	    interpreters[0] == interpreters[1])
		return 0;
	if (layout->version < 0x030c || read_slot(image, layout, at, &thread) ||
	    read_user(&interp, sizeof(interp), thread.tstate + layout->tstate_interp) ||
	    interp != interpreters[1])
		image->flags |= IMAGE_OUTER_CALLS;
	return 0;
}

/* The path of frames that the current thread leaves without their ends where these are counted, 0
 * when its interpreter has ended it in order. It dies, and since 6.16 the address space is still
 * there at this event; or it is about to begin a program, of which 6.10 and later tell in time. */
static __always_inline struct node_id find_last_path(struct wire_image *image, __u32 slot)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout;
	struct node_id id = {};
	__u64 finalizing = 0, found;
	int begun;

	layout = slot_layout(slot);
	if (!python || !layout || python->state != PYTHON_KNOWN || !layout->calls_by_ends ||
	    (image->flags & NO_LAST_PATHS) || !is_own_task(image))
		return id;
	if (layout->finalizing_vaddr)
		read_user(&finalizing, sizeof(finalizing), layout->finalizing_vaddr + python->bias);
	if (finalizing || image->flags & IMAGE_FINALIZING) {
		if (is_left_thread(slot, finalizing))
			image->flags |= IMAGE_LEFT_CALLS;
		return id;
	}
	begun = begin_walk(slot, SCRATCH_RSS, 0);
	if (begun != WALK_NO_STATE)
		note_outer_frames(slot);
	if (begun != WALK_BEGUN || !walk_begun(slot, SCRATCH_RSS))
		return id;
	found = find_call(slot, SCRATCH_RSS);
	id.value = found;
	if (found >> 32)
		count_loss(image, (found >> 32) - 1, 0);
	return id;
}

/* The current thread exits, or is about to begin a program. Before what sends it. */
__noinline int note_last_path(void)
{
	struct wire_thread *thread;
	struct wire_image *image;
	struct node_id id;
	__u32 slot = 0;

	image = find_image(READ_CURRENT(mm), &slot);
	if (!image)
		return 0;
	id = find_last_path(image, slot);
	thread = id.value ? current_thread(image) : NULL;
	if (thread)
		thread->node = id;
	return 0;
}

#endif
