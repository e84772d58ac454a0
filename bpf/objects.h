/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which objects do the methods on a path run on? Each node keeps up to MAX_NODE_OBJECTS distinct
 * ones: user space is told of each once, with the name of its class, which may be gone when it
 * looks.
 *
 * Most events come again and again on the same path with the same objects: one slot of a table
 * tells that, and nothing else is looked up. Counted calls see far more paths than grow: they may
 * fill one half of the sightings.
 */
#ifndef MEMPROBE_OBJECTS_H
#define MEMPROBE_OBJECTS_H

#include "nodes.h"

/* What was noted: hashes of a path and its objects. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEEN_OBJECTS);
	__type(key, __u32);
	__type(value, __u64);
} seen_objects SEC(".maps");

/* An object on a node, by the hash of both. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SIGHTINGS);
	__type(key, __u64);
	__type(value, __u32); /* image_id */
} sightings SEC(".maps");

/* How full the table of sightings is: made here, taken out by user space. */
__u64 sightings_made, sightings_removed;

static __always_inline bool is_room_for_sighting(__u32 scratch)
{
	__u64 used = sightings_made - sightings_removed;

	return used < (scratch == SCRATCH_RSS ? MAX_SIGHTINGS : MAX_SIGHTINGS / 2);
}

/* What a path and its objects are noted as; calls apart, because theirs may have found no room. */
static __always_inline __u64 name_seen(__u64 path, __u64 objects, bool is_call)
{
	return name_sighting(path + is_call, objects);
}

static __always_inline bool is_seen(__u64 name)
{
	__u32 slot = name >> 40 & (SEEN_OBJECTS - 1);
	__u64 *seen = bpf_map_lookup_elem(&seen_objects, &slot);

	return seen && *(volatile __u64 *)seen == name;
}

static __always_inline void note_seen(__u64 name)
{
	__u32 slot = name >> 40 & (SEEN_OBJECTS - 1);
	__u64 *seen = bpf_map_lookup_elem(&seen_objects, &slot);

	if (seen)
		*(volatile __u64 *)seen = name;
}

/*
 * An object's name has to be read while it lives, but user space asks for those of
 * INSPECT_OBJECT_BATCH objects at a time, or at a flush: to wake it for each would only cost the
 * target, 10 us a time (measured, 6.18: a new object 14 us with, 4 without).
 */
#define OBJECTS_A_WAKE 32
#define NAMELESS_A_WAKE 512

__u32 objects_are_nameless; /* user space says so: nearly none of the last had a name to be read */

static __always_inline bool is_batch_full(void)
{
	__u64 last = (objects_are_nameless ? NAMELESS_A_WAKE : OBJECTS_A_WAKE) - 1;

	return (sightings_made & last) == last;
}

/* Is its parent the row of a thread? The object is the thread's Thread then, whose name is the
 * row's, and a thread may be short: user space is woken for it. */
static __noinline bool is_first_function(__u32 id)
{
	const struct wire_node *node = node_at((struct node_id){ id });

	node = node ? node_at((struct node_id){ node->parent }) : NULL;
	return node && !node->parent;
}

static __always_inline long send_object(struct wire_image *image, const struct wire_layout *layout,
					__u32 scratch, __u32 node, __u64 object)
{
	struct site_buffer *buffer = bpf_map_lookup_elem(&site_buffers, &scratch);
	struct wire_object *record = (struct wire_object *)buffer;
	bool is_urgent;

	if (!buffer)
		return -1;
	__builtin_memset(record, 0, sizeof(*record));
	record->head.type = RECORD_OBJECT;
	record->head.image_id = image->image_id;
	record->head.time_ns = bpf_ktime_get_ns();
	record->node.value = node;
	record->object = object;
	is_urgent = is_batch_full();
	if (cfg_threads && is_first_function(node)) {
		record->tid = bpf_get_current_pid_tgid();
		is_urgent = true;
	}
	read_class(layout, object, &record->type, record->class_name);
	return send(record, sizeof(*record), is_urgent);
}

/* No more objects are noted on a node; its calls need not ask. */
static __always_inline void crowd(struct wire_node *node, struct node_id id)
{
	node->objects = MAX_NODE_OBJECTS + 1;
	mark_changed(id);
}

/* An object that may be new on a node. */
__noinline int note_object(__u32 slot, __u32 scratch, __u32 node_id, __u64 object)
{
	struct node_id id = { .value = node_id };
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct wire_node *node = node_at(id);
	const struct wire_layout *layout = slot_layout(slot);
	__u64 name = name_sighting(node_id, object);

	if (!image || !node || !layout || bpf_map_lookup_elem(&sightings, &name))
		return 0;
	if (node->objects >= MAX_NODE_OBJECTS) {
		crowd(node, id);
		return 0;
	}
	if (!is_room_for_sighting(scratch) ||
	    bpf_map_update_elem(&sightings, &name, &image->image_id, BPF_NOEXIST)) {
		if (scratch == SCRATCH_RSS)
			count_loss(image, LOSS_objects_full, 0);
		return 0;
	}
	if (send_object(image, layout, scratch, node_id, object)) {
		bpf_map_delete_elem(&sightings, &name);
		lose_record(image->image_id);
		return 0;
	}
	__sync_fetch_and_add(&sightings_made, 1);
	node->objects++;
	return 0;
}

/* One frame of a path. Returns 1 after the last. */
__noinline int note_frame_object(__u32 slot, __u32 scratch, __u32 index)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct path_parts *parts = bpf_map_lookup_elem(&path_parts, &scratch);
	struct wire_node *node;

	if (!path || !parts || index >= path->depth || index > MAX_FRAMES)
		return 1;
	if (index < path->remaining) /* it has no node */
		return 0;
	node = node_at(path->node_id);
	if (!node)
		return 1;
	if (parts->objects[index] && node->objects <= MAX_NODE_OBJECTS)
		note_object(slot, scratch, path->node_id.value, parts->objects[index]);
	path->node_id.value = node->parent;
	return 0;
}

static long note_frame_object_callback(__u32 index, void *data)
{
	struct lay_context *context = data;

	return callback_result(note_frame_object(context->slot, context->scratch, index));
}

/* From frame `first` on. Returns 1 after the last. */
__noinline int note_some_objects(__u32 slot, __u32 scratch, __u32 first)
{
	for (__u32 i = 0; i < PLAIN_TURNS; i++) {
		if (note_frame_object(slot, scratch, first + i))
			return 1;
	}
	return 0;
}

/* As walk_plainly. */
__noinline int note_objects_plainly(__u32 slot, __u32 scratch)
{
	for (__u32 i = 0; i <= MAX_FRAMES; i += PLAIN_TURNS) {
		if (note_some_objects(slot, scratch, i))
			break;
	}
	return 0;
}

/* Notes the objects of a walked path whose nodes are laid down. */
static __always_inline void note_objects(struct change *change, struct path *path, bool plain_loop)
{
	struct lay_context context = { .slot = change->slot, .scratch = change->scratch };
	__u64 name = name_seen(path->key, path->objects_key, change->scratch != SCRATCH_RSS);

	if (cfg_instances || !path->objects_key || is_seen(name))
		return;
	note_seen(name);
	if (plain_loop)
		note_objects_plainly(change->slot, change->scratch);
	else
		RARE_LOOP(MAX_FRAMES + 1, note_frame_object_callback, &context);
}

#endif
