/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes: one entry of the table for each call path, its parents included, found by the path's
 * key alone (wire_hash.h). A path seen for the first time is laid down from the root; where a
 * table has no room, growth goes to the [deeper] row of the nearest ancestor that has a node,
 * and without one to the image's lost amounts. Each way is counted.
 */
#ifndef MEMPROBE_NODES_H
#define MEMPROBE_NODES_H

#include "code_text.h"
#include "thread_roots.h"

#include <memprobe/wire_comm.h>

/* What is left of the nodes and sites is for growth. Calls on a new path count on [deeper] then. */
static __always_inline bool is_room_for_calls(void)
{
	return nodes_made - nodes_removed < cfg_call_nodes &&
	       sites_made - sites_removed < cfg_call_sites;
}

/* What lay_frame fails with when there is no room for calls. No loss is counted here: user space
 * counts what stands on [deeper] (user/model/profile_calls.c). */
#define LAY_NO_CALLS 0x100

/* A root row that is no Python code; comm is 0, 0 but for native threads. */
struct special {
	__u64 key;
	__u32 kind; /* enum wire_site_kind */
	__u32 slot;
	__u32 scratch;
	__u32 pad;
	__u64 comm[2];
};

/* Makes a site that is no Python code known to user space, as send_special_site(). Returns 0 or
 * LOSS_* + 1. verifier: insert_special() does it by itself, for eight calls in each other are the
 * most, and 512 bytes of stack. */
__noinline __u32 ensure_special_site(__u32 slot, __u64 key, __u32 kind, __u64 comm_low,
				     __u64 comm_high)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 failed;

	if (!image)
		return LOSS_sites_full + 1;
	if (bpf_map_lookup_elem(&sites, &key))
		return 0;
	failed = claim_site(image, key, kind & 0xff);
	if (failed)
		return failed;
	if (!send_special_site(slot, key, kind, comm_low, comm_high))
		return 0;
	give_site_back(key);
	return LOSS_ring_full + 1;
}

/* Makes a special root known to user space and lays down its node, if it has none. `kind` has the
 * scratch above its low 8 bits. Returns as insert_node(). */
__noinline __u32 insert_special(__u32 slot, __u64 key, __u32 kind, __u64 comm_low, __u64 comm_high)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	__u32 where = kind >> 8 | NODES_SPECIAL << 8, failed;

	if (!image)
		return LAY_FAILED | (LOSS_nodes_full + 1);
	if (!bpf_map_lookup_elem(&sites, &key)) {
		failed = claim_site(image, key, kind & 0xff);
		if (failed)
			return LAY_FAILED | failed;
		if (send_special_site(slot, key, kind, comm_low, comm_high)) {
			give_site_back(key);
			return LAY_FAILED | (LOSS_ring_full + 1);
		}
	}
	if ((kind & 0xff) == SITE_NATIVE && specials_made - specials_removed >= RESERVED_ROWS / 2)
		return LAY_FAILED | (LOSS_nodes_full + 1);
	return insert_node(image->image_id, key, key, where);
}

/* Goes on to a node that was laid down, or was not: what insert_node() returns. */
static __always_inline bool step_to(struct path *path, __u32 id)
{
	if (id & LAY_FAILED)
		path->failed = id & ~LAY_FAILED;
	else
		path->node_id.value = id;
	return !(id & LAY_FAILED);
}

/* Makes sure of a site for a frame that has no node, and gives it one. */
static __always_inline void lay_new(struct wire_image *image, __u32 slot, __u32 scratch,
				    struct path *path)
{
	if (scratch != SCRATCH_RSS && !is_room_for_calls())
		path->failed = LAY_NO_CALLS;
	else if (nodes_made - nodes_removed >= cfg_max_nodes)
		path->failed = LOSS_nodes_full + 1;
	else
		path->failed = ensure_site(image, slot, scratch, path->remaining - 1);
	if (path->failed)
		return;
	/* verifier: on 5.10 an index into the keys would have lost its bound. */
	step_to(path, insert_node(below_node(image, path->node_id), path->next,
				  path_step(path->node, path->next), scratch));
}

/* Lays down the path's next frame towards the leaf. Returns 1 when done or failed. */
static __always_inline int lay_next(__u32 slot, __u32 scratch)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct node_id *known;
	__u32 index;

	if (!image || !path)
		return 1;
	index = path->remaining - 1;
	if (index > MAX_FRAMES)
		return 1;
	path->next = path_child(path->node, path->keys[index]);
	known = bpf_map_lookup_elem(&node_ids, &path->next);
	if (known)
		path->node_id = *known;
	else
		lay_new(image, slot, scratch, path);
	if (path->failed)
		return 1;
	path->node = path->next;
	path->remaining = index;
	return 0;
}

/* The same for kernels where it is called in a plain loop: verified once. */
__noinline int lay_frame(__u32 slot, __u32 scratch)
{
	return lay_next(slot, scratch);
}

__noinline int lay_some(__u32 slot, __u32 scratch)
{
	for (__u32 i = 0; i < PLAIN_TURNS; i++) {
		if (lay_frame(slot, scratch))
			return 1;
	}
	return 0;
}

/* All frames that have no node yet, as walk_plainly. */
__noinline int lay_plainly(__u32 slot, __u32 scratch)
{
	for (__u32 i = 0; i <= MAX_FRAMES / PLAIN_TURNS; i++) {
		if (lay_some(slot, scratch))
			break;
	}
	return 0;
}

struct lay_context {
	__u32 slot;
	__u32 scratch;
};

static long lay_frame_callback(__u32 index, void *data)
{
	struct lay_context *context = data;

	return callback_result(lay_next(context->slot, context->scratch));
}

static __always_inline void add_to(struct node_id id, struct wire_node *node, __u32 kind,
				   __s64 pages)
{
	/* verifier: clang 22 works out &node->grown where the node may still be NULL. */
	asm volatile("" : "+r"(node));
	kind = kind_index(kind);
	if (pages > 0)
		__sync_fetch_and_add(&node->grown[kind], (__u32)pages);
	else
		__sync_fetch_and_add(&node->released[kind], (__u32)-pages);
	mark_changed(id);
}

static __always_inline void add_to_lost(struct wire_image *image, __u32 kind, __s64 pages)
{
	kind = kind_index(kind);
	if (pages > 0)
		__sync_fetch_and_add(&image->lost_grown[kind], pages);
	else
		__sync_fetch_and_add(&image->lost_released[kind], -pages);
}

/* The [deeper] row below `parent`, made when there is room; 0: there is none. */
static __always_inline struct node_id find_deeper(struct wire_image *image, const struct path *path,
						  __u32 scratch)
{
	__u64 site = site_key_special(image->image_id, SITE_DEEPER);
	__u64 key = path_child(path->node, site);
	struct node_id id = {}, *known;

	if (!path->node_id.value)
		return id;
	known = bpf_map_lookup_elem(&deeper_ids, &key);
	if (known)
		return *known;
	id.value = insert_node(below_node(image, path->node_id), key, site,
			       scratch | NODES_DEEPER << 8);
	if (id.value & LAY_FAILED)
		id.value = 0;
	return id;
}

/* What is being booked: pages of a kind on an image. */
struct change {
	struct wire_image *image;
	__u32 slot;
	__u32 kind;
	__u32 scratch;
	__u32 pad1;
	__s64 pages;
	__u32 loss;	 /* LOSS_* + 1 of a path looked for before its pages are known (pages 0) */
	__u32 is_native; /* by a thread that never runs Python, found so by the walk */
};

/* Losses are rare, but inlined they are a tenth of a path's program, and of what is verified. */
__noinline int count_slot_loss(__u32 slot, __u32 reason, __s64 pages)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);

	if (image)
		count_loss(image, reason, pages);
	return 0;
}

static __always_inline __u64 absolute(__s64 pages)
{
	return pages < 0 ? -pages : pages;
}

/* One byte more of a comm's pattern, in a function that is verified once. */
__noinline int fold_comm_byte(__u32 scratch, __u64 byte)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);

	if (path)
		comm_fold_byte(&path->fold, byte & 0xff);
	return 0;
}

/* Leaves the pattern of a comm in the path's `fold`. */
__noinline int fold_comm(__u32 scratch, __u64 first, __u64 second)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);

	if (!path)
		return 0;
	path->fold = (struct comm_fold){ .is_going = 1 };
	for (__u32 i = 0; i < COMM_BYTES / 2; i++, first >>= 8)
		fold_comm_byte(scratch, first);
	for (__u32 i = 0; i < COMM_BYTES / 2; i++, second >>= 8)
		fold_comm_byte(scratch, second);
	return 0;
}

/* The row of a thread without a Python frame: by its name, by the pattern of its name when there
 * are many, or the row of all others. Its key and its name then are those of the row. */
static __always_inline void name_native(struct change *change, struct special *special)
{
	struct path *path = bpf_map_lookup_elem(&paths, &special->scratch);
	const struct wire_image *image = change->image;
	__u64 first = special->comm[0], second = special->comm[1];

	special->key = site_key_native(image->image_id, first, second);
	if (!path || image->natives < MAX_NATIVE_NAMES ||
	    bpf_map_lookup_elem(&sites, &special->key))
		return;
	fold_comm(special->scratch, first, second);
	special->comm[0] = path->fold.pattern[0];
	special->comm[1] = path->fold.pattern[1];
	special->key = site_key_native(image->image_id, special->comm[0], special->comm[1]);
	if (image->natives < MAX_NATIVE_NAMES + MAX_NATIVE_PATTERNS ||
	    bpf_map_lookup_elem(&sites, &special->key))
		return;
	special->comm[0] = COMM_OTHERS;
	special->comm[1] = 0;
	special->key = site_key_native(image->image_id, COMM_OTHERS, 0);
}

/* The node of a special root. 0 when there is no room: counted. */
static __always_inline struct node_id find_special(struct change *change,
						   const struct special *special)
{
	__u64 key = special->key;
	struct node_id *known = bpf_map_lookup_elem(&special_ids, &key), id;

	if (known)
		return *known;
	id.value = insert_special(special->slot, key, special->kind | special->scratch << 8,
				  special->comm[0], special->comm[1]);
	if (id.value & LAY_FAILED) {
		count_slot_loss(change->slot, (id.value & ~LAY_FAILED) - 1, change->pages);
		id.value = 0;
	}
	return id;
}

static __always_inline struct node_id find_plain_special(struct change *change, __u32 kind)
{
	struct special special = {
		.key = site_key_special(change->image->image_id, kind),
		.kind = kind,
		.slot = change->slot,
		.scratch = change->scratch,
	};

	return find_special(change, &special);
}

/* The main module runs as the root frame `<module>` of a file that is no part of the import
 * system, or below runpy's `_run_module_as_main`: from then on the interpreter has started. */
__noinline int note_root_frame(__u32 slot, __u64 code)
{
	struct wire_image *image = bpf_map_lookup_elem(&images, &slot);
	const struct wire_layout *layout = slot_layout(slot);
	bool is_main;
	__u64 name;

	if (!image || !layout)
		return 0;
	name = str_begin(layout, code, layout->code_name);
	is_main = name == TEXT8('_', 'r', 'u', 'n', '_', 'm', 'o', 'd');
	if (name == TEXT8('<', 'm', 'o', 'd', 'u', 'l', 'e', '>'))
		is_main = str_begin(layout, code, layout->code_filename) !=
			  TEXT8('<', 'f', 'r', 'o', 'z', 'e', 'n', ' ');
	if (is_main)
		image->flags |= IMAGE_MAIN_SEEN;
	return 0;
}

/* Lays the special root of a walk that did not reach the real one. */
static __always_inline void lay_special_root(__u32 slot, __u32 scratch, struct path *path,
					     __u64 key, __u32 kind)
{
	if (!step_to(path, insert_special(slot, key, kind | scratch << 8, 0, 0)))
		return;
	path->node = key;
	path->remaining--;
}

/* The root of a walk below its thread. */
static __noinline void prepare_thread_path(__u32 slot, __u32 scratch, struct path *path,
					   __u32 root_kind)
{
	__u32 root = path->depth - 1;

	if (root > MAX_FRAMES)
		return;
	if (root_kind)
		path->failed = ensure_special_site(slot, path->keys[root], root_kind | scratch << 8,
						   0, 0);
	else
		note_root_frame(slot, path->codes[root]);
}

static __always_inline bool is_broken(const struct path *path)
{
	return path->end != WALK_ROOT && path->end != WALK_KNOWN;
}

static __always_inline __u32 root_kind_of(const struct path *path)
{
	if (!is_broken(path))
		return SITE_PYTHON;
	return path->end == WALK_TOO_DEEP ? SITE_TRUNCATED : SITE_LOST;
}

static __always_inline int lay_path(__u32 slot, __u32 scratch, bool plain_loop)
{
	struct path *path = bpf_map_lookup_elem(&paths, &scratch);
	struct lay_context context = { .slot = slot, .scratch = scratch };
	__u32 root, root_kind;

	if (!path)
		return 0;
	root = path->depth - 1;
	root_kind = root_kind_of(path);
	path->node = path->above;
	path->node_id = path->above_id;
	path->remaining = path->depth;
	path->failed = 0;
	if (root > MAX_FRAMES)
		return 0;
	if (cfg_threads)
		prepare_thread_path(slot, scratch, path, root_kind);
	else if (root_kind)
		lay_special_root(slot, scratch, path, path->keys[root], root_kind);
	else if (!path->above)
		note_root_frame(slot, path->codes[root]);
	if (path->failed)
		return 0;
	if (plain_loop)
		lay_plainly(slot, scratch);
	else
		bpf_loop(MAX_FRAMES + 1, lay_frame_callback, &context, 0);
	return 0;
}

/* Lays down a walked path; path->failed tells how that went. */
__noinline int lay_path_by_helper(__u32 slot, __u32 scratch)
{
	return lay_path(slot, scratch, false);
}

__noinline int lay_path_plainly(__u32 slot, __u32 scratch)
{
	return lay_path(slot, scratch, true);
}

/* Puts a special root above the frames of a walk that reached neither the real one nor a known
 * path. Returns why it did not: LOSS_*. */
__noinline __u32 close_broken_walk(__u32 scratch)
{
	struct walk walk = {};

	if (!find_scratch(&walk, scratch))
		return LOSS_frame_unreadable;
	if (cfg_native && !has_python_frames(walk.path))
		forget_c_frames(walk.path);
	push_site(&walk, site_key_special(walk.path->image_id, root_kind_of(walk.path)), 0, 0, 0);
	switch (walk.path->end) {
	case WALK_TOO_DEEP:
		return LOSS_stack_truncated;
	case WALK_NO_THREAD:
		return LOSS_thread_unreadable;
	case WALK_NOT_OURS:
		return LOSS_thread_unclear;
	default:
		return LOSS_frame_unreadable;
	}
}

/* It is counted when its pages are known. */
static __always_inline void note_loss(struct change *change, __u32 reason)
{
	if (change->pages)
		count_slot_loss(change->slot, reason, change->pages);
	else
		change->loss = reason + 1;
}

/* The node of a walked path, laid down when new. 0 when there is no room: counted. */
static __always_inline struct node_id find_path(struct change *change, struct walk *walk,
						bool plain_loop)
{
	struct path *path = walk->path;
	__s64 pages = change->pages;
	union node_place place;
	struct wire_node *node;
	__u32 failed;

	if (is_broken(path))
		note_loss(change, close_broken_walk(change->scratch));
	/* A pool's work stands with the thread that gave it. */
	if (cfg_threads && !path->above) {
		failed = push_thread_root(change->slot, change->scratch);
		if (failed)
			note_loss(change, failed - 1);
	}
	place.key = path->key;
	node = find_node(&place);
	if (node) {
		/* The key is a sum over the parent's key and the site: one tells the other. */
		if (node->site != path->keys[0])
			count_slot_loss(change->slot, LOSS_path_collision, pages);
		path->node_id = place.id;
		path->remaining = 0;
		return place.id;
	}
	if (plain_loop)
		lay_path_plainly(change->slot, change->scratch);
	else
		lay_path_by_helper(change->slot, change->scratch);
	if (!path->failed)
		return path->node_id;
	if (path->failed != LAY_NO_CALLS)
		count_slot_loss(change->slot, path->failed - 1, pages);
	return find_deeper(change->image, path, change->scratch);
}

#endif
