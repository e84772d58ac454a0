/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the BPF side's nodes to nodes of the profile; see drain_nodes.h.
 *
 * A reading looks at the nodes that have changed, takes what they have counted and adds it to the
 * profile. Several BPF nodes can be one node of the profile: a function defined anew by every
 * exec() has many code objects but one file, line and name. A node whose site record is not here
 * yet, because it was sent after the ring was drained, keeps its counts and its mark until then.
 */
#include "drain_nodes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <memprobe/wire_hash.h>
#include <string.h>

#include "clock.h"
#include "drain_books.h"
#include "memory.h"
#include "node_table.h"

/* What is known of a BPF side's node. */
struct kernel_node {
	uint32_t image_id; /* 0: none has been met under this id */
	uint32_t node;	   /* in the profile, NO_NODE while its site or parent is unknown */
	uint32_t tried;	   /* the reading in which a place was looked for last */
	bool is_shim;	   /* calls of it are none */
};

struct drain_nodes {
	const struct drain_base *base;
	struct drain_images *images;
	const struct drain_sites *sites;
	struct drain_held *held;
	struct drain_allocs *allocs;
	int node_ids_fd, special_ids_fd, deeper_ids_fd;
	struct node_table *table;
	struct kernel_node *all; /* by id */
	size_t count, capacity;
	uint32_t readings;
	struct node_id *climb; /* nodes that are about to get a place, leaf first */
	size_t climbed, climb_capacity;
	int error;	       /* of this reading */
	struct node_id *alive; /* paths on which threads died, their calls to be added */
	size_t nr_alive, alive_capacity;
};

struct drain_nodes *drain_nodes_new(const struct drain_base *base, struct drain_images *images,
				    const struct drain_sites *sites, struct drain_held *held,
				    struct drain_allocs *allocs)
{
	struct drain_nodes *nodes = xcalloc(1, sizeof(*nodes));

	nodes->base = base;
	nodes->images = images;
	nodes->sites = sites;
	nodes->held = held;
	nodes->allocs = allocs;
	nodes->node_ids_fd = loader_map(base->loader, "node_ids");
	nodes->special_ids_fd = loader_map(base->loader, "special_ids");
	nodes->deeper_ids_fd = loader_map(base->loader, "deeper_ids");
	if (node_table_new(base->loader, &nodes->table)) {
		drain_nodes_free(nodes);
		return NULL;
	}
	return nodes;
}

void drain_nodes_free(struct drain_nodes *nodes)
{
	if (!nodes)
		return;
	node_table_free(nodes->table);
	free(nodes->all);
	free(nodes->climb);
	free(nodes->alive);
	free(nodes);
}

/* What is known of a node, which is new when its id has come into use again. Until the next call.
 */
static struct kernel_node *meet(struct drain_nodes *nodes, struct node_id id, uint32_t image_id)
{
	struct kernel_node *node;

	if (id.value >= nodes->count) {
		nodes->all = array_reserve(nodes->all, &nodes->capacity, (size_t)id.value + 1,
					   sizeof(*nodes->all));
		memset(&nodes->all[nodes->count], 0,
		       (id.value + 1 - nodes->count) * sizeof(*nodes->all));
		nodes->count = id.value + 1;
	}
	node = &nodes->all[id.value];
	if (!node->image_id)
		*node = (struct kernel_node){ .image_id = image_id, .node = NO_NODE };
	return node;
}

uint32_t drain_nodes_find(const struct drain_nodes *nodes, struct node_id id, bool *ret_is_shim)
{
	if (id.value >= nodes->count || !nodes->all[id.value].image_id)
		return NO_NODE;
	*ret_is_shim = nodes->all[id.value].is_shim;
	return nodes->all[id.value].node;
}

/* ---- A place in the profile ---- */

/* What the nodes of a part that is not split off ran on. */
static void add_sighting_of_part(struct drain_nodes *nodes, uint32_t node, uint64_t key)
{
	const struct known_site *site = drain_sites_find(nodes->sites, key);

	if (site && site->object != NO_OBJECT)
		profile_add_sighting(nodes->base->profile, node, site->object);
}

static bool find_site(struct drain_nodes *nodes, const struct wire_node *wire,
		      struct kernel_node *node, uint32_t *ret_site)
{
	struct site deeper = { .kind = SITE_DEEPER };
	const struct known_site *known = drain_sites_find(nodes->sites, wire->site);

	if (known) {
		*ret_site = known->site;
		node->is_shim = known->is_shim;
		return true;
	}
	if (wire->site != site_key_special(wire->image_id, SITE_DEEPER))
		return false;
	*ret_site = profile_add_site(nodes->base->profile, &deeper);
	return true;
}

/* When a node was laid down, which is less than 2^32 units ago. */
static uint64_t first_time(const struct drain_nodes *nodes, const struct wire_node *wire)
{
	uint64_t now = clock_ns() >> FIRST_SHIFT;
	uint32_t age = (uint32_t)now - wire->first;

	return drain_base_time(nodes->base, age < now ? (now - age) << FIRST_SHIFT : 0);
}

static bool define(struct drain_nodes *nodes, struct node_id id, uint32_t parent)
{
	const struct wire_node *wire = node_table_at(nodes->table, id);
	struct kernel_node *node = &nodes->all[id.value];
	struct image_slot *slot = drain_images_find(nodes->images, node->image_id);
	uint32_t site;

	if (!wire || !slot || !find_site(nodes, wire, node, &site))
		return false;
	/* Keys are sums over what a target chose: one that meets another image's leads nowhere. */
	if (parent != NO_NODE && nodes->base->profile->nodes[parent].process != slot->process)
		return false;
	if (node->is_shim && parent != NO_NODE) {
		node->node = parent;
		return true;
	}
	node->node = profile_add_node(nodes->base->profile, slot->process, parent, site,
				      first_time(nodes, wire));
	slot->nr_paths += nodes->base->profile->sites[site].kind == SITE_PYTHON;
	add_sighting_of_part(nodes, node->node, wire->site);
	return true;
}

/* The nodes from one up to the nearest ancestor with a place, or to a root; leaf first. Returns
 * false when that cannot be reached now: an ancestor is unknown, has no place in this reading, or
 * is met again, for keys are sums over what a target chose and may lead in a circle. A path has no
 * greatest depth: a counted call is laid below its caller's path. */
static bool climb(struct drain_nodes *nodes, struct node_id id, uint32_t *ret_parent)
{
	*ret_parent = NO_NODE;
	for (nodes->climbed = 0; id.value;) {
		const struct wire_node *wire = node_table_at(nodes->table, id);
		struct kernel_node *node;

		if (!wire || !wire->image_id)
			return false;
		node = meet(nodes, id, wire->image_id);
		*ret_parent = node->node;
		if (node->node != NO_NODE)
			return true;
		if (node->tried == nodes->readings)
			return false;
		node->tried = nodes->readings;
		nodes->climb = array_reserve(nodes->climb, &nodes->climb_capacity,
					     nodes->climbed + 1, sizeof(*nodes->climb));
		nodes->climb[nodes->climbed++] = id;
		id.value = wire->parent;
	}
	return true;
}

/* Gives a node and its ancestors their place in the profile, as far as that is possible now. */
static void place(struct drain_nodes *nodes, struct node_id id)
{
	uint32_t parent;

	if (!climb(nodes, id, &parent))
		return;
	while (nodes->climbed) {
		struct node_id at = nodes->climb[--nodes->climbed];

		if (!define(nodes, at, parent))
			return;
		parent = nodes->all[at.value].node;
	}
}

/* ---- A reading ---- */

static void add_gain(struct drain_nodes *nodes, const struct kernel_node *node,
		     struct wire_node *wire)
{
	struct node *placed = &nodes->base->profile->nodes[node->node];
	struct node_gain gain;
	struct cost cost = { 0 };

	node_table_take(wire, &gain);
	for (int kind = 0; kind < NR_KINDS; kind++) {
		cost.grown[kind] = (int64_t)gain.grown[kind] * PAGE_BYTES;
		cost.released[kind] = (int64_t)gain.released[kind] * PAGE_BYTES;
	}
	if (gain.calls && !node->is_shim)
		profile_add_calls(nodes->base->profile, node->node, gain.calls);
	if (wire->objects > MAX_NODE_OBJECTS && !placed->is_crowded) {
		placed->is_crowded = true;
		profile_note_change(nodes->base->profile, node->node);
	}
	if (!cost_is_zero(&cost))
		drain_books_add(nodes->base, node->node, &cost);
}

static void read_node(void *context, struct node_id id)
{
	struct drain_nodes *nodes = context;
	struct wire_node *wire = node_table_at(nodes->table, id);

	if (!wire) {
		nodes->error = -ENOMEM;
		node_table_mark(nodes->table, id);
		return;
	}
	if (meet(nodes, id, wire->image_id)->node == NO_NODE)
		place(nodes, id);
	if (nodes->all[id.value].node == NO_NODE) {
		node_table_mark(nodes->table, id);
		return;
	}
	add_gain(nodes, &nodes->all[id.value], wire);
	drain_held_read(nodes->held, id, nodes->all[id.value].node);
	drain_allocs_read(nodes->allocs, id, nodes->all[id.value].node);
}

void drain_nodes_keep_alive(struct drain_nodes *nodes, struct node_id path)
{
	nodes->alive = array_reserve(nodes->alive, &nodes->alive_capacity, nodes->nr_alive + 1,
				     sizeof(*nodes->alive));
	nodes->alive[nodes->nr_alive++] = path;
}

/* Where calls are counted when frames end, those that never did are counted here. By the profile's
 * parents, which lead to a root whatever the BPF side's memory says; a shim's node is mostly its
 * caller's.
 */
static void add_alive(struct drain_nodes *nodes)
{
	struct profile *profile = nodes->base->profile;

	for (size_t i = 0; i < nodes->nr_alive; i++) {
		bool is_shim;
		uint32_t node = drain_nodes_find(nodes, nodes->alive[i], &is_shim);

		for (; node != NO_NODE; node = profile->nodes[node].parent) {
			const struct site *site = &profile->sites[profile->nodes[node].site];

			if (site->kind == SITE_PYTHON && !site_is_init_shim(profile, site))
				profile_add_calls(profile, node, 1);
		}
	}
	nodes->nr_alive = 0;
}

int drain_nodes_read(struct drain_nodes *nodes)
{
	nodes->readings++;
	nodes->error = 0;
	loader_note_look(nodes->base->loader, nodes->readings);
	drain_held_begin(nodes->held, nodes->readings);
	drain_allocs_begin(nodes->allocs, nodes->readings);
	node_table_read(nodes->table, read_node, nodes);
	add_alive(nodes);
	return nodes->error;
}

/* ---- The end of an image ---- */

/* Most are Python's; no key is in two of the tables. */
static void remove_key(struct drain_nodes *nodes, uint64_t key, struct loader_removed *removed)
{
	if (!bpf_map_delete_elem(nodes->node_ids_fd, &key))
		removed->nodes++;
	else if (!bpf_map_delete_elem(nodes->special_ids_fd, &key))
		removed->specials++;
	else
		bpf_map_delete_elem(nodes->deeper_ids_fd, &key);
}

void drain_nodes_remove(struct drain_nodes *nodes)
{
	struct loader_removed removed = { 0 };

	for (uint32_t i = 0; i < nodes->count; i++) {
		struct kernel_node *node = &nodes->all[i];
		const struct node_id id = { i };
		const struct wire_node *wire;

		if (!node->image_id || !drain_images_is_past(nodes->images, node->image_id))
			continue;
		node->image_id = 0;
		wire = node_table_at(nodes->table, id);
		if (wire)
			remove_key(nodes, wire->key, &removed);
		drain_held_remove(nodes->held, id);
		drain_allocs_remove(nodes->allocs, id);
		node_table_release(nodes->table, id);
	}
	loader_note_removed(nodes->base->loader, &removed);
}

void drain_nodes_give_back(struct drain_nodes *nodes)
{
	node_table_give_back(nodes->table);
}
