/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the BPF tables of nodes to nodes of the profile; see drain_nodes.h.
 *
 * Values there are sums since the node was laid down; what they gained since the last reading is
 * added to the profile. Several BPF nodes can be one node of the profile: a function defined
 * anew by every exec() has many code objects but one file, line and name. A node whose site record
 * is not here yet, because it was sent after the ring was drained, waits for the next reading.
 */
#include "drain_nodes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <memprobe/wire_hash.h>
#include <string.h>

#include "drain_books.h"
#include "hash_table.h"
#include "memory.h"

#define BATCH 1024

/* An entry of the BPF table of nodes, as last read. */
struct kernel_node {
	uint64_t key, parent, site, first_ns;
	uint32_t image_id; /* 0: unused */
	uint32_t node;	   /* in the profile, NO_NODE while its site or parent is unknown */
	uint32_t tried;	   /* the reading in which a place was looked for last */
	struct cost read;  /* bytes, as last read */
	struct cost added; /* bytes, as added to the profile */
	bool is_crowded;
	uint64_t calls_read, calls_added;
	bool is_shim; /* calls of it are none */
};

struct drain_nodes {
	const struct drain_base *base;
	struct drain_images *images;
	const struct drain_sites *sites;
	int nodes_fd, deeper_fd;
	struct kernel_node *all;
	size_t count, capacity;
	struct hash_table ids; /* key to index */
	uint32_t readings;     /* of the tables */
	uint32_t *climb;       /* indices of nodes that are about to get a place, leaf first */
	size_t climbed, climb_capacity;
	uint32_t *unused; /* indices */
	size_t nr_unused, unused_capacity;
	uint64_t *alive; /* keys of paths on which threads died, their calls to be added */
	size_t nr_alive, alive_capacity;
};

struct drain_nodes *drain_nodes_new(const struct drain_base *base, struct drain_images *images,
				    const struct drain_sites *sites)
{
	struct drain_nodes *nodes = xcalloc(1, sizeof(*nodes));

	nodes->base = base;
	nodes->images = images;
	nodes->sites = sites;
	nodes->nodes_fd = loader_map(base->loader, "nodes");
	nodes->deeper_fd = loader_map(base->loader, "deeper_nodes");
	return nodes;
}

void drain_nodes_free(struct drain_nodes *nodes)
{
	if (!nodes)
		return;
	hash_table_free(&nodes->ids);
	free(nodes->all);
	free(nodes->unused);
	free(nodes->climb);
	free(nodes->alive);
	free(nodes);
}

static uint32_t take_index(struct drain_nodes *nodes)
{
	if (nodes->nr_unused)
		return nodes->unused[--nodes->nr_unused];
	nodes->all = array_reserve(nodes->all, &nodes->capacity, nodes->count + 1,
				   sizeof(*nodes->all));
	return nodes->count++;
}

static struct kernel_node *find_or_add(struct drain_nodes *nodes, uint64_t key,
				       const struct wire_node *wire)
{
	uint32_t index;

	if (hash_table_get(&nodes->ids, key, &index))
		return &nodes->all[index];
	index = take_index(nodes);
	nodes->all[index] = (struct kernel_node){
		.key = key,
		.parent = wire->parent,
		.site = wire->site,
		.first_ns = wire->first_ns,
		.image_id = wire->image_id,
		.node = NO_NODE,
	};
	hash_table_put(&nodes->ids, key, index);
	return &nodes->all[index];
}

static void take_batch(struct drain_nodes *nodes, const uint64_t *keys,
		       const struct wire_node *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct kernel_node *node = find_or_add(nodes, keys[i], &values[i]);

		for (int kind = 0; kind < NR_KINDS; kind++) {
			node->read.grown[kind] = values[i].grown[kind] * PAGE_BYTES;
			node->read.released[kind] = values[i].released[kind] * PAGE_BYTES;
		}
		node->calls_read = values[i].calls;
		node->is_crowded = values[i].objects > MAX_NODE_OBJECTS;
	}
}

static int read_table(struct drain_nodes *nodes, int fd)
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
		take_batch(nodes, keys, values, count);
		is_first = false;
	} while (!error);
	return 0;
}

/* Calls that are not counted in the node itself. */
static void read_call_tallies(struct drain_nodes *nodes)
{
	const volatile struct wire_call_tally *tallies = loader_call_tallies(nodes->base->loader);
	uint32_t index;

	for (size_t i = 0; tallies && i < CALL_TALLIES; i++) {
		if (tallies[i].path && hash_table_get(&nodes->ids, tallies[i].path, &index))
			nodes->all[index].calls_read += tallies[i].calls;
	}
}

/* The slot of a path whose image has ended is free for another. */
static void remove_call_tally(struct drain_nodes *nodes, uint64_t path)
{
	struct wire_call_tally *tallies = loader_call_tallies(nodes->base->loader), *tally;

	if (!tallies)
		return;
	tally = &tallies[call_tally_slot(path)];
	if (tally->path != path)
		return;
	tally->calls = 0;
	__atomic_store_n(&tally->path, 0, __ATOMIC_RELEASE);
}

/* What the nodes of a part that is not split off ran on. */
static void add_sighting_of_part(struct drain_nodes *nodes, const struct kernel_node *node)
{
	const struct known_site *site = drain_sites_find(nodes->sites, node->site);

	if (site && site->object != NO_OBJECT)
		profile_add_sighting(nodes->base->profile, node->node, site->object);
}

static bool find_site(struct drain_nodes *nodes, struct kernel_node *node, uint32_t *ret_site)
{
	struct site deeper = { .kind = SITE_DEEPER };
	const struct known_site *known = drain_sites_find(nodes->sites, node->site);

	if (known) {
		*ret_site = known->site;
		node->is_shim = known->is_shim;
		return true;
	}
	if (node->site != site_key_special(node->image_id, SITE_DEEPER))
		return false;
	*ret_site = profile_add_site(nodes->base->profile, &deeper);
	return true;
}

static bool define(struct drain_nodes *nodes, struct kernel_node *node, uint32_t parent)
{
	struct image_slot *slot = drain_images_find(nodes->images, node->image_id);
	uint32_t site;

	if (!slot || !find_site(nodes, node, &site))
		return false;
	/* Keys are sums over what a target chose: one that meets another image's leads nowhere. */
	if (parent != NO_NODE && nodes->base->profile->nodes[parent].process != slot->process)
		return false;
	if (node->is_shim && parent != NO_NODE) {
		node->node = parent;
		return true;
	}
	node->node = profile_add_node(nodes->base->profile, slot->process, parent, site,
				      drain_base_time(nodes->base, node->first_ns));
	slot->nr_paths += nodes->base->profile->sites[site].kind == SITE_PYTHON;
	add_sighting_of_part(nodes, node);
	return true;
}

/* The nodes from one up to the nearest ancestor with a place, or to a root; leaf first. Returns
 * false when that cannot be reached now: an ancestor is unknown, has no place in this reading, or
 * is met again, for keys are sums over what a target chose and may lead in a circle. A path has no
 * greatest depth: a counted call is laid below its caller's path. */
static bool climb(struct drain_nodes *nodes, uint32_t index, uint32_t *ret_parent)
{
	*ret_parent = NO_NODE;
	for (nodes->climbed = 0;;) {
		struct kernel_node *node = &nodes->all[index];

		*ret_parent = node->node;
		if (node->node != NO_NODE)
			return true;
		if (node->tried == nodes->readings)
			return false;
		node->tried = nodes->readings;
		nodes->climb = array_reserve(nodes->climb, &nodes->climb_capacity,
					     nodes->climbed + 1, sizeof(*nodes->climb));
		nodes->climb[nodes->climbed++] = index;
		if (!node->parent)
			return true;
		if (!hash_table_get(&nodes->ids, node->parent, &index))
			return false;
	}
}

/* Gives a node and its ancestors their place in the profile, as far as that is possible now. */
static void place(struct drain_nodes *nodes, uint32_t index)
{
	uint32_t parent;

	if (!climb(nodes, index, &parent))
		return;
	while (nodes->climbed) {
		struct kernel_node *node = &nodes->all[nodes->climb[--nodes->climbed]];

		if (!define(nodes, node, parent))
			return;
		parent = node->node;
	}
}

static void add_gain(struct drain_nodes *nodes, struct kernel_node *node)
{
	struct cost gain;

	for (int kind = 0; kind < NR_KINDS; kind++) {
		gain.grown[kind] = node->read.grown[kind] - node->added.grown[kind];
		gain.released[kind] = node->read.released[kind] - node->added.released[kind];
	}
	if (node->calls_read != node->calls_added && !node->is_shim)
		profile_add_calls(nodes->base->profile, node->node,
				  node->calls_read - node->calls_added);
	node->calls_added = node->calls_read;
	if (node->is_crowded && !nodes->base->profile->nodes[node->node].is_crowded) {
		nodes->base->profile->nodes[node->node].is_crowded = true;
		nodes->base->profile->nodes[node->node].is_dirty = true;
	}
	if (cost_is_zero(&gain))
		return;
	node->added = node->read;
	drain_books_add(nodes->base, node->node, &gain);
}

void drain_nodes_keep_alive(struct drain_nodes *nodes, uint64_t path)
{
	nodes->alive = array_reserve(nodes->alive, &nodes->alive_capacity, nodes->nr_alive + 1,
				     sizeof(*nodes->alive));
	nodes->alive[nodes->nr_alive++] = path;
}

/* Where calls are counted when frames end, those that never did are counted here. */
static void add_alive(struct drain_nodes *nodes)
{
	for (size_t i = 0; i < nodes->nr_alive; i++) {
		const struct kernel_node *node = NULL;
		uint64_t key = nodes->alive[i];
		uint32_t index;

		/* What has a place is in no circle. */
		while (key && hash_table_get(&nodes->ids, key, &index) &&
		       nodes->all[index].node != NO_NODE) {
			node = &nodes->all[index];
			if (!node->is_shim &&
			    nodes->base->profile
					    ->sites[nodes->base->profile->nodes[node->node].site]
					    .kind == SITE_PYTHON)
				profile_add_calls(nodes->base->profile, node->node, 1);
			key = node->parent;
		}
	}
	nodes->nr_alive = 0;
}

int drain_nodes_read(struct drain_nodes *nodes)
{
	int error = read_table(nodes, nodes->nodes_fd);

	if (!error)
		error = read_table(nodes, nodes->deeper_fd);
	read_call_tallies(nodes);
	nodes->readings++;
	for (size_t i = 0; i < nodes->count; i++) {
		if (!nodes->all[i].image_id)
			continue;
		if (nodes->all[i].node == NO_NODE)
			place(nodes, i);
		if (nodes->all[i].node != NO_NODE)
			add_gain(nodes, &nodes->all[i]);
	}
	add_alive(nodes);
	return error;
}

void drain_nodes_remove(struct drain_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++) {
		struct kernel_node *node = &nodes->all[i];

		if (!node->image_id || !drain_images_is_past(nodes->images, node->image_id))
			continue;
		if (bpf_map_delete_elem(nodes->nodes_fd, &node->key))
			bpf_map_delete_elem(nodes->deeper_fd, &node->key);
		else
			loader_note_removed(nodes->base->loader, 1, 0);
		remove_call_tally(nodes, node->key);
		hash_table_remove(&nodes->ids, node->key);
		node->image_id = 0;
		nodes->unused = array_reserve(nodes->unused, &nodes->unused_capacity,
					      nodes->nr_unused + 1, sizeof(*nodes->unused));
		nodes->unused[nodes->nr_unused++] = i;
	}
}

uint32_t drain_nodes_find(const struct drain_nodes *nodes, uint64_t key, bool *ret_is_shim)
{
	uint32_t index;

	if (!hash_table_get(&nodes->ids, key, &index))
		return NO_NODE;
	*ret_is_shim = nodes->all[index].is_shim;
	return nodes->all[index].node;
}
