/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lays down nodes: gives a path an id and its node.
 *
 * Ids are given out without an atomic addition that returns its result, which kernels before 5.12
 * lack: user space fills a queue with runs of free ids, and each scratch memory, which one program
 * at a time has for itself, takes its next from a run of its own.
 */
#ifndef MEMPROBE_ID_RUNS_H
#define MEMPROBE_ID_RUNS_H

#include "walk_begin.h"

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1); /* sized by loader */
	__type(value, struct wire_id_run);
} free_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SCRATCHES);
	__type(key, __u32);
	__type(value, struct wire_id_run);
} id_runs SEC(".maps");

/* How full the tables are: made here, taken out by user space. */
__u64 nodes_made, specials_made;
__u64 nodes_removed, specials_removed;

/* What a node's key is looked up in. */
enum node_table { NODES_OF_PYTHON, NODES_SPECIAL, NODES_DEEPER };

/* id 0: none is left. */
static __always_inline struct node_id take_id(__u32 scratch)
{
	struct wire_id_run *run = bpf_map_lookup_elem(&id_runs, &scratch);
	struct node_id id = {};

	/* When nothing is popped, zeroes are. */
	if (!run || (!run->count && bpf_map_pop_elem(&free_ids, run)))
		return id;
	id = run->first;
	run->first.value++;
	run->count--;
	return id;
}

static __always_inline void give_id_back(__u32 scratch, struct node_id id)
{
	struct wire_id_run *run = bpf_map_lookup_elem(&id_runs, &scratch);

	if (!run || run->first.value != id.value + 1)
		return;
	run->first = id;
	run->count++;
}

static __always_inline long put_id(enum node_table table, const __u64 *key,
				   const struct node_id *id)
{
	if (table == NODES_OF_PYTHON)
		return bpf_map_update_elem(&node_ids, key, id, BPF_NOEXIST);
	if (table == NODES_SPECIAL)
		return bpf_map_update_elem(&special_ids, key, id, BPF_NOEXIST);
	return bpf_map_update_elem(&deeper_ids, key, id, BPF_NOEXIST);
}

static __always_inline struct node_id *find_id(enum node_table table, const __u64 *key)
{
	if (table == NODES_OF_PYTHON)
		return bpf_map_lookup_elem(&node_ids, key);
	if (table == NODES_SPECIAL)
		return bpf_map_lookup_elem(&special_ids, key);
	return bpf_map_lookup_elem(&deeper_ids, key);
}

static __always_inline void count_made(enum node_table table)
{
	if (table == NODES_OF_PYTHON)
		__sync_fetch_and_add(&nodes_made, 1);
	else if (table == NODES_SPECIAL)
		__sync_fetch_and_add(&specials_made, 1);
}

/* What laying down a node fails with: LOSS_* + 1, and this bit, which no id has. */
#define LAY_FAILED (1U << 31)

static __always_inline __u32 why_not_put(int error)
{
	return LAY_FAILED | ((error == NO_MEMORY ? LOSS_kernel_memory : LOSS_nodes_full) + 1);
}

static __always_inline __u64 below_node(const struct wire_image *image, struct node_id parent)
{
	return image->image_id | (__u64)parent.value << 32;
}

/*
 * The id of a path that has had none, or why it gets none. Its node is filled in first, so that
 * whoever finds the id finds it whole, but for the key, which makes the id known to find_node: that
 * comes last, when no other thread can have been faster. `below` is the image's id, and above its
 * 32 bits the parent's (verifier: less to keep on the stack); `where` the scratch, and above its
 * low 8 bits the table. Returns the id, or LAY_FAILED and why.
 */
__noinline __u32 insert_node(__u64 below, __u64 key, __u64 site, __u32 where)
{
	struct node_id id = take_id(where & 0xff), *other;
	struct wire_node *node = node_at(id);
	int error;

	if (!node)
		return why_not_put(0);
	node->site = site;
	node->parent = below >> 32;
	node->objects = 0;
	node->image_id = below;
	node->first = bpf_ktime_get_ns() >> FIRST_SHIFT;
	error = put_id(where >> 8, &key, &id);
	if (!error) {
		*(volatile __u64 *)&node->key = key;
		count_made(where >> 8);
		mark_changed(id);
		return id.value;
	}
	give_id_back(where & 0xff, id);
	other = find_id(where >> 8, &key);
	return other ? other->value : why_not_put(error);
}

#endif
