/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes by number. A path's key leads to a small number, its id, and the id to the node's place in
 * an array that user space has mapped. Whoever keeps a node keeps its id: it says where the node's
 * counts are without a look at a hash, and without one where its parent is.
 *
 * An id is given to another path only after the image of the first has ended and been read to the
 * last (user/capture/drain_nodes.c), when nobody books on it any more.
 */
#ifndef MEMPROBE_NODE_IDS_H
#define MEMPROBE_NODE_IDS_H

#include "state.h"

/* What adding to a table fails with: -ENOMEM where it allocates its entries one by one (a full one
 * fails with -E2BIG), -EEXIST. To be compared as an int: before 6.4 these functions return one, and
 * the upper half of the register is 0 (d7ba4cc900bf, "bpf: return long from bpf_map_ops funcs"). */
#define NO_MEMORY (-12)
#define ALREADY_THERE (-17)

/* Paths of Python, by their keys. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_MAX_NODES); /* sized by loader */
	__type(key, __u64);
	__type(value, struct node_id);
} node_ids SEC(".maps");

/* Roots that are no Python have room of their own: code objects without end must not take it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RESERVED_ROWS);
	__type(key, __u64);
	__type(value, struct node_id);
} special_ids SEC(".maps");

/* [deeper] rows: growth that found no room for its path. So have they. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEEPER_ROWS);
	__type(key, __u64);
	__type(value, struct node_id);
} deeper_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NODE_BLOCK); /* sized by loader */
	__type(key, __u32);
	__type(value, struct wire_node);
} nodes SEC(".maps");

/* Which nodes have changed since user space has read them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* sized by loader */
	__type(key, __u32);
	__type(value, struct wire_changed);
} changed_nodes SEC(".maps");

/* Two of them, because an array rounds its values up to eight bytes. */
struct recent_ids {
	struct node_id ids[2];
};

/*
 * The ids of paths that were met last, by a part of the key: an array is found without a helper.
 * An entry is a hint. The node says in its key whose it is; that is 0 until the path has its entry
 * in the hash, and again before the id goes to another path.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RECENT_IDS / 2); /* sized by loader: less without calls */
	__type(key, __u32);
	__type(value, struct recent_ids);
} recent_ids SEC(".maps");

static __always_inline struct wire_node *node_at(struct node_id id)
{
	return id.value ? bpf_map_lookup_elem(&nodes, &id.value) : NULL;
}

/* A question and its answer, in one place on the stack, which is short. */
union node_place {
	__u64 key;
	struct node_id id;
	__u32 slot; /* on the way */
};

static __always_inline struct node_id *find_recent(__u64 key, union node_place *place)
{
	__u32 side = key >> 39;
	struct recent_ids *recent;

	place->slot = key >> 40 & (cfg_recent_ids / 2 - 1);
	recent = bpf_map_lookup_elem(&recent_ids, &place->slot);
	asm volatile("%0 &= 1" : "+r"(side)); /* verifier: as in kind_index */
	return recent ? &recent->ids[side & 1] : NULL;
}

/* The node of the path place->key, and place->id is its id. NULL: it has none. */
static __always_inline struct wire_node *find_node(union node_place *place)
{
	const __u64 key = place->key;
	struct node_id *recent = find_recent(key, place), *found;
	struct wire_node *node;

	place->id.value = recent ? *(volatile __u32 *)&recent->value : 0;
	node = bpf_map_lookup_elem(&nodes, &place->id.value);
	if (node && node->key == key)
		return node;
	place->key = key;
	found = bpf_map_lookup_elem(&node_ids, &place->key);
	if (!found)
		return NULL;
	place->id = *found;
	if (recent)
		*(volatile __u32 *)&recent->value = place->id.value;
	return bpf_map_lookup_elem(&nodes, &place->id.value);
}

/*
 * Says that a node has changed, after it has. User space takes the mark away before it reads the
 * node, so no change is lost: the addition before is a locked instruction, which on x86 no later
 * load or store overtakes, and on others user space waits until it is done. A mark that is seen
 * here was therefore still there after the addition, and user space, which has yet to take it away,
 * reads the node with the addition in it. Where no mark is seen one is made, after the addition,
 * and the next reading finds it.
 *
 * The mark is looked at first because nodes of 64 ids share a cache line here, which CPUs would
 * take from each other with every store.
 */
static __always_inline void mark_changed(struct node_id id)
{
	__u32 block = id.value / CHANGED_BLOCK, at = id.value;
	struct wire_changed *changed = bpf_map_lookup_elem(&changed_nodes, &block);

	asm volatile("%0 &= 63" : "+r"(at)); /* verifier: as in kind_index */
	_Static_assert(CHANGED_BLOCK == 64, "mark_changed");
	at &= CHANGED_BLOCK - 1;
	if (changed && !*(volatile __u8 *)&changed->marks[at])
		*(volatile __u8 *)&changed->marks[at] = 1;
}

static __always_inline void add_calls(struct node_id id, __u32 calls)
{
	struct wire_node *node = node_at(id);

	if (!node)
		return;
	__sync_fetch_and_add(&node->calls, calls);
	mark_changed(id);
}

#endif
