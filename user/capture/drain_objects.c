/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that methods ran on; see drain_objects.h. An object is its address and its class's
 * address in one image: a new object at an address that was used before is told only by another
 * class.
 */
#include "drain_objects.h"

#include <inttypes.h>
#include <memprobe/wire_hash.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "hash_table.h"
#include "inspect_texts.h"
#include "memory.h"
#include "user_loss.h"

/* Objects of one process whose names are read together: a question costs as much as some names. */
struct to_name {
	uint32_t process;
	size_t count;
	uint32_t indices[INSPECT_OBJECT_BATCH]; /* of known objects */
};

struct known_object {
	uint64_t address, type;
	uint32_t image_id;
	uint32_t object; /* in the profile */
	uint32_t class_index;
	uint32_t tries;	    /* to read its name */
	uint32_t tid;	    /* of the thread that it stands for, 0: for none */
	bool is_queued;	    /* its name is about to be read */
	bool is_unanswered; /* nobody could look for its name, and it has none */
};

/* A class of one image. */
struct known_class {
	uint32_t nr_instances;
	uint32_t tries, names; /* reading names of its objects, and how often they can have one */
	uint32_t probes;       /* in that round */
	uint32_t probed;       /* the round of the last try since it is barren */
};

/* Sights between two judgements of whether names are to be had at all, and of so many the fewest
 * whose names are. */
#define JUDGED_SIGHTS 256
#define FEWEST_NAMED 16

struct drain_objects {
	const struct drain_base *base;
	const struct drain_images *images;
	struct known_object *all;
	size_t count, capacity;
	struct hash_table ids; /* address, class and image to index */
	struct known_class *classes;
	size_t nr_classes, classes_capacity;
	struct hash_table class_ids;  /* class and image to index */
	struct hash_table thread_ids; /* image and tid to index */
	struct hash_table former_ids; /* of Threads that are over, as ids */
	struct to_name queue;
	uint32_t naming;	/* rounds of looking for names */
	size_t next_to_name;	/* where a round that ran out of time left off */
	uint32_t sights, named; /* since the last judgement */
	bool are_nameless;	/* what it was */
};

struct drain_objects *drain_objects_new(const struct drain_base *base,
					const struct drain_images *images)
{
	struct drain_objects *objects = xcalloc(1, sizeof(*objects));

	objects->base = base;
	objects->images = images;
	return objects;
}

void drain_objects_free(struct drain_objects *objects)
{
	if (!objects)
		return;
	hash_table_free(&objects->ids);
	hash_table_free(&objects->class_ids);
	hash_table_free(&objects->thread_ids);
	hash_table_free(&objects->former_ids);
	free(objects->all);
	free(objects->classes);
	free(objects);
}

static uint32_t find_class(struct drain_objects *objects, uint32_t image_id, uint64_t type)
{
	uint64_t key = hash_pair(type, image_id);
	uint32_t index;

	if (hash_table_get(&objects->class_ids, key, &index))
		return index;
	objects->classes = array_reserve(objects->classes, &objects->classes_capacity,
					 objects->nr_classes + 1, sizeof(*objects->classes));
	objects->classes[objects->nr_classes] = (struct known_class){ 0 };
	hash_table_put(&objects->class_ids, key, objects->nr_classes);
	return objects->nr_classes++;
}

/* `module.Class` of a type that is not made by a class statement is named as the others are. */
static uint32_t class_string(struct drain_objects *objects, const char *name)
{
	char text[MAX_CLASS_BYTES + 1] = "";
	const char *dot;

	memcpy(text, name, MAX_CLASS_BYTES);
	dot = strrchr(text, '.');
	return string_pool_add(&objects->base->profile->strings, dot ? dot + 1 : text);
}

/* So many without the attribute: objects of the class have none. But any may get it at any time, so
 * some are looked at in the rounds of two to a power, and one in each of so many. */
#define BARREN_TRIES 8
#define PROBE_ROUNDS 16
#define PROBES 32 /* half a millisecond */

static uint32_t most_probes(uint32_t round)
{
	if (round && !(round & (round - 1)))
		return PROBES;
	return round && round % PROBE_ROUNDS == 0;
}

static bool is_barren(const struct known_class *class)
{
	return !class->names && class->tries >= BARREN_TRIES;
}

static bool is_worth_a_try(const struct drain_objects *objects, struct known_class *class)
{
	if (!is_barren(class))
		return true;
	if (class->probed != objects->naming)
		class->probes = 0;
	class->probed = objects->naming;
	return class->probes++ < most_probes(objects->naming);
}

/* Did it stand for a thread that has ended? Another may have its address. */
static bool is_over(const struct drain_objects *objects, const struct known_object *known)
{
	const struct profile *profile = objects->base->profile;
	uint32_t pid = profile->processes[profile->objects[known->object].process].pid;
	char path[64];

	if (!known->tid)
		return false;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32, pid, known->tid);
	return access(path, F_OK) != 0;
}

static void take_name(struct drain_objects *objects, struct known_object *known, const char *name)
{
	struct object *object = &objects->base->profile->objects[known->object];
	uint32_t before = object->pathname;

	known->is_queued = false;
	if (!name || is_over(objects, known))
		return;
	objects->classes[known->class_index].names++;
	if (!strcmp(name, INSPECT_LATER))
		return;
	object->pathname = string_pool_add(&objects->base->profile->strings, name) + 1;
	object->is_dirty |= object->pathname != before;
}

/* Once an object; it is none when a later look finds a name. */
static void count_unanswered(struct drain_objects *objects, struct known_object *known,
			     const struct object_question *question)
{
	const struct object *object = &objects->base->profile->objects[known->object];
	bool is_unanswered = (known->is_unanswered || question->is_unanswered) && !object->pathname;

	if (is_unanswered != known->is_unanswered)
		user_loss_add(objects->base->profile, question->process, LOSS_name_unanswered,
			      is_unanswered ? 1 : -1);
	known->is_unanswered = is_unanswered;
}

void drain_objects_name_queued(struct drain_objects *objects)
{
	struct to_name *queue = &objects->queue;
	struct object_question question = { .process = queue->process, .count = queue->count };

	if (!queue->count)
		return;
	for (size_t i = 0; i < queue->count; i++)
		question.objects[i] = (struct inspect_object){
			objects->all[queue->indices[i]].address,
			objects->all[queue->indices[i]].type,
		};
	DRAIN_TELL(&objects->base->listeners, name_objects, &question);
	for (size_t i = 0; i < queue->count; i++) {
		struct known_object *known = &objects->all[queue->indices[i]];

		take_name(objects, known, question.names[i]);
		count_unanswered(objects, known, &question);
		free(question.names[i]);
	}
	queue->count = 0;
}

/* A name may come late and change: OpenMDAO's pathname is the system's own name at first. */
static void try_name(struct drain_objects *objects, uint32_t index)
{
	struct known_object *known = &objects->all[index];
	struct known_class *class = &objects->classes[known->class_index];
	uint32_t process = objects->base->profile->objects[known->object].process;
	struct to_name *queue = &objects->queue;

	/* A Thread keeps its name: its address may be another's soon. */
	if (known->tid && objects->base->profile->objects[known->object].pathname)
		return;
	if (known->is_queued || known->address == OTHER_OBJECTS || !is_worth_a_try(objects, class))
		return;
	if (queue->count == INSPECT_OBJECT_BATCH || queue->process != process)
		drain_objects_name_queued(objects);
	known->tries++;
	class->tries++;
	known->is_queued = true;
	queue->process = process;
	queue->indices[queue->count++] = index;
}

#define SIGHT_TRIES 16

/* At a new sight: an object that was first seen in its __init__ may have its name by now. */
static void try_again(struct drain_objects *objects, uint32_t index)
{
	if (objects->all[index].tries < SIGHT_TRIES)
		try_name(objects, index);
}

#define QUICK_TRIES 3

/* Ever more rarely: after so many tries an object is looked at in one round of 2, 4, 8 ... */
static bool is_due(const struct drain_objects *objects, const struct known_object *known)
{
	uint32_t shift = known->tries > QUICK_TRIES ? known->tries - QUICK_TRIES : 0;

	return !(objects->naming & ((1U << (shift < 16 ? shift : 16)) - 1));
}

/* Of each round, half a second apart; reading a name takes 9 to 26 us. */
#define NAMING_NS 10000000

void drain_objects_name_all(struct drain_objects *objects)
{
	uint64_t end_ns = clock_ns() + NAMING_NS;

	objects->naming++;
	for (size_t i = 0; i < objects->count; i++) {
		uint32_t index = objects->next_to_name++ % objects->count;
		const struct known_object *known = &objects->all[index];
		const struct image_slot *slot = drain_images_find(objects->images, known->image_id);

		if (slot && slot->state == SLOT_LIVE && is_due(objects, known))
			try_name(objects, index);
		if (i % INSPECT_OBJECT_BATCH == INSPECT_OBJECT_BATCH - 1 && clock_ns() > end_ns)
			break;
	}
	drain_objects_name_queued(objects);
}

static uint32_t add(struct drain_objects *objects, const struct object_sight *sight,
		    uint32_t process)
{
	uint32_t class_index = find_class(objects, sight->image_id, sight->type);
	const struct object object = {
		.process = process,
		.class_name = class_string(objects, sight->class_name),
		.instance = sight->address == OTHER_OBJECTS
				    ? OTHER_INSTANCES
				    : objects->classes[class_index].nr_instances++,
	};

	objects->all = array_reserve(objects->all, &objects->capacity, objects->count + 1,
				     sizeof(*objects->all));
	objects->all[objects->count] = (struct known_object){
		.address = sight->address,
		.type = sight->type,
		.image_id = sight->image_id,
		.class_index = class_index,
		.object = profile_add_object(objects->base->profile, &object),
	};
	return (uint32_t)objects->count++;
}

/* A name has to be read soon after its object is seen, which takes waking us: 10 to 30 us of the
 * target's time. */
static void judge_sight(struct drain_objects *objects, uint32_t index)
{
	const struct known_class *class = &objects->classes[objects->all[index].class_index];
	bool are_nameless = objects->are_nameless && !class->names;

	objects->named += !is_barren(class);
	if (++objects->sights == JUDGED_SIGHTS) {
		are_nameless = objects->named < FEWEST_NAMED;
		objects->sights = objects->named = 0;
	}
	if (are_nameless != objects->are_nameless)
		loader_note_nameless(objects->base->loader, are_nameless);
	objects->are_nameless = are_nameless;
}

static uint64_t key_of(uint64_t address, uint64_t type, uint32_t image_id)
{
	return hash_pair(hash_pair(address, type), image_id);
}

uint32_t drain_objects_find(struct drain_objects *objects, const struct object_sight *sight)
{
	const struct image_slot *slot = drain_images_find(objects->images, sight->image_id);
	uint64_t key = key_of(sight->address, sight->type, sight->image_id);
	uint32_t index;

	if (!slot)
		return NO_OBJECT;
	if (hash_table_get(&objects->ids, key, &index)) {
		try_again(objects, index);
	} else {
		index = add(objects, sight, slot->process);
		hash_table_put(&objects->ids, key, index);
		try_name(objects, index);
	}
	judge_sight(objects, index);
	return objects->all[index].object;
}

/* What comes to its address is another object. */
static void retire(struct drain_objects *objects, uint32_t index)
{
	struct known_object *known = &objects->all[index];
	uint64_t key = key_of(known->address, known->type, known->image_id);

	drain_objects_name_queued(objects);
	hash_table_put(&objects->former_ids, key, index);
	hash_table_remove(&objects->ids, key);
	known->address = OTHER_OBJECTS;
}

/* A Thread goes a moment before the kernel's thread does. A name that is the next one's at its
 * address may have been read from that. */
static void doubt_former(struct drain_objects *objects, uint64_t key, uint32_t object)
{
	struct object *all = objects->base->profile->objects;
	uint32_t index;

	if (!hash_table_get(&objects->former_ids, key, &index))
		return;
	if (all[objects->all[index].object].pathname != all[object].pathname)
		return;
	all[objects->all[index].object].pathname = 0;
	all[objects->all[index].object].is_dirty = true;
}

uint32_t drain_objects_own(struct drain_objects *objects, const struct object_sight *sight,
			   uint32_t tid)
{
	uint32_t object = drain_objects_find(objects, sight), index;
	uint64_t key = key_of(sight->address, sight->type, sight->image_id);

	if (object == NO_OBJECT || !hash_table_get(&objects->ids, key, &index))
		return object;
	if (objects->all[index].tid && objects->all[index].tid != tid) {
		retire(objects, index);
		object = drain_objects_find(objects, sight);
		if (!hash_table_get(&objects->ids, key, &index))
			return object;
	}
	objects->all[index].tid = tid;
	if (is_over(objects, &objects->all[index]))
		objects->base->profile->objects[object].pathname = 0;
	hash_table_put(&objects->thread_ids, hash_pair(sight->image_id, tid), index);
	drain_objects_name_queued(objects);
	doubt_former(objects, key, object);
	return object;
}

void drain_objects_end_thread(struct drain_objects *objects, uint32_t image_id, uint32_t tid)
{
	uint64_t key = hash_pair(image_id, tid);
	uint32_t index;

	if (!hash_table_get(&objects->thread_ids, key, &index))
		return;
	hash_table_remove(&objects->thread_ids, key);
	if (objects->all[index].address != OTHER_OBJECTS)
		retire(objects, index);
}

bool drain_objects_is_wanted(const struct drain_objects *objects, uint32_t object)
{
	const char *classes = objects->base->classes;
	const char *name = profile_string(objects->base->profile,
					  objects->base->profile->objects[object].class_name);
	size_t length = strlen(name);

	for (; classes && *classes; classes += classes[0] == ',') {
		size_t size = strcspn(classes, ",");

		if (size == length && !strncmp(classes, name, size))
			return true;
		classes += size;
	}
	return objects->base->classes && !*objects->base->classes;
}
