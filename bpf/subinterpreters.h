/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The thread state of the current thread in another interpreter than the first. */
#ifndef MEMPROBE_SUBINTERPRETERS_H
#define MEMPROBE_SUBINTERPRETERS_H

#include "thread_state.h"

/*
 * Subinterpreters, up to 3.11. The slot holds the first thread state that the thread has had,
 * mostly the main interpreter's, also while the thread is in another (3.12 and later change the
 * slot then, see tstate_activate in pystate.c). So all thread states of the other interpreters are
 * looked at: this thread's, with a frame, in the newest interpreter is the one. It costs a read to
 * know that there are other interpreters, and only one event in INTERPRETER_LOOK asks; making an
 * interpreter takes more than 100.
 */
#define INTERPRETER_LOOK 16
#define INTERPRETER_STEPS 64 /* the verifier goes through all turns of a loop: so there are two */
#define INTERPRETER_ROUNDS 8 /* of so many steps */

struct interpreter_search {
	__u64 interp; /* the next */
	__u64 main;
	__u64 tstate; /* the next */
	__u64 found;
	__u64 failed; /* a read */
	__u64 fsbase; /* of the thread whose state is looked for */
};

/* Of rss_stat, which fires with preemption off. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct interpreter_search);
} interpreter_searches SEC(".maps");

/* Returns 1 for a thread state with a frame, 0 without, -1 when it cannot be read. */
static __always_inline int runs_python(const struct wire_layout *layout, __u64 tstate)
{
	__u64 frame;

	if (read_user(&frame, sizeof(frame), tstate + layout->tstate_frame))
		return -1;
	if (frame && layout->cframe_frame != NO_OFFSET &&
	    read_user(&frame, sizeof(frame), frame + layout->cframe_frame))
		return -1;
	return frame != 0;
}

/* On to the next interpreter. Returns 1 when there is none. */
static __always_inline int search_next_interpreter(const struct wire_layout *layout,
						   struct interpreter_search *search)
{
	if (!search->interp || search->interp == search->main)
		return 1;
	search->failed = read_user(&search->tstate, 8, search->interp + layout->interp_threads) ||
			 read_user(&search->interp, 8, search->interp + layout->interp_next);
	return search->failed;
}

/* One thread state, or on to another interpreter. Returns 1 when the search is over. */
__noinline int search_interpreters(__u32 slot)
{
	const struct wire_layout *layout = slot_layout(slot);
	__u32 zero = 0;
	struct interpreter_search *search = bpf_map_lookup_elem(&interpreter_searches, &zero);
	__u64 thread = 0, tstate;
	int runs = 0;

	if (!layout || !search)
		return 1;
	tstate = search->tstate;
	if (!tstate)
		return search_next_interpreter(layout, search);
	if (read_user(&thread, sizeof(thread), tstate + layout->tstate_thread))
		runs = -1;
	else if (thread == search->fsbase)
		runs = runs_python(layout, tstate);
	if (runs > 0)
		search->found = tstate;
	search->failed = runs < 0 ||
			 (!runs && read_user(&search->tstate, 8, tstate + layout->tstate_next));
	return runs || search->failed;
}

/* Returns 1 when the search is over. */
__noinline int search_some_interpreters(__u32 slot)
{
	for (__u32 i = 0; i < INTERPRETER_STEPS; i++) {
		if (search_interpreters(slot))
			return 1;
	}
	return 0;
}

/* A thread's state in an interpreter that is not the first. Returns enum thread_found: RUNS with
 * its address in the search, or NONE, UNREADABLE, UNCLEAR. */
__noinline int find_among_interpreters(__u32 slot, __u64 interpreters, __u64 fsbase)
{
	__u32 zero = 0, i;
	struct interpreter_search *search = bpf_map_lookup_elem(&interpreter_searches, &zero);

	if (!search)
		return THREAD_UNREADABLE;
	if (read_user(search, 16, interpreters))
		return THREAD_UNREADABLE;
	search->tstate = search->found = search->failed = 0;
	search->fsbase = fsbase;
	for (i = 0; i < INTERPRETER_ROUNDS; i++) {
		if (search_some_interpreters(slot))
			break;
	}
	if (search->failed)
		return THREAD_UNREADABLE;
	if (i == INTERPRETER_ROUNDS)
		return THREAD_UNCLEAR;
	return search->found ? THREAD_RUNS : THREAD_NONE;
}

static __always_inline enum thread_found find_in_subinterpreter(const struct wire_layout *layout,
								__u32 slot, struct thread_at at,
								__u64 *ret_tstate)
{
	int found = find_among_interpreters(slot, at.bias + layout->interpreters_vaddr, at.fsbase);
	__u32 zero = 0;
	struct interpreter_search *search = bpf_map_lookup_elem(&interpreter_searches, &zero);

	if (search)
		*ret_tstate = search->found;
	return found;
}

/* Are there other interpreters, as far as has been seen? */
static __always_inline bool has_subinterpreters(struct wire_image *image,
						const struct wire_layout *layout, __u64 bias)
{
	__u64 list[2] = {};

	if (layout->version >= 0x030c || !layout->interpreters_vaddr)
		return false;
	/* One of them alone is there while the first interpreter is being made, or the last ends.
	 * When they cannot be read, the next look will tell. */
	if (!(image->looks & (INTERPRETER_LOOK - 1)) &&
	    !read_user(list, sizeof(list), bias + layout->interpreters_vaddr) && list[0] &&
	    list[1] && list[0] != list[1])
		image->flags |= IMAGE_SUBINTERPRETERS;
	return image->flags & IMAGE_SUBINTERPRETERS;
}

#endif
