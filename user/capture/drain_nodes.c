/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the BPF tables of nodes to nodes of the profile.
 *
 * Values there are sums since the node was laid down; what they gained since the last reading is
 * added to the profile. Several BPF nodes can be one node of the profile: a function defined
 * anew by every exec() has many code objects but one file, line and name. A node whose site record
 * is not here yet, because it was sent after the ring was drained, waits for the next reading.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <memprobe/wire_hash.h>
#include <string.h>

#include "drain_state.h"
#include "memory.h"

#define BATCH 1024

static uint32_t take_index(struct drain *drain)
{
	if (drain->nr_unused)
		return drain->unused_nodes[--drain->nr_unused];
	drain->nodes = array_reserve(drain->nodes, &drain->nodes_capacity, drain->nr_nodes + 1,
				     sizeof(*drain->nodes));
	return drain->nr_nodes++;
}

static struct kernel_node *find_or_add(struct drain *drain, uint64_t key,
				       const struct wire_node *wire)
{
	uint32_t index;

	if (hash_table_get(&drain->node_ids, key, &index))
		return &drain->nodes[index];
	index = take_index(drain);
	drain->nodes[index] = (struct kernel_node){
		.key = key,
		.parent = wire->parent,
		.site = wire->site,
		.first_ns = wire->first_ns,
		.image_id = wire->image_id,
		.node = NO_NODE,
	};
	hash_table_put(&drain->node_ids, key, index);
	return &drain->nodes[index];
}

static void take_batch(struct drain *drain, const uint64_t *keys, const struct wire_node *values,
		       uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct kernel_node *node = find_or_add(drain, keys[i], &values[i]);

		for (int kind = 0; kind < NR_KINDS; kind++) {
			node->read.grown[kind] = values[i].grown[kind] * PAGE_BYTES;
			node->read.released[kind] = values[i].released[kind] * PAGE_BYTES;
		}
		node->calls_read = values[i].calls;
		node->is_crowded = values[i].objects > MAX_NODE_OBJECTS;
	}
}

static int read_table(struct drain *drain, int fd)
{
	_cleanup_(freep) uint64_t *keys = xmalloc(BATCH * sizeof(*keys));
	_cleanup_(freep) struct wire_node *values = xmalloc(BATCH * sizeof(*values));
	uint64_t cursor = 0;
	bool is_first = true;
	int error;

	do {
		uint32_t count = BATCH;

		error = bpf_map_lookup_batch(fd, is_first ? NULL : &cursor, &cursor, keys, values,
					     &count, NULL);
		if (error && errno != ENOENT)
			return -errno;
		take_batch(drain, keys, values, count);
		is_first = false;
	} while (!error);
	return 0;
}

/* Calls that are not counted in the node itself. */
static void read_call_tallies(struct drain *drain)
{
	const volatile struct wire_call_tally *tallies = loader_call_tallies(drain->loader);
	uint32_t index;

	for (size_t i = 0; tallies && i < CALL_TALLIES; i++) {
		if (tallies[i].path && hash_table_get(&drain->node_ids, tallies[i].path, &index))
			drain->nodes[index].calls_read += tallies[i].calls;
	}
}

/* The slot of a path whose image has ended is free for another. */
static void remove_call_tally(struct drain *drain, uint64_t path)
{
	struct wire_call_tally *tallies = loader_call_tallies(drain->loader), *tally;

	if (!tallies)
		return;
	tally = &tallies[call_tally_slot(path)];
	if (tally->path != path)
		return;
	tally->calls = 0;
	__atomic_store_n(&tally->path, 0, __ATOMIC_RELEASE);
}

/* What the nodes of a part that is not split off ran on. */
static void add_sighting_of_part(struct drain *drain, const struct kernel_node *node)
{
	uint32_t index;

	if (hash_table_get(&drain->site_ids, node->site, &index) &&
	    drain->sites[index].object != NO_OBJECT)
		profile_add_sighting(drain->profile, node->node, drain->sites[index].object);
}

static bool find_site(struct drain *drain, struct kernel_node *node, uint32_t *ret_site)
{
	struct site deeper = { .kind = SITE_DEEPER };
	uint32_t index;

	if (hash_table_get(&drain->site_ids, node->site, &index)) {
		*ret_site = drain->sites[index].site;
		node->is_shim = drain->sites[index].is_shim;
		return true;
	}
	if (node->site != site_key_special(node->image_id, SITE_DEEPER))
		return false;
	*ret_site = profile_add_site(drain->profile, &deeper);
	return true;
}

static bool define(struct drain *drain, struct kernel_node *node, uint32_t parent)
{
	struct image_slot *slot = drain_slot(drain, node->image_id);
	uint32_t site;

	if (!slot || !find_site(drain, node, &site))
		return false;
	/* Keys are sums over what a target chose: one that meets another image's leads nowhere. */
	if (parent != NO_NODE && drain->profile->nodes[parent].process != slot->process)
		return false;
	if (node->is_shim && parent != NO_NODE) {
		node->node = parent;
		return true;
	}
	node->node = profile_add_node(drain->profile, slot->process, parent, site,
				      drain_time(drain, node->first_ns));
	slot->nr_paths += drain->profile->sites[site].kind == SITE_PYTHON;
	add_sighting_of_part(drain, node);
	return true;
}

/* The nodes from one up to the nearest ancestor with a place, or to a root; leaf first. Returns
 * false when that cannot be reached now: an ancestor is unknown, has no place in this reading, or
 * is met again, for keys are sums over what a target chose and may lead in a circle. A path has no
 * greatest depth: a counted call is laid below its caller's path. */
static bool climb(struct drain *drain, uint32_t index, uint32_t *ret_parent)
{
	*ret_parent = NO_NODE;
	for (drain->climbed = 0;;) {
		struct kernel_node *node = &drain->nodes[index];

		*ret_parent = node->node;
		if (node->node != NO_NODE)
			return true;
		if (node->tried == drain->readings)
			return false;
		node->tried = drain->readings;
		drain->climb = array_reserve(drain->climb, &drain->climb_capacity,
					     drain->climbed + 1, sizeof(*drain->climb));
		drain->climb[drain->climbed++] = index;
		if (!node->parent)
			return true;
		if (!hash_table_get(&drain->node_ids, node->parent, &index))
			return false;
	}
}

/* Gives a node and its ancestors their place in the profile, as far as that is possible now. */
static void place(struct drain *drain, uint32_t index)
{
	uint32_t parent;

	if (!climb(drain, index, &parent))
		return;
	while (drain->climbed) {
		struct kernel_node *node = &drain->nodes[drain->climb[--drain->climbed]];

		if (!define(drain, node, parent))
			return;
		parent = node->node;
	}
}

static void add_gain(struct drain *drain, struct kernel_node *node)
{
	struct cost gain;

	for (int kind = 0; kind < NR_KINDS; kind++) {
		gain.grown[kind] = node->read.grown[kind] - node->added.grown[kind];
		gain.released[kind] = node->read.released[kind] - node->added.released[kind];
	}
	if (node->calls_read != node->calls_added && !node->is_shim)
		profile_add_calls(drain->profile, node->node, node->calls_read - node->calls_added);
	node->calls_added = node->calls_read;
	if (node->is_crowded && !drain->profile->nodes[node->node].is_crowded) {
		drain->profile->nodes[node->node].is_crowded = true;
		drain->profile->nodes[node->node].is_dirty = true;
	}
	if (cost_is_zero(&gain))
		return;
	node->added = node->read;
	drain_add_cost(drain, node->node, &gain);
}

void drain_keep_alive(struct drain *drain, uint64_t path)
{
	drain->alive = array_reserve(drain->alive, &drain->alive_capacity, drain->nr_alive + 1,
				     sizeof(*drain->alive));
	drain->alive[drain->nr_alive++] = path;
}

/* Where calls are counted when frames end, those that never did are counted here. */
static void add_alive(struct drain *drain)
{
	for (size_t i = 0; i < drain->nr_alive; i++) {
		const struct kernel_node *node = NULL;
		uint64_t key = drain->alive[i];
		uint32_t index;

		/* What has a place is in no circle. */
		while (key && hash_table_get(&drain->node_ids, key, &index) &&
		       drain->nodes[index].node != NO_NODE) {
			node = &drain->nodes[index];
			if (!node->is_shim &&
			    drain->profile->sites[drain->profile->nodes[node->node].site].kind ==
				    SITE_PYTHON)
				profile_add_calls(drain->profile, node->node, 1);
			key = node->parent;
		}
	}
	drain->nr_alive = 0;
}

int drain_read_nodes(struct drain *drain)
{
	int error = read_table(drain, drain->nodes_fd);

	if (!error)
		error = read_table(drain, drain->deeper_fd);
	read_call_tallies(drain);
	drain->readings++;
	for (size_t i = 0; i < drain->nr_nodes; i++) {
		if (!drain->nodes[i].image_id)
			continue;
		if (drain->nodes[i].node == NO_NODE)
			place(drain, i);
		if (drain->nodes[i].node != NO_NODE)
			add_gain(drain, &drain->nodes[i]);
	}
	add_alive(drain);
	drain_place_sightings(drain);
	return error;
}

/* Has the image ended and been read to the last? One that user space has not met yet has not: ids
 * of a slot only rise. */
bool drain_image_has_ended(struct drain *drain, uint32_t image_id)
{
	uint32_t index = image_id % MAX_IMAGES;
	const struct image_slot *slot;

	if (index >= drain->nr_slots)
		return false;
	slot = &drain->slots[index];
	if (slot->image_id != image_id)
		return slot->image_id > image_id;
	return slot->state == SLOT_EMPTY || (slot->state == SLOT_ENDED && slot->is_read);
}

static void remove_sites(struct drain *drain)
{
	size_t kept = 0;

	for (size_t i = 0; i < drain->nr_sites; i++) {
		struct known_site *site = &drain->sites[i];

		if (drain_image_has_ended(drain, site->image_id)) {
			if (!bpf_map_delete_elem(drain->sites_fd, &site->key))
				loader_note_removed(drain->loader, 0, 1);
			hash_table_remove(&drain->site_ids, site->key);
			continue;
		}
		drain->sites[kept] = *site;
		hash_table_put(&drain->site_ids, site->key, kept++);
	}
	drain->nr_sites = kept;
}

void drain_remove_nodes(struct drain *drain)
{
	for (size_t i = 0; i < drain->nr_nodes; i++) {
		struct kernel_node *node = &drain->nodes[i];

		if (!node->image_id || !drain_image_has_ended(drain, node->image_id))
			continue;
		if (bpf_map_delete_elem(drain->nodes_fd, &node->key))
			bpf_map_delete_elem(drain->deeper_fd, &node->key);
		else
			loader_note_removed(drain->loader, 1, 0);
		remove_call_tally(drain, node->key);
		hash_table_remove(&drain->node_ids, node->key);
		node->image_id = 0;
		drain->unused_nodes = array_reserve(drain->unused_nodes, &drain->unused_capacity,
						    drain->nr_unused + 1,
						    sizeof(*drain->unused_nodes));
		drain->unused_nodes[drain->nr_unused++] = i;
	}
	remove_sites(drain);
	drain_remove_objects(drain);
	drain_sweep_tables(drain);
}
