/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* With --lines and --instances: the part of a site that a frame is at. */
#ifndef MEMPROBE_SITE_PARTS_H
#define MEMPROBE_SITE_PARTS_H

#include "frame.h"

/* Does a frame's instruction or object make another site of it? */
static __always_inline bool is_split(void)
{
	return cfg_splits;
}

/* How many objects a site has been split by. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_MAX_SITES); /* 1 without --instances: set by loader */
	__type(key, __u64);
	__type(value, struct wire_instances);
} instances SEC(".maps");

static __always_inline __u64 part_key(__u64 whole, __u64 object, __u32 at)
{
	return (hash_pair(hash_pair(whole, object), at) & ~(__u64)SELF_MASK) | (whole & SELF_MASK);
}

/* What tells an object: its address, and its class, should the address be another's later. */
static __always_inline __u64 name_instance(const struct wire_layout *layout, __u64 object)
{
	__u64 type = 0;

	read_user(&type, sizeof(type), object + layout->object_type);
	return hash_pair(object, type);
}

/* Has this instance of a site come before, or is there room for it? */
static __always_inline bool is_instance_kept(__u64 whole, __u64 instance, __u32 image_id)
{
	__u64 key = part_key(whole, instance, 0);
	struct wire_instances *known, one = { .image_id = image_id, .count = 1 };

	if (bpf_map_lookup_elem(&instances, &key))
		return true;
	known = bpf_map_lookup_elem(&instances, &whole);
	if ((known && known->count >= MAX_INSTANCES) ||
	    bpf_map_update_elem(&instances, &key, &one, BPF_ANY))
		return false;
	if (known)
		__sync_fetch_and_add(&known->count, 1);
	else
		bpf_map_update_elem(&instances, &whole, &one, BPF_NOEXIST);
	return true;
}

/* The instance that a site is split for: itself as long as there is room. */
static __always_inline __u64 choose_instance(__u64 whole, __u64 instance, __u32 image_id)
{
	return is_instance_kept(whole, instance, image_id) ? instance : OTHER_OBJECTS;
}

/* The key of the part of a site that a frame is at. */
static __always_inline __u64 split_site(struct walk *walk, const __u8 *head, __u64 code, __u64 key,
					__u64 object)
{
	__u32 depth = walk->path->depth, at = 0;
	__u64 instance;

	if (cfg_lines && (depth || !walk->path->begins))
		at = frame_at(walk->layout, head, code);
	if (depth > MAX_FRAMES)
		return key;
	walk->parts->wholes[depth] = key;
	walk->parts->ats[depth] = at;
	if (!cfg_instances || !object)
		instance = 0;
	else
		instance = choose_instance(key, name_instance(walk->layout, object),
					   walk->path->image_id);
	walk->parts->has_others[depth] = instance == OTHER_OBJECTS;
	return part_key(key, instance, at);
}

#endif
