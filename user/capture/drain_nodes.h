/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of nodes, read into the profile at every flush. */
#ifndef MEMPROBE_DRAIN_NODES_H
#define MEMPROBE_DRAIN_NODES_H

#include "drain_base.h"
#include "drain_images.h"
#include "drain_sites.h"

struct drain_nodes;

/* Borrows all. */
struct drain_nodes *drain_nodes_new(const struct drain_base *base, struct drain_images *images,
				    const struct drain_sites *sites);
void drain_nodes_free(struct drain_nodes *nodes); /* accepts NULL */

/* -errno: a table could not be read. */
int drain_nodes_read(struct drain_nodes *nodes);
/* Takes out those of images that are past. */
void drain_nodes_remove(struct drain_nodes *nodes);

/* A thread died on the path of this key. Where calls are counted when frames end, its frames are
 * calls that no hit has told of: they are counted at the next reading. */
void drain_nodes_keep_alive(struct drain_nodes *nodes, uint64_t path);

/* The node in the profile, NO_NODE: unknown, or without a place yet. *ret_is_shim: it is its
 * parent's. */
uint32_t drain_nodes_find(const struct drain_nodes *nodes, uint64_t key, bool *ret_is_shim);

#endif
