/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that methods ran on, numbered by class, with the names that they bear. */
#ifndef MEMPROBE_DRAIN_OBJECTS_H
#define MEMPROBE_DRAIN_OBJECTS_H

#include "drain_base.h"
#include "drain_images.h"

struct drain_objects;

/* Borrows both. */
struct drain_objects *drain_objects_new(const struct drain_base *base,
					const struct drain_images *images);
void drain_objects_free(struct drain_objects *objects); /* accepts NULL */

/* An object as a record names it. */
struct object_sight {
	uint64_t address, type;
	uint32_t image_id;
	const char *class_name; /* MAX_CLASS_BYTES, perhaps without a NUL */
};

/* The object in the profile, added at its first sight; NO_OBJECT: its image is not known. */
uint32_t drain_objects_find(struct drain_objects *objects, const struct object_sight *sight);
/* Says that an object is the Thread of a thread: it lives as long as that, and what is read from
 * its address later is another's. Asks for its name. Returns the object, which may be another. */
uint32_t drain_objects_own(struct drain_objects *objects, const struct object_sight *sight,
			   uint32_t tid);
/* A thread has ended. */
void drain_objects_end_thread(struct drain_objects *objects, uint32_t image_id, uint32_t tid);
/* Is its class one of those that sites are split by? */
bool drain_objects_is_wanted(const struct drain_objects *objects, uint32_t object);

/* Asks for the names of those that were met. */
void drain_objects_name_queued(struct drain_objects *objects);
/* Looks again for names that objects of running processes may have got. */
void drain_objects_name_all(struct drain_objects *objects);

#endif
