/* SPDX-License-Identifier: BSD-2-Clause */
/* Sites and their parts: from records into the profile, found again by their keys. */
#ifndef MEMPROBE_DRAIN_SITES_H
#define MEMPROBE_DRAIN_SITES_H

#include "drain_base.h"
#include "drain_images.h"
#include "drain_objects.h"
#include "known_site.h"

struct drain_sites;

/* Borrows all. */
struct drain_sites *drain_sites_new(const struct drain_base *base,
				    const struct drain_images *images,
				    struct drain_objects *objects);
void drain_sites_free(struct drain_sites *sites); /* accepts NULL */

void drain_sites_take(struct drain_sites *sites, const struct wire_site *record);
/* Those of functions that are no Python wait for their names, which are asked for together; a node
 * whose site waits is not known yet. */
bool drain_sites_name_functions(struct drain_sites *sites);
/* A part of a site that is known: the records come in order. */
void drain_sites_split(struct drain_sites *sites, const struct wire_split *record);

/* Until the next record; NULL: not known yet. */
const struct known_site *drain_sites_find(const struct drain_sites *sites, uint64_t key);

/* The string by which a file that a process's code object calls so goes. */
uint32_t drain_sites_file(struct drain_sites *sites, uint32_t process, uint16_t version,
			  uint32_t file);

/* Takes out those of images that are past. */
void drain_sites_remove(struct drain_sites *sites);

#endif
