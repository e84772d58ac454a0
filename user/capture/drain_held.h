/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BPF side's nodes hold, read into the profile's nodes, and when. Nothing is done where
 * owners of pages are not followed.
 */
#ifndef MEMPROBE_DRAIN_HELD_H
#define MEMPROBE_DRAIN_HELD_H

#include "drain_base.h"

struct drain_held;

struct drain_held *drain_held_new(const struct drain_base *base);
void drain_held_free(struct drain_held *held); /* accepts NULL */

/* A reading begins, which the BPF side knows as the look of this number. */
void drain_held_begin(struct drain_held *held, uint32_t look);
/* A node has changed; `node` is its place in the profile. */
void drain_held_read(struct drain_held *held, struct node_id id, uint32_t node);
/* The path of this id is in no table any more. */
void drain_held_remove(struct drain_held *held, struct node_id id);

/* What an image holds in all, now and at its moments. */
void drain_held_moments(const struct drain_base *base, uint32_t process,
			const struct wire_image *image);

#endif
