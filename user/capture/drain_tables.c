/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the entries of ended images out of the BPF tables of which the drain keeps no copy: what
 * sites have been split by, frames that stood before their calls were counted, and whose each page
 * was. Nobody else does, and a table that is full of the dead has no room for the living.
 */
#include "drain_tables.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "memory.h"

#define BATCH 1024	    /* more than a bucket of the kernel's table holds */
#define BATCH_OF_REGIONS 64 /* the same, of large values */

/* A table with the place of the image's id in an entry: a key, and its value behind it. */
struct swept_table {
	const char *name;
	size_t key_bytes, value_bytes, image_at;
	uint32_t batch;
};

static const struct swept_table instances = {
	.name = "instances",
	.key_bytes = sizeof(__u64),
	.value_bytes = sizeof(struct wire_instances),
	.image_at = sizeof(__u64) + offsetof(struct wire_instances, image_id),
	.batch = BATCH,
};

static const struct swept_table standing = {
	.name = "standing",
	.key_bytes = sizeof(struct wire_standing),
	.value_bytes = sizeof(__u8),
	.image_at = offsetof(struct wire_standing, image_id),
	.batch = BATCH,
};

/* Of a key image_id << 32 | number of the region; what is in the values is the BPF side's only. */
static const struct swept_table regions = {
	.name = "regions",
	.key_bytes = sizeof(__u64),
	.image_at = sizeof(__u32),
	.batch = BATCH_OF_REGIONS,
};

/* One pass over a table, and what it has found. */
struct sweep {
	const struct drain_images *images;
	const struct swept_table *table;
	char *dead; /* keys */
	size_t nr_dead, capacity;
	size_t nr_alive;
};

static bool is_dead(const struct sweep *sweep, const char *key, const char *value)
{
	const struct swept_table *table = sweep->table;
	const char *at = table->image_at < table->key_bytes
				 ? key + table->image_at
				 : value + (table->image_at - table->key_bytes);
	uint32_t image_id;

	memcpy(&image_id, at, sizeof(image_id));
	return drain_images_is_past(sweep->images, image_id);
}

static void note_batch(struct sweep *sweep, const char *keys, const char *values, size_t count)
{
	const struct swept_table *table = sweep->table;

	for (size_t i = 0; i < count; i++) {
		const char *key = keys + i * table->key_bytes;

		if (!is_dead(sweep, key, values + i * table->value_bytes)) {
			sweep->nr_alive++;
			continue;
		}
		sweep->dead = array_reserve(sweep->dead, &sweep->capacity, sweep->nr_dead + 1,
					    table->key_bytes);
		memcpy(sweep->dead + sweep->nr_dead++ * table->key_bytes, key, table->key_bytes);
	}
}

static void look_through(struct sweep *sweep, int fd)
{
	uint32_t batch = sweep->table->batch;
	_cleanup_(freep) char *keys = xcalloc(batch, sweep->table->key_bytes);
	_cleanup_(freep) char *values = xcalloc(batch, sweep->table->value_bytes);
	uint64_t cursor = 0;
	bool is_first = true;
	int error;

	do {
		uint32_t count = batch;

		error = bpf_map_lookup_batch(fd, is_first ? NULL : &cursor, &cursor, keys, values,
					     &count, NULL);
		if (error && errno != ENOENT)
			return;
		note_batch(sweep, keys, values, count);
		is_first = false;
	} while (!error);
}

/* Returns how many entries are left, those of living images. */
static size_t sweep_table(const struct drain_base *base, const struct drain_images *images,
			  const struct swept_table *table)
{
	int fd = loader_map(base->loader, table->name);
	struct sweep sweep = { .images = images, .table = table };

	look_through(&sweep, fd);
	for (size_t i = 0; i < sweep.nr_dead; i++)
		bpf_map_delete_elem(fd, sweep.dead + i * table->key_bytes);
	free(sweep.dead);
	return sweep.nr_alive;
}

void drain_tables_sweep(const struct drain_base *base, const struct drain_images *images)
{
	sweep_table(base, images, &instances);
	if (!sweep_table(base, images, &standing))
		loader_forget_standing(base->loader);
	if (loader_has_owners(base->loader)) {
		struct swept_table table = regions;

		table.value_bytes = loader_value_bytes(base->loader, table.name);
		sweep_table(base, images, &table);
	}
}
