/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See drain_blocks.h. An image's id is never used again, so that its blocks are in nobody's way but
 * for their room, and can go later than its other entries.
 */
#include "drain_blocks.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "memory.h"

#define BATCH 4096 /* more than a bucket of the kernel's table holds */
/* Of a flush: 131,072 blocks, which take some 20 ms, and twice that where all of them go. */
#define MAX_BATCHES 32

struct drain_blocks {
	struct loader *loader;
	const struct drain_images *images;
	int fd;		/* of the map; -1: blocks are not followed */
	bool is_wanted; /* a pass from the table's begin to its end */
	bool is_begun;	/* one is under way */
	uint64_t cursor;
	struct wire_block_key *keys; /* a batch's */
	struct wire_block *values;
};

struct drain_blocks *drain_blocks_new(const struct drain_base *base,
				      const struct drain_images *images)
{
	struct drain_blocks *blocks = xcalloc(1, sizeof(*blocks));

	blocks->loader = base->loader;
	blocks->images = images;
	blocks->fd = loader_has_allocs(base->loader) ? loader_map(base->loader, "blocks") : -1;
	return blocks;
}

void drain_blocks_free(struct drain_blocks *blocks)
{
	if (!blocks)
		return;
	free(blocks->keys);
	free(blocks->values);
	free(blocks);
}

/* One that is under way may have passed its blocks already. */
void drain_blocks_note_past(struct drain_blocks *blocks)
{
	blocks->is_wanted = blocks->fd >= 0;
}

/* Puts the keys that go first. Returns how many. */
static __u32 choose_dead(struct drain_blocks *blocks, __u32 count)
{
	__u32 dead = 0;

	for (__u32 i = 0; i < count; i++) {
		if (drain_images_is_past(blocks->images, blocks->keys[i].image_id))
			blocks->keys[dead++] = blocks->keys[i];
	}
	return dead;
}

static void remove_dead(struct drain_blocks *blocks, __u32 count)
{
	bpf_map_delete_batch(blocks->fd, blocks->keys, &count, NULL);
	loader_note_removed(blocks->loader, &(struct loader_removed){ .blocks = count });
}

/* Returns whether there is more. */
static bool sweep_batch(struct drain_blocks *blocks)
{
	__u32 count = BATCH, dead;
	int error = bpf_map_lookup_batch(blocks->fd, blocks->is_begun ? &blocks->cursor : NULL,
					 &blocks->cursor, blocks->keys, blocks->values, &count,
					 NULL)
			    ? errno
			    : 0;

	blocks->is_begun = !error;
	if (error && error != ENOENT)
		return false;
	dead = choose_dead(blocks, count);
	if (dead)
		remove_dead(blocks, dead);
	return !error;
}

void drain_blocks_sweep(struct drain_blocks *blocks)
{
	if (!blocks->keys && blocks->is_wanted) {
		blocks->keys = xcalloc(BATCH, sizeof(*blocks->keys));
		blocks->values = xcalloc(BATCH, sizeof(*blocks->values));
	}
	for (int i = 0; i < MAX_BATCHES; i++) {
		if (!blocks->is_begun && !blocks->is_wanted)
			return;
		if (!blocks->is_begun)
			blocks->is_wanted = false;
		sweep_batch(blocks);
	}
}
