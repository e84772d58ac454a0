/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the blocks of ended images out of the BPF table of blocks, which may have millions. So that
 * no flush waits for it, each looks at a part of the table, until all of it was looked at since the
 * last image ended.
 */
#ifndef MEMPROBE_DRAIN_BLOCKS_H
#define MEMPROBE_DRAIN_BLOCKS_H

#include "drain_images.h"

struct drain_blocks;

struct drain_blocks *drain_blocks_new(const struct drain_base *base,
				      const struct drain_images *images);
void drain_blocks_free(struct drain_blocks *blocks); /* accepts NULL */

/* An image is past: it may have left blocks behind. */
void drain_blocks_note_past(struct drain_blocks *blocks);
/* At a flush. */
void drain_blocks_sweep(struct drain_blocks *blocks);

#endif
