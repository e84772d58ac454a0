/* SPDX-License-Identifier: BSD-2-Clause */
/* See drain_sightings.h. */
#include "drain_sightings.h"

#include <bpf/bpf.h>
#include <memprobe/wire_hash.h>

#include "memory.h"

/* An object on a node, as in the BPF table of sightings. */
struct kernel_sighting {
	uint64_t address;
	struct node_id node;
	uint32_t image_id;
	uint32_t object; /* in the profile */
};

struct drain_sightings {
	const struct drain_base *base;
	const struct drain_images *images;
	struct drain_objects *objects;
	const struct drain_nodes *nodes;
	int fd;
	struct kernel_sighting *all;
	size_t count, capacity;
	size_t nr_placed; /* the first of them are in the profile */
};

struct drain_sightings *drain_sightings_new(const struct drain_base *base,
					    const struct drain_images *images,
					    struct drain_objects *objects,
					    const struct drain_nodes *nodes)
{
	struct drain_sightings *sightings = xcalloc(1, sizeof(*sightings));

	sightings->base = base;
	sightings->images = images;
	sightings->objects = objects;
	sightings->nodes = nodes;
	sightings->fd = loader_map(base->loader, "sightings");
	return sightings;
}

void drain_sightings_free(struct drain_sightings *sightings)
{
	if (!sightings)
		return;
	free(sightings->all);
	free(sightings);
}

void drain_sightings_take(struct drain_sightings *sightings, const struct wire_object *record)
{
	const struct object_sight sight = {
		.address = record->object,
		.type = record->type,
		.image_id = record->head.image_id,
		.class_name = record->class_name,
	};
	uint32_t object = record->tid ? drain_objects_own(sightings->objects, &sight, record->tid)
				      : drain_objects_find(sightings->objects, &sight);

	if (object == NO_OBJECT)
		return;
	sightings->all = array_reserve(sightings->all, &sightings->capacity, sightings->count + 1,
				       sizeof(*sightings->all));
	sightings->all[sightings->count++] = (struct kernel_sighting){
		.node = record->node,
		.address = record->object,
		.image_id = record->head.image_id,
		.object = object,
	};
}

void drain_sightings_place(struct drain_sightings *sightings)
{
	for (size_t i = sightings->nr_placed; i < sightings->count; i++) {
		const struct kernel_sighting sighting = sightings->all[i];
		bool is_shim = false;
		uint32_t node = drain_nodes_find(sightings->nodes, sighting.node, &is_shim);

		if (node == NO_NODE)
			continue;
		sightings->all[i] = sightings->all[sightings->nr_placed];
		sightings->all[sightings->nr_placed++] = sighting;
		if (!is_shim)
			profile_add_sighting(sightings->base->profile, node, sighting.object);
	}
}

void drain_sightings_remove(struct drain_sightings *sightings)
{
	struct loader_removed removed = { 0 };
	size_t kept = 0, placed = 0;

	for (size_t i = 0; i < sightings->count; i++) {
		const struct kernel_sighting *sighting = &sightings->all[i];
		uint64_t name = name_sighting(sighting->node.value, sighting->address);

		if (!drain_images_is_past(sightings->images, sighting->image_id)) {
			placed += i < sightings->nr_placed;
			sightings->all[kept++] = *sighting;
		} else if (!bpf_map_delete_elem(sightings->fd, &name)) {
			removed.sightings++;
		}
	}
	loader_note_removed(sightings->base->loader, &removed);
	sightings->count = kept;
	sightings->nr_placed = placed;
}
