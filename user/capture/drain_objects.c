/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that methods ran on. An object is its address and its class's address in one image: a new
 * object at an address that was used before is told only by another class.
 */
#include <bpf/bpf.h>
#include <memprobe/wire_hash.h>
#include <string.h>

#include "clock.h"
#include "drain_state.h"
#include "memory.h"

static uint32_t find_class(struct drain *drain, uint32_t image_id, uint64_t type)
{
	uint64_t key = hash_pair(type, image_id);
	uint32_t index;

	if (hash_table_get(&drain->class_ids, key, &index))
		return index;
	drain->known_classes = array_reserve(drain->known_classes, &drain->known_classes_capacity,
					     drain->nr_known_classes + 1,
					     sizeof(*drain->known_classes));
	drain->known_classes[drain->nr_known_classes] = (struct known_class){ 0 };
	hash_table_put(&drain->class_ids, key, drain->nr_known_classes);
	return drain->nr_known_classes++;
}

/* `module.Class` of a type that is not made by a class statement is named as the others are. */
static uint32_t class_string(struct drain *drain, const char *name)
{
	char text[MAX_CLASS_BYTES + 1] = "";
	const char *dot;

	memcpy(text, name, MAX_CLASS_BYTES);
	dot = strrchr(text, '.');
	return string_pool_add(&drain->profile->strings, dot ? dot + 1 : text);
}

#define BARREN_TRIES 256 /* without one name: objects of the class have none */

static void take_name(struct drain *drain, struct known_object *known, const char *name)
{
	struct object *object = &drain->profile->objects[known->object];
	uint32_t before = object->pathname;

	known->is_queued = false;
	if (!name)
		return;
	drain->known_classes[known->class_index].names++;
	object->pathname = string_pool_add(&drain->profile->strings, name) + 1;
	object->is_dirty |= object->pathname != before;
}

void drain_name_queued(struct drain *drain)
{
	struct to_name *queue = &drain->to_name;
	struct inspect_object objects[INSPECT_OBJECT_BATCH];
	char *names[INSPECT_OBJECT_BATCH] = { NULL };

	if (!queue->count)
		return;
	for (size_t i = 0; i < queue->count; i++)
		objects[i] = (struct inspect_object){
			drain->objects[queue->indices[i]].address,
			drain->objects[queue->indices[i]].type,
		};
	DRAIN_TELL(&drain->listeners, name_objects, queue->process, objects, queue->count, names);
	for (size_t i = 0; i < queue->count; i++) {
		take_name(drain, &drain->objects[queue->indices[i]], names[i]);
		free(names[i]);
	}
	queue->count = 0;
}

/* A name may come late and change: OpenMDAO's pathname is the system's own name at first. */
static void try_name(struct drain *drain, uint32_t index)
{
	struct known_object *known = &drain->objects[index];
	struct known_class *class = &drain->known_classes[known->class_index];
	uint32_t process = drain->profile->objects[known->object].process;
	struct to_name *queue = &drain->to_name;

	if (known->is_queued || known->address == OTHER_OBJECTS ||
	    (class->tries >= BARREN_TRIES && !class->names))
		return;
	if (queue->count == INSPECT_OBJECT_BATCH || queue->process != process)
		drain_name_queued(drain);
	known->tries++;
	class->tries++;
	known->is_queued = true;
	queue->process = process;
	queue->indices[queue->count++] = index;
}

#define SIGHT_TRIES 16

/* At a new sight: an object that was first seen in its __init__ may have its name by now. */
static void try_again(struct drain *drain, uint32_t index)
{
	if (drain->objects[index].tries < SIGHT_TRIES)
		try_name(drain, index);
}

#define QUICK_TRIES 3

/* Ever more rarely: after so many tries an object is looked at in one round of 2, 4, 8 ... */
static bool is_due(const struct drain *drain, const struct known_object *known)
{
	uint32_t shift = known->tries > QUICK_TRIES ? known->tries - QUICK_TRIES : 0;

	return !(drain->naming & ((1U << (shift < 16 ? shift : 16)) - 1));
}

/* Of each round, half a second apart; reading a name takes 9 to 26 us. */
#define NAMING_NS 10000000

void drain_name_objects(struct drain *drain)
{
	uint64_t end_ns = clock_ns() + NAMING_NS;

	drain->naming++;
	for (size_t i = 0; i < drain->nr_objects; i++) {
		uint32_t index = drain->next_to_name++ % drain->nr_objects;
		const struct known_object *known = &drain->objects[index];
		const struct image_slot *slot = drain_slot(drain, known->image_id);

		if (slot && slot->state == SLOT_LIVE && is_due(drain, known))
			try_name(drain, index);
		if (i % INSPECT_OBJECT_BATCH == INSPECT_OBJECT_BATCH - 1 && clock_ns() > end_ns)
			break;
	}
	drain_name_queued(drain);
}

/* The object in the profile, added at its first sight. */
static uint32_t find_object(struct drain *drain, const struct known_object *wanted,
			    const char *class_name, uint32_t process)
{
	uint64_t key = hash_pair(hash_pair(wanted->address, wanted->type), wanted->image_id);
	struct object object = { .process = process };
	uint32_t index, class_index;

	if (hash_table_get(&drain->object_ids, key, &index)) {
		try_again(drain, index);
		return drain->objects[index].object;
	}
	class_index = find_class(drain, wanted->image_id, wanted->type);
	object.class_name = class_string(drain, class_name);
	object.instance = wanted->address == OTHER_OBJECTS
				  ? OTHER_INSTANCES
				  : drain->known_classes[class_index].nr_instances++;
	drain->objects = array_reserve(drain->objects, &drain->objects_capacity,
				       drain->nr_objects + 1, sizeof(*drain->objects));
	drain->objects[drain->nr_objects] = *wanted;
	drain->objects[drain->nr_objects].class_index = class_index;
	drain->objects[drain->nr_objects].object = profile_add_object(drain->profile, &object);
	hash_table_put(&drain->object_ids, key, drain->nr_objects);
	try_name(drain, drain->nr_objects);
	return drain->objects[drain->nr_objects++].object;
}

void drain_take_object(struct drain *drain, const struct wire_object *record)
{
	const struct image_slot *slot = drain_slot(drain, record->head.image_id);
	struct known_object object = {
		.address = record->object,
		.type = record->type,
		.image_id = record->head.image_id,
	};
	struct kernel_sighting *sighting;

	if (!slot)
		return;
	drain->sightings = array_reserve(drain->sightings, &drain->sightings_capacity,
					 drain->nr_sightings + 1, sizeof(*drain->sightings));
	sighting = &drain->sightings[drain->nr_sightings++];
	*sighting = (struct kernel_sighting){
		.node = record->node,
		.address = record->object,
		.image_id = record->head.image_id,
		.object = find_object(drain, &object, record->class_name, slot->process),
	};
}

/* Is this class one of those that are asked for? */
static bool is_wanted(const struct drain *drain, const char *name)
{
	const char *classes = drain->classes;
	size_t length = strlen(name);

	for (; classes && *classes; classes += classes[0] == ',') {
		size_t size = strcspn(classes, ",");

		if (size == length && !strncmp(classes, name, size))
			return true;
		classes += size;
	}
	return drain->classes && !*drain->classes;
}

uint32_t drain_take_part(struct drain *drain, const struct wire_split *record, bool *ret_is_wanted)
{
	const struct image_slot *slot = drain_slot(drain, record->head.image_id);
	struct known_object object = {
		.address = record->object,
		.type = record->type,
		.image_id = record->head.image_id,
	};
	uint32_t found;

	*ret_is_wanted = false;
	if (!slot || !record->object)
		return NO_OBJECT;
	found = find_object(drain, &object, record->class_name, slot->process);
	*ret_is_wanted = is_wanted(
		drain, profile_string(drain->profile, drain->profile->objects[found].class_name));
	return found;
}

/* Once the node of a sighting is in the profile, so is the sighting. */
void drain_place_sightings(struct drain *drain)
{
	for (size_t i = 0; i < drain->nr_sightings; i++) {
		struct kernel_sighting *sighting = &drain->sightings[i];
		uint32_t index;

		if (sighting->is_placed ||
		    !hash_table_get(&drain->node_ids, sighting->node, &index) ||
		    drain->nodes[index].node == NO_NODE)
			continue;
		sighting->is_placed = true;
		if (!drain->nodes[index].is_shim)
			profile_add_sighting(drain->profile, drain->nodes[index].node,
					     sighting->object);
	}
}

void drain_remove_objects(struct drain *drain)
{
	int fd = loader_map(drain->loader, "sightings");
	size_t kept = 0, removed = 0;

	for (size_t i = 0; i < drain->nr_sightings; i++) {
		const struct kernel_sighting *sighting = &drain->sightings[i];
		uint64_t name = name_sighting(sighting->node, sighting->address);

		if (!drain_image_has_ended(drain, sighting->image_id))
			drain->sightings[kept++] = *sighting;
		else if (!bpf_map_delete_elem(fd, &name))
			removed++;
	}
	loader_note_sightings_removed(drain->loader, removed);
	drain->nr_sightings = kept;
}
