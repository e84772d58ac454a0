/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All configuration and maps. Entries marked "sized by loader" get their size before loading.
 *
 * Who writes what: BPF owns images, nodes, sites, threads and the shares; user space owns
 * layouts, files and pythons, puts tgids into processes, takes the counts out of nodes, and the
 * nodes and sites of images that have ended out of their tables.
 */
#ifndef MEMPROBE_STATE_H
#define MEMPROBE_STATE_H

#include <memprobe/wire.h>

#include "compat.h"

const volatile __u32 cfg_cpus = 1;	  /* possible CPUs */
const volatile __s32 cfg_fold_batch = 32; /* percpu_counter_batch: max(32, 2 * online CPUs) */
/* Rows that the tables have for Python; what is reserved comes on top. */
const volatile __u32 cfg_max_nodes = DEFAULT_MAX_NODES;
const volatile __u32 cfg_max_sites = DEFAULT_MAX_SITES;
const volatile __u32 cfg_call_nodes = DEFAULT_MAX_NODES; /* of the nodes, for calls alone */
const volatile __u32 cfg_call_sites = DEFAULT_MAX_SITES; /* of the sites, the same */
const volatile __u32 cfg_fresh_slots = 0;		 /* that free_slots was not filled with */
const volatile __u32 cfg_recent_ids = RECENT_IDS;	 /* a power of two */
const volatile bool cfg_follow_children = true;
const volatile bool cfg_lines = false;	   /* --lines: a site for each instruction seen */
const volatile bool cfg_instances = false; /* --instances: a site for each object seen */
const volatile bool cfg_splits = false;	   /* one of the two; the verifier asks less often */
/* What is known of a path by the addresses of its frames holds: no --lines, --instances, --threads.
 */
const volatile bool cfg_shortcuts = true;
const volatile bool cfg_native = false;		    /* --native: C frames below Python's */
const volatile __u32 cfg_ring_wake_bytes = 1 << 20; /* wake user space when this much is queued */

/* tgids to follow. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32); /* ppid at birth */
} processes SEC(".maps");

/* Tracked address spaces: mm_struct address to slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * MAX_IMAGES);
	__type(key, __u64);
	__type(value, __u32);
} mms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_IMAGES);
	__type(key, __u32);
	__type(value, struct wire_image);
} images SEC(".maps");

/* Slots that are free, but for the fresh ones (cfg_fresh_slots): user space puts a slot back when
 * its image has been drained. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, MAX_IMAGES);
	__type(value, __u32);
} free_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_IMAGES);
	__type(key, __u32);
	__type(value, struct wire_python);
} pythons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_LAYOUTS);
	__type(key, __u32);
	__type(value, struct wire_layout);
} layouts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_image_begin);
} begin_buffers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct wire_file);
	__type(value, struct wire_file_layout);
} files SEC(".maps");

__u32 known_files; /* how often user space has put one there */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_MAX_SITES + RESERVED_ROWS); /* sized by loader */
	__type(key, __u64);
	__type(value, __u32); /* image_id */
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* kernel's pid of the thread */
	__type(value, struct wire_thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DEFAULT_RING_MB << 20); /* sized by loader */
} ring SEC(".maps");

/* Losses without an image to stand on; events then pages. */
struct loss {
	__u64 events;
	__u64 pages;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LOSS_SLOTS);
	__type(key, __u32);
	__type(value, struct loss);
} losses SEC(".maps");

/* A number for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} percpu_origin SEC(".maps");

static __always_inline __u64 *own_element(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&percpu_origin, &zero);
}

/* verifier: arithmetic on map pointers is refused; a trip through memory makes numbers of them. */
static __always_inline __u64 as_number(__u64 *element, void *pointer)
{
	*element = (__u64)pointer;
	return *(volatile __u64 *)element;
}

/* A kind as an array index. verifier: the mask must stand in the code, although the compiler knows
 * that it changes nothing; so it is written where the compiler does not look. */
static __always_inline __u32 kind_index(__u32 kind)
{
	asm volatile("%0 &= 3" : "+r"(kind));
	return kind;
}
_Static_assert(NR_KINDS == 4, "kind_index");

/* What a callback of bpf_loop returns: 1 to stop, 0 to go on. verifier: no other number may be
 * possible. It does not know what a global function returns, and clang from 17 on does: it drops
 * `? 1 : 0`, so the mask too is written where the compiler does not look. */
static __always_inline long callback_result(long is_over)
{
	long result = is_over != 0;

	asm volatile("%0 &= 1" : "+r"(result));
	return result;
}

_Static_assert(LOSS_SLOTS == 32, "count_loss");

/* pages < 0: released. */
static __always_inline void count_loss(struct wire_image *image, __u32 reason, __s64 pages)
{
	__u64 amount = pages < 0 ? -pages : pages;
	__u32 *events, *lost, *released, index = reason;

	asm volatile("%0 &= 31" : "+r"(index)); /* verifier: as in kind_index */
	if (image) {
		events = &image->loss_events[index];
		lost = events + (image->loss_pages - image->loss_events);
		released = events + (image->loss_released - image->loss_events);
		__sync_fetch_and_add(events, 1);
		/* An atomic add of 0 becomes an atomic or, which kernels before 5.12 lack. */
		if (amount)
			__sync_fetch_and_add(lost, (__u32)amount);
		if (pages < 0)
			__sync_fetch_and_add(released, (__u32)amount);
		return;
	}
	struct loss *loss = bpf_map_lookup_elem(&losses, &reason);
	if (!loss)
		return;
	__sync_fetch_and_add(&loss->events, 1);
	if (amount)
		__sync_fetch_and_add(&loss->pages, amount);
}

/* Sends a record. Woken at once only where user space must act at once; sites and samples wait
 * for the next flush unless the ring fills up. */
static __always_inline long send(void *record, __u64 size, bool urgent)
{
	__u64 flags = urgent ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	if (!urgent && bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > cfg_ring_wake_bytes)
		flags = BPF_RB_FORCE_WAKEUP;
	return bpf_ringbuf_output(&ring, record, size, flags);
}

/* There was no room for a record that is not sent again. In a function that is verified once. */
__noinline int lose_record(__u32 image_id)
{
	__u32 slot = image_id % MAX_IMAGES;
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	bool is_there = image && image->image_id == image_id;

	count_loss(is_there ? image : NULL, LOSS_ring_full, 0);
	return 0;
}

/* Sends what is not sent again: where there is no room it is lost. */
static __always_inline long send_once(void *record, __u64 size, bool urgent)
{
	long error = send(record, size, urgent);

	if (error)
		lose_record(((struct wire_head *)record)->image_id);
	return error;
}

#endif
