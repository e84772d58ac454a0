/* SPDX-License-Identifier: BSD-2-Clause */
/* Which objects ran on which nodes: from records, once the node of each has its place. */
#ifndef MEMPROBE_DRAIN_SIGHTINGS_H
#define MEMPROBE_DRAIN_SIGHTINGS_H

#include "drain_base.h"
#include "drain_images.h"
#include "drain_nodes.h"
#include "drain_objects.h"

struct drain_sightings;

/* Borrows all. */
struct drain_sightings *drain_sightings_new(const struct drain_base *base,
					    const struct drain_images *images,
					    struct drain_objects *objects,
					    const struct drain_nodes *nodes);
void drain_sightings_free(struct drain_sightings *sightings); /* accepts NULL */

void drain_sightings_take(struct drain_sightings *sightings, const struct wire_object *record);
/* After a reading of the nodes. */
void drain_sightings_place(struct drain_sightings *sightings);
/* Takes out those of images that are past. */
void drain_sightings_remove(struct drain_sightings *sightings);

#endif
