/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shadow of the paths: for frames that are alive, the key of their path, by the frame's
 * address. A hit of a call probe then needs the frame and its caller's address instead of a walk.
 *
 * A slot tells the truth as long as its frame lives, so it must not outlive it unnoticed:
 *  - where starts are seen, the next frame at that address overwrites it when it starts;
 *  - where ends are seen, the end of the frame clears it.
 * Both see every frame of a thread's stack (probe_plan.c), but for 3.15's class construction, whose
 * frame starts unseen: there a slot counts only with the frame's code (shadow_code). The frame of a
 * generator or coroutine may have another caller unseen, so from 3.9 on it gets no slot and is
 * walked through: from 3.11 on a resume is no start, and where throw() goes through one that
 * delegates (yield from, await) 3.9 and 3.10 put its frame onto the stack and go on in the frame
 * that it waits for, without running it (_gen_throw(), Objects/genobject.c; bpo-29590). Up to 3.8
 * that leaves it out, so that each resume is a start and overwrites the slot.
 *
 * One table serves all threads, for two living frames of one address space have two addresses.
 * A slot that two frames share holds the later one: the other is walked. Nothing is locked: a slot
 * torn between two writers fails its check.
 */
#ifndef MEMPROBE_SHADOW_H
#define MEMPROBE_SHADOW_H

#include "state.h"

#define SHADOW_SLOTS 32768 /* a power of two */
#define SHADOW_STEPS 4	   /* frames that are walked one by one before a block is read */

struct shadow {
	__u64 check; /* name of the frame ^ key */
	__u64 key;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHADOW_SLOTS); /* 1 when no calls are counted: set by loader */
	__type(key, __u32);
	__type(value, struct shadow);
} shadows SEC(".maps");

/*
 * What a slot is about: a frame's path, or the site of a code object. Which one lives at an address
 * is told by `version`, or by who has a probe at the end of code objects that clears their slots:
 * while calls are counted, or allocations followed. What one of them has missed the other may not
 * believe.
 */
#define CODE_WATCHED 0xffffffff
#define CODE_WATCHED_FOR_ALLOCS 0xfffffffe
static __always_inline __u64 name_frame(__u32 image_id, __u64 frame, __u64 code)
{
	return (frame ^ (__u64)image_id << 48) * 0x9e3779b97f4a7c15ULL +
	       code * 0x94d049bb133111ebULL;
}

static __always_inline __u64 name_code(__u32 image_id, __u64 code, __u32 version)
{
	return name_frame(image_id, code, 0) + (version + 1ULL) * 0xbf58476d1ce4e5b9ULL;
}

/* What name_frame gets as code: where a frame may start unseen, its slot is another's. */
static __always_inline __u64 shadow_code(const struct wire_layout *layout, __u64 code)
{
	return layout->has_unseen_frames ? code : 0;
}

static __always_inline struct shadow *find_shadow(__u64 name)
{
	__u32 slot = name >> 40 & (SHADOW_SLOTS - 1);

	return bpf_map_lookup_elem(&shadows, &slot);
}

static __always_inline bool recall(__u64 name, __u64 *ret_key)
{
	__u64 key;
	struct shadow *shadow = find_shadow(name);

	if (!shadow)
		return false;
	key = *(volatile __u64 *)&shadow->key;
	*ret_key = key;
	return *(volatile __u64 *)&shadow->check == (name ^ key);
}

/* When `is_kept`, which is 1 or 0, is not set, the slot is empty then. */
static __always_inline void keep_if(__u64 name, __u64 key, __u64 is_kept)
{
	struct shadow *shadow = find_shadow(name);

	if (!shadow)
		return;
	*(volatile __u64 *)&shadow->check = (name ^ key) & -is_kept;
	*(volatile __u64 *)&shadow->key = key;
}

static __always_inline void keep(__u64 name, __u64 key)
{
	keep_if(name, key, 1);
}

static __always_inline void forget(__u64 name)
{
	struct shadow *shadow = find_shadow(name);

	if (shadow && shadow->check == (name ^ shadow->key))
		shadow->check = 0;
}

#endif
