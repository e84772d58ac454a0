/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where is the current thread's PyThreadState, and is it one?
 *
 * From 3.7 on every thread that runs Python has its state in the pthread slot of
 * _PyRuntime.gilstate.autoTSSkey (3.6: the static autoTLSkey), with or without the GIL, and 3.15 in
 * a thread-local variable. `tstate_current` names the thread that holds the GIL, which is another
 * one for 45 % of the faults of a program that releases it; _Py_tss_tstate is NULL without the GIL.
 * Where a C library keeps slots is data (wire_slots, user/target/c_library.c); where the file does
 * not tell which it is, all are tried until one leads to a thread's own state.
 *
 * Belief. The key is kept with the image, because reading it costs a tenth of an event. It can
 * become another one: a second Py_Initialize() makes a new key, and so does a forked child
 * (_PyGILState_Reinit); whoever asks for a key then gets the old one, and glibc clears no slot. So
 * a state is believed when its thread_id is this thread (pthread_self() is the thread pointer in
 * glibc and musl, or at a distance from it); each CPU keeps the last one that was believed, so that
 * a thread's next event needs no more reads than without. Whatever else is found, a state without a
 * frame and no state at all included, makes the key be read again, and so do one event in KEY_LOOK
 * and each while the runtime finalizes.
 *
 * From 3.12 on a thread may run a state that another has made (PyThreadState_Swap). glibc's slot
 * holds the sequence number of its key, which every making and deleting of a key moves: with the
 * number of a state that was believed the slot is Python's, with another it is what a former owner
 * of the key has left. A runtime that begins again mostly gets the key of the one before, and 3.11
 * makes it before it takes the memory of its first state (pycore_create_interpreter()): until that
 * is set the slot has the former number.
 *
 * What cannot be read is never taken for "no Python": it is THREAD_UNREADABLE and a loss.
 */
#ifndef MEMPROBE_THREAD_STATE_H
#define MEMPROBE_THREAD_STATE_H

#include "compat.h"
#include "state.h"
#include "thread_slot.h"

/* Field offsets are data; the masks keep them inside the buffers for the verifier. */
static __always_inline __u64 field_u64(const __u8 *head, __u32 offset)
{
	return *(const __u64 *)(head + (offset & (FRAME_HEAD_BYTES - 8)));
}

/* What the global functions find again by slot. A global function takes numbers only, but is
 * verified once, on its own, instead of at every call and in every turn of a loop. */
static __always_inline const struct wire_layout *slot_layout(__u32 slot)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	__u32 index;

	if (!python)
		return NULL;
	index = python->layout;
	return bpf_map_lookup_elem(&layouts, &index);
}

enum thread_found {
	THREAD_RUNS,	   /* it has a frame */
	THREAD_IDLE,	   /* it has a state without a frame */
	THREAD_NONE,	   /* it has no state */
	THREAD_UNREADABLE, /* not known: a read failed */
	THREAD_UNCLEAR, /* not known: what should be its state is another's, or too far to find */
};

/* What is read of a thread state at once: `interp` and the pointer to the leaf frame. */
#define TSTATE_HEAD_BYTES 128

struct thread_head {
	__u64 interp; /* 0 where the layout does not need it */
	__u64 frame;  /* the leaf, 0: none */
};

/* Reads a thread state's fields through a buffer of TSTATE_HEAD_BYTES. */
static __always_inline long read_thread_head(const struct wire_layout *layout, __u8 *buffer,
					     __u64 tstate, struct thread_head *ret)
{
	__u32 bytes = layout->tstate_frame + 8;

	ret->interp = ret->frame = 0;
	if (layout->interp_generation == NO_OFFSET) {
		if (read_user(&ret->frame, 8, tstate + layout->tstate_frame))
			return -1;
	} else {
		if (bytes > TSTATE_HEAD_BYTES)
			bytes = TSTATE_HEAD_BYTES;
		if (read_user(buffer, bytes, tstate))
			return -1;
		ret->interp = field_u64(buffer, layout->tstate_interp);
		ret->frame = field_u64(buffer, layout->tstate_frame);
	}
	if (layout->cframe_frame == NO_OFFSET || !ret->frame)
		return 0;
	return read_user(&ret->frame, sizeof(ret->frame), ret->frame + layout->cframe_frame);
}
_Static_assert(TSTATE_HEAD_BYTES <= FRAME_HEAD_BYTES, "field_u64 reads inside the buffer");

/* A thread's state that was believed, kept by each CPU: the next event mostly is the same one's. */
struct known_thread {
	struct thread_slot slot;
	__u64 thread_pointer;
	__u32 image_id;
	__u32 pad;
};

static __always_inline bool is_known(const struct known_thread *known, __u32 image_id,
				     __u64 thread_pointer, const struct thread_slot *slot)
{
	return known->slot.tstate == slot->tstate && known->slot.sequence == slot->sequence &&
	       known->thread_pointer == thread_pointer && known->image_id == image_id;
}

static __always_inline void know(struct known_thread *known, __u32 image_id, __u64 thread_pointer,
				 const struct thread_slot *slot)
{
	known->slot = *slot;
	known->thread_pointer = thread_pointer;
	known->image_id = image_id;
}

/* Is it known how the C library keeps slots? */
static __always_inline bool is_way_known(const struct wire_image *image,
					 const struct wire_layout *layout)
{
	return image->slot_way || !layout->slots[1].slot_bytes;
}

/* Reads the key of the thread state's slot, plus 1; 0: the runtime has none, not yet or no more.
 * 3.7 and later: Py_tss_t { int _is_initialized; pthread_key_t _key; }; 3.6: an int, -1 for none.
 */
static __always_inline long read_pthread_key(const struct wire_layout *layout, __u64 bias,
					     __u32 *ret)
{
	__u64 address = layout->key_vaddr + bias;
	__u32 tss[2] = { 1, 0 };

	if (layout->version < 0x0307) {
		if (read_user(&tss[1], sizeof(tss[1]), address))
			return -1;
	} else if (read_user(tss, sizeof(tss), address - sizeof(tss[0]))) {
		return -1;
	}
	*ret = tss[0] && tss[1] < PTHREAD_KEYS ? tss[1] + 1 : 0;
	return 0;
}

/* The same of an image. As long as an image whose beginning was seen has had no key, the runtime
 * has not begun, and nobody may have touched its page. Absent later it has been swapped out. */
static __always_inline long read_image_key(struct wire_image *image,
					   const struct wire_layout *layout, __u64 bias, __u32 *ret)
{
	if (read_pthread_key(layout, bias, ret)) {
		*ret = 0;
		return image->flags & (IMAGE_RUNTIME_SEEN | IMAGE_ATTACHED) ? -1 : 0;
	}
	if (*ret && !(image->flags & IMAGE_RUNTIME_SEEN))
		image->flags |= IMAGE_RUNTIME_SEEN;
	return 0;
}

/* The same of a thread whose pointer is not known yet, the first one of its process: the state of
 * the main interpreter, where that has no other. */
static __noinline long read_only_state(const struct wire_image *image,
				       const struct wire_layout *layout, __u64 bias,
				       struct thread_slot *ret)
{
	__u64 interpreters[2], next;

	ret->sequence = NO_SEQUENCE;
	if (!layout->interpreters_vaddr || layout->interp_threads == NO_OFFSET)
		return -1;
	/* As read_image_key. */
	if (read_user(interpreters, sizeof(interpreters), layout->interpreters_vaddr + bias))
		return image->flags & (IMAGE_RUNTIME_SEEN | IMAGE_ATTACHED) ? -1 : 0;
	if (!interpreters[1])
		return 0;
	if (read_user(&ret->tstate, sizeof(ret->tstate), interpreters[1] + layout->interp_threads))
		return -1;
	if (!ret->tstate)
		return 0;
	return read_user(&next, sizeof(next), ret->tstate + layout->tstate_next) || next ? -1 : 0;
}

/* Reads the slot by the key that is kept and in a way of the C library's, or the variable. */
static __always_inline long read_slot_by(const struct wire_image *image,
					 const struct wire_layout *layout, struct thread_at at,
					 __u32 way, struct thread_slot *ret)
{
	__u32 key = image->pthread_key;

	ret->sequence = ret->tstate = 0;
	if (IS_THREAD_POINTER_LATE && !at.thread_pointer)
		return read_only_state(image, layout, at.bias, ret);
	if (layout->tstate_by == TSTATE_BY_TLS)
		return read_thread_local(layout, at, ret);
	if (layout->tstate_by != TSTATE_BY_PTHREAD_KEY || !key || way >= NR_SLOT_WAYS)
		return 0;
	asm volatile("%0 &= 3" : "+r"(way)); /* verifier: as in kind_index */
	return read_pthread_slot(&layout->slots[way], at.thread_pointer, key - 1, ret);
}

_Static_assert(NR_SLOT_WAYS <= 4, "read_slot_by");

static __always_inline long read_slot(const struct wire_image *image,
				      const struct wire_layout *layout, struct thread_at at,
				      struct thread_slot *ret)
{
	__u32 way = image->slot_way;

	return read_slot_by(image, layout, at, way ? way - 1 : 0, ret);
}

/* Is it what a key has left that is no more? A new one of that place has another number. */
static __always_inline bool is_left_over(const struct wire_image *image,
					 const struct thread_slot *found)
{
	return image->gone_key == image->pthread_key && found->sequence == image->gone_sequence;
}

/* What pthread_self() is below the thread's pointer, in the way that has proven right, or the
 * first.
 */
static __always_inline __u64 self_below(const struct wire_layout *layout, __u32 way)
{
	if (!IS_SELF_BELOW)
		return 0;
	asm volatile("%0 &= 3" : "+r"(way)); /* verifier: as in kind_index */
	return layout->slots[way].self;
}

static __always_inline __u64 known_self_below(const struct wire_image *image,
					      const struct wire_layout *layout)
{
	return self_below(layout, image->slot_way ? image->slot_way - 1 : 0);
}

/* Whose is a state that was found in a way of the C library's? */
static __always_inline enum thread_found judge_owner(struct wire_image *image,
						     const struct wire_layout *layout, __u32 way,
						     __u64 thread_pointer,
						     const struct thread_slot *found)
{
	__u64 thread;

	if (read_user(&thread, sizeof(thread), found->tstate + layout->tstate_thread))
		return THREAD_UNREADABLE;
	if (IS_THREAD_POINTER_LATE && !thread_pointer)
		return THREAD_RUNS;
	if (thread + self_below(layout, way) == thread_pointer) {
		image->pthread_sequence = found->sequence;
		image->slot_way = way + 1;
		return THREAD_RUNS;
	}
	if (layout->tstate_by == TSTATE_BY_TLS)
		return THREAD_UNCLEAR;
	if (!image->pthread_sequence)
		return is_left_over(image, found) ? THREAD_NONE : THREAD_UNCLEAR;
	return image->pthread_sequence == found->sequence ? THREAD_RUNS : THREAD_NONE;
}

/* Whose is what a thread's slot leads to? Returns enum thread_found. */
__noinline int look_at_slot(__u32 slot, __u32 way, __u64 thread_pointer)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	struct thread_at at = { .thread_pointer = thread_pointer };
	struct thread_slot found;

	if (!image || !python || !layout)
		return THREAD_UNREADABLE;
	at.bias = python->bias;
	if (read_slot_by(image, layout, at, way, &found))
		return THREAD_UNREADABLE;
	if (!found.tstate)
		return THREAD_NONE;
	return judge_owner(image, layout, way, thread_pointer, &found);
}

#define MAX_SELF_BELOW 4096

/* Does the thread have a state of its own, the newest, and pthread_self() at a distance from its
 * pointer that no way has? The C library is one that is not known: its slots are elsewhere, too. */
static __noinline int is_self_elsewhere(__u32 slot, __u64 thread_pointer)
{
	struct wire_python *python = bpf_map_lookup_elem(&pythons, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	__u64 interpreters[2], tstate = 0, thread = 0;

	if (!python || !layout || !layout->interpreters_vaddr ||
	    layout->interp_threads == NO_OFFSET ||
	    read_user(interpreters, sizeof(interpreters),
		      layout->interpreters_vaddr + python->bias) ||
	    read_user(&tstate, sizeof(tstate), interpreters[1] + layout->interp_threads) ||
	    read_user(&thread, sizeof(thread), tstate + layout->tstate_thread) ||
	    thread_pointer - thread > MAX_SELF_BELOW)
		return 0;
	for (__u32 way = 0; way < NR_SLOT_WAYS; way++) {
		if (layout->slots[way].slot_bytes &&
		    layout->slots[way].self == thread_pointer - thread)
			return 0;
	}
	return 1;
}

/* The same in all ways that the C library may have. In the wrong one anything may be found but a
 * state of this thread: where one way leads to nothing, there is none. */
static __always_inline enum thread_found try_ways(const struct wire_layout *layout, __u32 slot,
						  __u64 thread_pointer)
{
	enum thread_found found, least = THREAD_UNCLEAR;

	for (__u32 way = 0; way < NR_SLOT_WAYS; way++) {
		if (!layout->slots[way].slot_bytes)
			break;
		found = look_at_slot(slot, way, thread_pointer);
		if (found == THREAD_RUNS)
			return found;
		if (found < least)
			least = found;
	}
	if (IS_SELF_BELOW && least == THREAD_NONE && is_self_elsewhere(slot, thread_pointer))
		return THREAD_UNCLEAR;
	return least;
}

/* Has the thread no variable in a shared library, not yet? The linker that brings the library in
 * takes its first pages before it has set the thread's pointer: in all of 278 such events that was
 * 0, and the DTV, whose address lies behind it, not to be read (Debian's 3.15, 6.18). */
static __always_inline bool is_without_variable(const struct wire_image *image,
						const struct wire_layout *layout,
						struct thread_at at)
{
	__u64 index = layout->tls_bound.index_vaddr + at.bias;

	if (!layout->tls_bound.index_vaddr)
		return false;
	if (!(image->flags & (IMAGE_RUNTIME_SEEN | IMAGE_ATTACHED)) &&
	    find_thread_local(at.thread_pointer, index, describe_tls(layout)) == BLOCK_UNREADABLE)
		return true;
	return is_beyond_dtv(at.thread_pointer, index, describe_tls(layout));
}

/* The variable is Python's own: a state that another thread has made is believed too, unless there
 * was no variable to read. */
static __always_inline enum thread_found judge_variable(const struct wire_image *image,
							const struct wire_layout *layout,
							struct thread_at at,
							enum thread_found found)
{
	if (found != THREAD_UNREADABLE && found != THREAD_UNCLEAR)
		return found;
	if (is_without_variable(image, layout, at))
		return THREAD_NONE;
	return found == THREAD_UNCLEAR ? THREAD_RUNS : found;
}

__noinline int change_key(__u32 slot, __u32 key)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (!image)
		return 0;
	if (image->pthread_sequence + 1 > 1) { /* neither 0 nor NO_SEQUENCE */
		image->gone_key = image->pthread_key;
		image->gone_sequence = image->pthread_sequence;
	}
	image->pthread_key = key;
	image->pthread_sequence = 0;
	return 0;
}

/* Finds out whose state is in the slot, with all that there is to prove it. THREAD_RUNS: the
 * current thread's, with or without a frame. `kept` is what the kept key led to; NONE and IDLE hold
 * as long as the key does. */
static __always_inline enum thread_found judge_slot(struct wire_image *image, __u32 slot,
						    const struct wire_layout *layout,
						    struct thread_at at, enum thread_found kept)
{
	bool is_proven = kept == THREAD_NONE || kept == THREAD_IDLE;
	__u32 key;

	if (layout->tstate_by == TSTATE_BY_TLS)
		return is_proven ? kept
				 : judge_variable(image, layout, at,
						  look_at_slot(slot, 0, at.thread_pointer));
	if (layout->tstate_by != TSTATE_BY_PTHREAD_KEY)
		return THREAD_NONE;
	if (read_image_key(image, layout, at.bias, &key))
		return THREAD_UNREADABLE;
	if (key == image->pthread_key && is_proven && is_way_known(image, layout))
		return kept;
	if (key != image->pthread_key)
		change_key(slot, key);
	if (is_way_known(image, layout))
		return look_at_slot(slot, image->slot_way ? image->slot_way - 1 : 0,
				    at.thread_pointer);
	return try_ways(layout, slot, at.thread_pointer);
}

/* The same, and which state it is. */
static __always_inline enum thread_found find_slot(struct wire_image *image, __u32 slot,
						   const struct wire_layout *layout,
						   struct thread_at at, enum thread_found kept,
						   struct thread_slot *ret)
{
	enum thread_found found = judge_slot(image, slot, layout, at, kept);

	if (found == THREAD_RUNS && read_slot(image, layout, at, ret))
		return THREAD_UNREADABLE;
	return found;
}

/* The address of the thread state alone, by the key that is kept; 0: not found. For a probe in code
 * that runs with one: when it has no frame, the key was Python's once (forget_thread_key). */
static __always_inline __u64 find_thread_state(struct wire_image *image,
					       const struct wire_layout *layout, __u64 bias)
{
	const struct thread_at at = { .bias = bias, .thread_pointer = CURRENT(THREAD_POINTER) };
	struct thread_slot slot;
	__u32 key;

	if (layout->tstate_by == TSTATE_BY_PTHREAD_KEY && !image->pthread_key &&
	    !read_image_key(image, layout, bias, &key))
		image->pthread_key = key;
	return read_slot(image, layout, at, &slot) ? 0 : slot.tstate;
}

static __always_inline void forget_thread_key(struct wire_image *image)
{
	image->pthread_key = 0;
}

#endif
