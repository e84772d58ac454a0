/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * With --threads the root of a path is the thread that walks it.
 *
 * The row of the current thread is put above a path that has been walked to its end, as if the
 * walk had ended at it (path->above). So what a thread runs stands below that thread, also a
 * generator that another has begun. What would end a walk early (quick.h, shadow.h) knows paths by
 * the addresses of frames, which another thread may have by then: cfg_shortcuts is off.
 *
 * Only static functions: the verifier of any kernel then goes through them only where they can be
 * reached, which is never without cfg_threads.
 */
#ifndef MEMPROBE_THREAD_ROOTS_H
#define MEMPROBE_THREAD_ROOTS_H

#include "id_runs.h"
#include "sites.h"
#include "threads.h"

const volatile bool cfg_threads = false; /* --threads */

/* Makes the site of a thread known to user space: named by its comm and, as `code`, its tid.
 * Returns 0 or LOSS_* + 1. */
static __noinline __u32 ensure_thread_site(struct wire_image *image, __u64 key, __u32 tid,
					   __u32 scratch)
{
	struct site_buffer *buffer;
	__u32 failed;

	if (bpf_map_lookup_elem(&sites, &key))
		return 0;
	failed = claim_site(image, key, SITE_THREAD);
	if (failed)
		return failed;
	buffer = begin_site(image, key, SITE_THREAD, scratch);
	if (buffer) {
		buffer->site.code = tid;
		buffer->site.name.bytes = COMM_BYTES;
		buffer->site.name.kind = 1;
		bpf_get_current_comm(buffer->bytes, COMM_BYTES);
		if (!send_site(buffer, COMM_BYTES))
			return 0;
	}
	give_site_back(key);
	return LOSS_ring_full + 1;
}

/* Lays down a thread's row, a root. Returns 0 or LOSS_* + 1. */
static __noinline __u32 insert_thread_root(struct wire_image *image, __u64 key, __u32 tid,
					   __u32 scratch)
{
	__u32 failed = ensure_thread_site(image, key, tid, scratch), id;

	if (failed)
		return failed;
	id = insert_node(image->image_id, key, key, scratch | NODES_SPECIAL << 8);
	if (id & LAY_FAILED)
		return id & ~LAY_FAILED;
	if (tid)
		__sync_fetch_and_add(&image->thread_rows, 1);
	return 0;
}

static __always_inline bool is_room_for_thread(const struct wire_image *image)
{
	return image->thread_rows < MAX_THREAD_ROWS &&
	       specials_made - specials_removed < RESERVED_ROWS / 2;
}

/* Puts the row of the thread that the current task works for above a walked path. Where an image
 * has rows for as many threads as it may have, one row stands for all others: counted. Returns 0 or
 * LOSS_* + 1. */
static __noinline __u32 push_thread_root(__u32 slot, __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	__u64 id = bpf_get_current_pid_tgid(), start_ns = CURRENT(start_time), key;
	__u32 tid = id, loss = 0, failed;
	struct task_struct *own;
	struct node_id *known;

	if (!image || !path)
		return 0;
	if (id >> 32 != image->tgid) {
		own = (void *)find_own_thread(image->tgid);
		tid = BPF_CORE_READ(own, pid);
		start_ns = BPF_CORE_READ(own, start_time);
	}
	key = site_key_thread(image->image_id, tid, start_ns);
	known = bpf_map_lookup_elem(&special_ids, &key);
	if (!known && !is_room_for_thread(image)) {
		loss = LOSS_threads_joined + 1;
		tid = 0;
		key = site_key_thread(image->image_id, 0, 0);
		known = bpf_map_lookup_elem(&special_ids, &key);
	}
	if (!known) {
		failed = insert_thread_root(image, key, tid, scratch);
		if (failed)
			return failed;
		known = bpf_map_lookup_elem(&special_ids, &key);
	}
	if (!known)
		return loss;
	path->above = key;
	path->above_id = *known;
	path->key += key * path->factor;
	return loss;
}

#endif
