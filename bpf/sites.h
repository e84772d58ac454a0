/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sites: each is made known to user space once, by the program that finds it first. Its place in
 * the table is taken before its record is sent, and given back when the ring buffer has no room for
 * it: the next event tries again.
 */
#ifndef MEMPROBE_SITES_H
#define MEMPROBE_SITES_H

#include "names.h"

/* How full the table is: made here, taken out by user space. */
__u64 sites_made, sites_removed;

/* Is there room for one site more in a table with so many? */
static __always_inline bool is_room_for_site(__u64 used, __u32 kind)
{
	if (kind == SITE_PYTHON)
		return used < cfg_max_sites;
	/* The table itself is the limit of the other kinds. */
	return kind != SITE_NATIVE || used < (__u64)cfg_max_sites + RESERVED_ROWS / 2;
}

/* Takes a place in the table of sites; whoever gets one must send the site. Returns 0 or LOSS_*
 * + 1.
 */
static __always_inline __u32 claim_site(struct wire_image *image, __u64 key, __u32 kind)
{
	int error;

	if (!is_room_for_site(sites_made - sites_removed, kind))
		return LOSS_sites_full + 1;
	error = bpf_map_update_elem(&sites, &key, &image->image_id, BPF_NOEXIST);
	if (!error)
		__sync_fetch_and_add(&sites_made, 1);
	else if (error != ALREADY_THERE) /* or another thread was faster */
		return (error == NO_MEMORY ? LOSS_kernel_memory : LOSS_sites_full) + 1;
	return 0;
}

static __always_inline void give_site_back(__u64 key)
{
	if (!bpf_map_delete_elem(&sites, &key))
		__sync_fetch_and_add(&sites_made, -1);
}

/* Makes a site known to user space. Returns 0 or LOSS_* + 1. */
static __always_inline __u32 ensure_python_site(struct wire_image *image, __u32 slot, __u32 scratch,
						__u64 key, __u64 code)
{
	__u32 failed;

	if (bpf_map_lookup_elem(&sites, &key))
		return 0;
	failed = claim_site(image, key, SITE_PYTHON);
	if (failed)
		return failed;
	if (cfg_native && code & C_FUNCTION ? !send_c_site(slot, key, code, scratch)
					    : !send_python_site(slot, key, code, scratch))
		return 0;
	give_site_back(key);
	return LOSS_ring_full + 1;
}

/* Sends what a split site is a part of. */
__noinline int send_split(__u32 slot, __u32 scratch, __u32 index)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct path_parts *parts = bpf_map_lookup_elem(&path_parts, &scratch);
	struct site_buffer *buffer = bpf_map_lookup_elem(&site_buffers, &scratch);
	const struct wire_layout *layout = slot_layout(slot);
	struct wire_split *record = (struct wire_split *)buffer;

	if (!image || !path || !parts || !buffer || !layout || index > MAX_FRAMES)
		return -1;
	__builtin_memset(record, 0, sizeof(*record));
	record->head.type = RECORD_SPLIT;
	record->head.image_id = image->image_id;
	record->head.time_ns = bpf_ktime_get_ns();
	record->site = path->keys[index];
	record->whole = parts->wholes[index];
	record->at = parts->ats[index];
	record->object = cfg_instances ? parts->objects[index] : 0;
	if (record->object)
		read_class(layout, record->object, &record->type, record->class_name);
	if (parts->has_others[index])
		record->object = OTHER_OBJECTS;
	/* At once: an object's name has to be read while it lives. */
	return send(record, sizeof(*record), record->object != 0);
}

/* Makes the site of a frame of the path known to user space, and what it is a part of. Returns 0 or
 * LOSS_* + 1. */
static __always_inline __u32 ensure_site(struct wire_image *image, __u32 slot, __u32 scratch,
					 __u32 index)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct path_parts *parts = bpf_map_lookup_elem(&path_parts, &scratch);
	__u64 key, code;
	__u32 failed;

	/* verifier: checked here, where it is used; on 5.10 a bound does not come through the
	 * stack. */
	asm volatile("" : "+r"(index));
	if (!path || !parts || index > MAX_FRAMES)
		return LOSS_sites_full + 1;
	key = path->keys[index];
	code = path->codes[index];
	/* A special root is no part of anything, but has been made known before. */
	if (is_split() && bpf_map_lookup_elem(&sites, &key))
		return 0;
	failed = ensure_python_site(image, slot, scratch, is_split() ? parts->wholes[index] : key,
				    code);
	if (failed || !is_split() || code & C_FUNCTION)
		return failed;
	failed = claim_site(image, key, SITE_PYTHON);
	if (failed)
		return failed;
	if (!send_split(slot, scratch, index))
		return 0;
	give_site_back(key);
	return LOSS_ring_full + 1;
}

#endif
