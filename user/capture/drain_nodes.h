/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF side's nodes, read into the profile at every flush. */
#ifndef MEMPROBE_DRAIN_NODES_H
#define MEMPROBE_DRAIN_NODES_H

#include "drain_allocs.h"
#include "drain_base.h"
#include "drain_held.h"
#include "drain_images.h"
#include "drain_sites.h"

struct drain_nodes;

/* Borrows all. NULL: their memory could not be mapped. */
struct drain_nodes *drain_nodes_new(const struct drain_base *base, struct drain_images *images,
				    const struct drain_sites *sites, struct drain_held *held,
				    struct drain_allocs *allocs);
void drain_nodes_free(struct drain_nodes *nodes); /* accepts NULL */

/* -ENOMEM: some could not be mapped; they wait for the next reading. */
int drain_nodes_read(struct drain_nodes *nodes);
/* Takes out those of images that are past. */
void drain_nodes_remove(struct drain_nodes *nodes);
/* Their ids may be other paths' from now on. */
void drain_nodes_give_back(struct drain_nodes *nodes);

/* A thread died on this path. Where calls are counted when frames end, its frames are
 * calls that no hit has told of: they are counted at the next reading. */
void drain_nodes_keep_alive(struct drain_nodes *nodes, struct node_id path);

/* The node in the profile, NO_NODE: unknown, or without a place yet. *ret_is_shim: it is its
 * parent's. */
uint32_t drain_nodes_find(const struct drain_nodes *nodes, struct node_id id, bool *ret_is_shim);

#endif
