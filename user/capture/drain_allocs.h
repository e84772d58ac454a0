/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BPF side's nodes have allocated, read into the profile's nodes. Nothing is done where
 * blocks of allocators are not followed.
 */
#ifndef MEMPROBE_DRAIN_ALLOCS_H
#define MEMPROBE_DRAIN_ALLOCS_H

#include "drain_base.h"

struct drain_allocs;

struct drain_allocs *drain_allocs_new(const struct drain_base *base);
void drain_allocs_free(struct drain_allocs *allocs); /* accepts NULL */

/* A reading begins. */
void drain_allocs_begin(struct drain_allocs *allocs, uint32_t look);
/* A node has changed; `node` is its place in the profile. */
void drain_allocs_read(struct drain_allocs *allocs, struct node_id id, uint32_t node);
/* The path of this id is in no table any more. */
void drain_allocs_remove(struct drain_allocs *allocs, struct node_id id);

/* What an image has allocated in all, now and at its moments. */
void drain_allocs_moments(struct drain_allocs *allocs, uint32_t process,
			  const struct wire_image *image);

/* So many bytes were lost, mostly of blocks, of which the target says how large they are. Returns
 * whether they have room beside the rest. Also where no blocks are followed. */
bool drain_allocs_lose(struct drain_allocs *allocs, uint32_t process, int64_t bytes);

#endif
