/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BPF side's table of images says of processes: peaks, losses, the balance. A process's
 * books are the sum of its tree, so that a report's check covers the whole road.
 */
#ifndef MEMPROBE_DRAIN_BOOKS_H
#define MEMPROBE_DRAIN_BOOKS_H

#include "drain_allocs.h"
#include "drain_base.h"
#include "drain_images.h"

/* Returns whether pages of a running image have come or gone since the last call. */
bool drain_books_read(const struct drain_base *base, struct drain_images *images,
		      struct drain_allocs *allocs);
/* Those that are no image's. */
void drain_books_read_losses(const struct drain_base *base);
/* Are the last balances of the running images free of differences? */
bool drain_books_are_balanced(const struct drain_images *images);
/* Running processes have run until now. */
void drain_books_note_time(const struct drain_base *base, const struct drain_images *images,
			   uint64_t now_ns);

/* What a node gained is booked in its process too. */
void drain_books_add(const struct drain_base *base, uint32_t node, const struct cost *cost);

#endif
