/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is behind what a native thread does.
 *
 * Pools work for the Python call that waits for them, and take its pages in threads that run no
 * Python. So each thread keeps its cause: the Python thread that made it, directly or through other
 * native threads. A thread is kept, never a path; what that thread runs is asked when a page comes.
 * The page then stands on a row of its own below that path, so that what is inferred and what was
 * seen are not mixed.
 *
 * The other thread may run meanwhile. Its frames are read without a lock, in its address space,
 * which is the current one too; and a walk counts only if the thread still stands on the same leaf
 * frame behind it. Mostly it waits.
 *
 * A thread that made another is proof of nothing once a second thread runs Python: whom a pool
 * works for then is not known, and its pages stand on [native thread NAME] as without a cause.
 */
#ifndef MEMPROBE_CAUSES_H
#define MEMPROBE_CAUSES_H

#include "moves.h"
#include "threads.h"
#include "walk_begin.h"

static __always_inline bool is_main_thread(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	return (__u32)id == id >> 32;
}

/* A thread's cause when it is made. */
static __always_inline void seed_cause(struct task_struct *parent, struct task_struct *child)
{
	struct touch *above, *below;

	if (!cfg_owners || child->pid == child->tgid)
		return;
	above = bpf_task_storage_get(&touches, parent, NULL, 0);
	below = bpf_task_storage_get(&touches, child, NULL, 0);
	if (!above || !below)
		return;
	if (parent->pid != parent->tgid && !above->cause.runs_python) {
		below->cause = above->cause;
		return;
	}
	below->cause.tid = parent->pid;
	below->cause.start_ns = parent->start_time;
	below->cause.fsbase = parent->thread.fsbase;
}

/* The current thread, one of the image's own, has a Python frame. */
static __always_inline void note_python_thread(struct wire_image *image)
{
	struct touch *touch;

	if (!cfg_owners || is_main_thread())
		return;
	if (!(image->flags & IMAGE_THREADED))
		image->flags |= IMAGE_THREADED;
	touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	if (touch)
		touch->cause.runs_python = 1;
}

/* The thread pointer of the Python thread that is behind the current one, which is native. 0: it is
 * not known, or no more. */
__noinline __u64 find_cause(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wire_thread *thread;
	struct touch *touch;
	__u32 tid;

	if (!cfg_owners || !image)
		return 0;
	touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	if (!touch)
		return 0;
	touch->cause.runs_python = 0;
	tid = touch->cause.tid;
	if (!tid || image->flags & IMAGE_THREADED)
		return 0;
	/* An entry goes when its thread ends, and tids come again. */
	thread = bpf_map_lookup_elem(&threads, &tid);
	if (!thread || thread->image_id != image->image_id ||
	    thread->start_ns != touch->cause.start_ns)
		return 0;
	return touch->cause.fsbase;
}

/* Sets the scratch's path to the leaf frame of the thread that is behind the current one, which
 * runs no Python. Returns enum walk_begun. verifier: not a function of its own, for eight calls in
 * each other are the most. */
static __always_inline int begin_cause_walk(__u32 slot, __u32 scratch)
{
	__u64 fsbase = find_cause(slot);
	struct path *path;

	if (!fsbase || begin_walk_of(slot, scratch, 0, fsbase) != WALK_BEGUN)
		return WALK_NO_STATE;
	path = bpf_map_lookup_elem(&paths, &scratch);
	if (!path)
		return WALK_NO_STATE;
	path->cause = fsbase;
	path->cause_leaf = path->frame;
	path->failed = 0;
	return WALK_BEGUN;
}

/* Does the thread that was walked still stand on the same leaf? Else its frames were in motion, and
 * the path may be one that never was. */
__noinline int is_cause_steady(__u32 slot, __u32 scratch)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	struct thread_head head;

	if (!path || !layout || path->thread.fsbase != path->cause ||
	    path->thread.image_id != path->image_id)
		return 0;
	if (path->end != WALK_ROOT && path->end != WALK_TOO_DEEP)
		return 0;
	return !read_thread_head(layout, path->head, path->thread.slot.tstate, &head) &&
	       head.frame == path->cause_leaf;
}

/* Makes the site of a native thread known to user space. Returns 0 or LOSS_* + 1. */
__noinline __u32 ensure_native_site(__u32 slot, __u64 key, __u32 scratch, __u64 comm_low,
				    __u64 comm_high)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 failed;

	if (!image)
		return LOSS_sites_full + 1;
	if (bpf_map_lookup_elem(&sites, &key))
		return 0;
	failed = claim_site(image, key, SITE_NATIVE);
	if (failed)
		return failed;
	if (!send_special_site(slot, key, SITE_NATIVE | scratch << 8, comm_low, comm_high))
		return 0;
	give_site_back(key);
	return LOSS_ring_full + 1;
}

/* The row of the current thread below the path that was walked, whose node is `above`. Returns its
 * id, 0: there is no room. */
__noinline __u32 find_caused_row(__u32 slot, __u32 scratch, __u32 above)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct change change = { .slot = slot, .scratch = scratch };
	struct special special = { .kind = SITE_NATIVE, .slot = slot, .scratch = scratch };
	union node_place place;
	__u64 key;
	__u32 id;

	change.image = bpf_map_lookup_elem(&images, &slot);
	if (!change.image || !path || path->failed)
		return 0;
	bpf_get_current_comm(special.comm, sizeof(special.comm));
	name_native(&change, &special);
	key = place.key = path_child(path->key, special.key);
	if (find_node(&place))
		return place.id.value;
	if (nodes_made - nodes_removed >= cfg_max_nodes ||
	    ensure_native_site(slot, special.key, scratch, special.comm[0], special.comm[1]))
		return 0;
	id = insert_node(change.image->image_id, above, key, special.key, scratch);
	return id & LAY_FAILED ? 0 : id;
}

#endif
