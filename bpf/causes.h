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
 * Once a second thread runs Python, who made a pool does not tell whom it works for: then it is who
 * woke the thread last (wakes.h), and only as long as no other Python thread can be meant; what a
 * thread takes that several may have asked for stands on [native thread NAME], as without a cause.
 */
#ifndef MEMPROBE_CAUSES_H
#define MEMPROBE_CAUSES_H

#include "askers.h"
#include "learn.h"
#include "moves.h"

/* A thread has been made. */
static __always_inline void note_task(struct task_struct *task)
{
	__u64 key = name_task(task->tgid, task->THREAD_POINTER), address = (__u64)task;

	bpf_map_update_elem(&followed_tasks, &key, &address, BPF_ANY);
}

/* The current thread ends. */
static __always_inline void forget_task(struct task_struct *task)
{
	__u64 key = name_task(task->tgid, task->THREAD_POINTER);
	__u32 tid = task->pid;

	if (!cfg_owners || task->pid == task->tgid)
		return;
	bpf_map_delete_elem(&followed_tasks, &key);
	if (wakes_followed)
		bpf_map_delete_elem(&wakes, &tid);
}

/* A thread's cause when it is made. */
static __always_inline void seed_cause(struct task_struct *parent, struct task_struct *child)
{
	struct touch *above, *below;

	if (!cfg_owners || child->pid == child->tgid)
		return;
	note_task(child);
	above = bpf_task_storage_get(&touches, parent, NULL, 0);
	below = bpf_task_storage_get(&touches, child, NULL, 0);
	if (!above || !below)
		return;
	if (parent->pid != parent->tgid && !above->cause.runs_python) {
		below->cause = above->cause;
		return;
	}
	below->cause.task = (__u64)parent;
	below->cause.tid = parent->pid;
	below->cause.start_ns = parent->start_time;
	below->cause.thread_pointer = parent->THREAD_POINTER;
}

/* The current thread, one of the image's own, has a Python frame. */
static __always_inline void note_python_thread(struct wire_image *image)
{
	struct touch *touch;

	if (is_main_thread())
		return;
	if (!cfg_owners) {
		note_thread_runs();
		return;
	}
	touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	if (!touch || touch->cause.runs_python)
		return;
	touch->cause.runs_python = 1;
	image->flags |= IMAGE_THREADED;
}

/* Has the current thread ever had a Python frame, as far as it was seen? */
static __always_inline bool has_run_python(void)
{
	const struct touch *touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL,
							 0);

	return touch && touch->cause.runs_python;
}

/* The current thread, which is not the main one, ends, and no frame of its Python has been seen to
 * be the last: its process ends, or the runtime has been taken down under it. */
static __always_inline bool is_cut_short(const struct wire_thread *thread)
{
	return !is_main_thread() && !thread->has_returned &&
	       (cfg_owners ? has_run_python() : thread->runs_python);
}

/* Who woke the current thread, if nobody else can be meant. Returns its thread pointer, 0: that is
 * not known. */
__noinline __u64 find_waker(__u32 slot, __u64 head)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wake *wake = find_wake();

	if (!image)
		return 0;
	if (!wakes_followed && !(image->flags & IMAGE_WAKES_WANTED)) {
		image->flags |= IMAGE_WAKES_WANTED;
		send_knock(slot, RECORD_WAKES, 0);
	}
	if (!wake || !is_alive(wake->task, wake->tid, wake->start_ns) || is_contested(slot, head))
		return 0;
	return wake->thread_pointer;
}

/* The thread pointer of the Python thread that is behind the current one, which is native. 0: it is
 * not known, or no more. */
__noinline __u64 find_cause(__u32 slot)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct touch *touch;
	__u64 head;

	if (!cfg_owners || !image)
		return 0;
	touch = bpf_task_storage_get(&touches, bpf_get_current_task_btf(), NULL, 0);
	/* One that has run Python is of no pool: what it takes behind its last frame is its own. */
	if (!touch || touch->cause.runs_python)
		return 0;
	head = look_for_askers(slot);
	if (head != NO_ASKERS)
		return find_waker(slot, head);
	if (!touch->cause.tid ||
	    !is_alive(touch->cause.task, touch->cause.tid, touch->cause.start_ns))
		return 0;
	return touch->cause.thread_pointer;
}

/* Sets the scratch's path to the leaf frame of the thread that is behind the current one, which
 * runs no Python. Returns enum walk_begun. verifier: not a function of its own, for eight calls in
 * each other are the most. */
static __always_inline int begin_cause_walk(__u32 slot, __u32 scratch)
{
	__u64 thread_pointer = find_cause(slot);
	struct path *path;

	if (!thread_pointer || begin_walk_of(slot, scratch, 0, thread_pointer) != WALK_BEGUN)
		return WALK_NO_STATE;
	path = bpf_map_lookup_elem(&paths, &scratch);
	if (!path)
		return WALK_NO_STATE;
	path->cause = thread_pointer;
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

	if (!path || !layout || path->thread.thread_pointer != path->cause ||
	    path->thread.image_id != path->image_id)
		return 0;
	/* Known: a walk like this ends so only where a submitter's path begins. */
	if (path->end != WALK_ROOT && path->end != WALK_TOO_DEEP && path->end != WALK_KNOWN)
		return 0;
	return !read_thread_head(layout, path->head, path->thread.slot.tstate, &head) &&
	       head.frame == path->cause_leaf;
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
	    ensure_special_site(slot, special.key, SITE_NATIVE | scratch << 8, special.comm[0],
				special.comm[1]))
		return 0;
	id = insert_node(below_node(change.image, (struct node_id){ above }), key, special.key,
			 scratch);
	return id & LAY_FAILED ? 0 : id;
}

#endif
