/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables in memory; see fake_loader.h. They replace functions of loader.c and of libbpf by name. */
#include "fake_loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "memory.h"
#include "ring_reader.h"

struct fake_map {
	const char *name;
	size_t key_bytes, value_bytes;
	char *entries; /* keys, each with its value behind it */
	size_t count, capacity;
};

struct fake_record {
	void *bytes; /* allocated to its size, so that a sanitizer sees the end */
	size_t size;
};

static struct fake_map maps[] = {
	{ .name = "node_ids", .key_bytes = 8, .value_bytes = sizeof(struct node_id) },
	{ .name = "special_ids", .key_bytes = 8, .value_bytes = sizeof(struct node_id) },
	{ .name = "deeper_ids", .key_bytes = 8, .value_bytes = sizeof(struct node_id) },
	{ .name = "ring" },
	{ .name = "processes", .key_bytes = 4, .value_bytes = 4 },
	{ .name = "pythons", .key_bytes = 4, .value_bytes = sizeof(struct wire_python) },
	{ .name = "layouts", .key_bytes = 4, .value_bytes = sizeof(struct wire_layout) },
	{ .name = "images", .key_bytes = 4, .value_bytes = sizeof(struct wire_image) },
	{ .name = "sites", .key_bytes = 8, .value_bytes = 4 },
	{ .name = "threads", .key_bytes = 4, .value_bytes = sizeof(struct wire_thread) },
	{ .name = "losses", .key_bytes = 4, .value_bytes = 16 },
	{ .name = "tallies", .key_bytes = 4, .value_bytes = FAKE_CPUS * sizeof(struct wire_tally) },
	{ .name = "cpu_events",
	  .key_bytes = 4,
	  .value_bytes = FAKE_CPUS * sizeof(struct wire_cpu) },
	{ .name = "instances", .key_bytes = 8, .value_bytes = sizeof(struct wire_instances) },
	{ .name = "standing", .key_bytes = sizeof(struct wire_standing), .value_bytes = 1 },
	{ .name = "sightings", .key_bytes = 8, .value_bytes = 8 },
	{ .name = "held", .key_bytes = 4, .value_bytes = sizeof(struct wire_held) },
	{ .name = "regions", .key_bytes = 8, .value_bytes = FAKE_REGION_BYTES },
	{ .name = "allocs", .key_bytes = 4, .value_bytes = sizeof(struct wire_allocs) },
	{ .name = "blocks",
	  .key_bytes = sizeof(struct wire_block_key),
	  .value_bytes = sizeof(struct wire_block) },
};

static struct {
	struct fake_record *records;
	size_t nr_records, capacity;
	struct fake_told told;
	bool is_without_owners, is_with_allocs;
	uint64_t nr_missed, nr_missed_of_tasks;
	const struct fake_map *changed_map;
	void (*change)(void); /* before an entry of `changed_map` is looked up */
} fake;

static size_t entry_bytes(const struct fake_map *map)
{
	return map->key_bytes + map->value_bytes;
}

static struct fake_map *map_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (!strcmp(maps[i].name, name))
			return &maps[i];
	}
	abort();
}

static struct fake_map *map_of(int fd)
{
	if (fd < 0 || (size_t)fd >= ARRAY_SIZE(maps))
		abort();
	return &maps[fd];
}

static char *entry(const struct fake_map *map, size_t index)
{
	return map->entries + index * entry_bytes(map);
}

static size_t find(const struct fake_map *map, const void *key)
{
	size_t index = 0;

	while (index < map->count && memcmp(entry(map, index), key, map->key_bytes) != 0)
		index++;
	return index;
}

void fake_loader_reset(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		maps[i].count = 0;
	for (size_t i = 0; i < fake.nr_records; i++)
		free(fake.records[i].bytes);
	fake.nr_records = 0;
	fake.told = (struct fake_told){ 0 };
	fake.is_without_owners = fake.is_with_allocs = false;
	fake.nr_missed = fake.nr_missed_of_tasks = 0;
	fake.change = NULL;
	fake_nodes_reset();
}

static void append(struct fake_map *map, const void *key, const void *value)
{
	map->entries = array_reserve(map->entries, &map->capacity, map->count + 1,
				     entry_bytes(map));
	memcpy(entry(map, map->count), key, map->key_bytes);
	memcpy(entry(map, map->count++) + map->key_bytes, value, map->value_bytes);
}

void fake_loader_append(const char *name, const void *key, const void *value)
{
	append(map_named(name), key, value);
}

void fake_loader_put(const char *name, const void *key, const void *value)
{
	struct fake_map *map = map_named(name);
	size_t index = find(map, key);

	if (index == map->count)
		append(map, key, value);
	else
		memcpy(entry(map, index) + map->key_bytes, value, map->value_bytes);
}

size_t fake_loader_count(const char *name)
{
	return map_named(name)->count;
}

void fake_loader_send(const void *record, size_t size)
{
	fake.records = array_reserve(fake.records, &fake.capacity, fake.nr_records + 1,
				     sizeof(*fake.records));
	fake.records[fake.nr_records++] = (struct fake_record){ .bytes = xmemdup(record, size),
								.size = size };
}

struct fake_told fake_loader_told(void)
{
	return fake.told;
}

/* ---- loader.h ---- */

int loader_map(const struct loader *loader, const char *name)
{
	int fd = fake_nodes_fd(name);

	return fd < 0 ? (int)(map_named(name) - maps) : fd;
}

int loader_get_python(const struct loader *loader, uint32_t slot, struct wire_python *ret)
{
	return bpf_map_lookup_elem(loader_map(loader, "pythons"), &slot, ret);
}

int loader_get_layout(const struct loader *loader, uint32_t index, struct wire_layout *ret)
{
	return bpf_map_lookup_elem(loader_map(loader, "layouts"), &index, ret);
}

size_t loader_value_bytes(const struct loader *loader, const char *map)
{
	return map_named(map)->value_bytes;
}

bool loader_has_owners(const struct loader *loader)
{
	return !fake.is_without_owners;
}

bool loader_has_allocs(const struct loader *loader)
{
	return fake.is_with_allocs;
}

void fake_loader_with_allocs(void)
{
	fake.is_with_allocs = true;
}

void fake_loader_without_owners(void)
{
	fake.is_without_owners = true;
}

void fake_loader_before_lookups(const char *map, void (*change)(void))
{
	fake.changed_map = map_named(map);
	fake.change = change;
}

void fake_loader_miss(uint64_t events, uint64_t of_tasks)
{
	fake.nr_missed = events;
	fake.nr_missed_of_tasks = of_tasks;
}

struct loader_missed loader_count_missed(const struct loader *loader)
{
	return (struct loader_missed){ fake.nr_missed, fake.nr_missed_of_tasks };
}

void loader_note_nameless(struct loader *loader, bool are_nameless)
{
	fake.told.are_nameless = are_nameless;
}

void loader_note_look(struct loader *loader, uint32_t look)
{
	fake.told.look = look;
}

void loader_note_removed(struct loader *loader, const struct loader_removed *removed)
{
	fake.told.removed.nodes += removed->nodes;
	fake.told.removed.specials += removed->specials;
	fake.told.removed.sites += removed->sites;
	fake.told.removed.sightings += removed->sightings;
	fake.told.removed.blocks += removed->blocks;
}

void loader_forget_standing(struct loader *loader)
{
	fake.told.standing_forgotten++;
}

int loader_free_slot(struct loader *loader, uint32_t slot)
{
	fake.told.slots_freed++;
	fake.told.last_slot = slot;
	return 0;
}

/* ---- bpf/bpf.h: an error is -1 with errno in some releases of libbpf, -errno in others ---- */

static int fail(int error)
{
	errno = error;
	return -error;
}

int bpf_map_lookup_elem(int fd, const void *key, void *ret)
{
	const struct fake_map *map = map_of(fd);
	size_t index;

	if (fake.change && map == fake.changed_map)
		fake.change();
	index = find(map, key);
	if (index == map->count)
		return fail(ENOENT);
	memcpy(ret, entry(map, index) + map->key_bytes, map->value_bytes);
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	struct fake_map *map = map_of(fd);
	size_t index = find(map, key);

	if (index == map->count)
		return fail(ENOENT);
	map->count--;
	memmove(entry(map, index), entry(map, map->count), entry_bytes(map));
	return 0;
}

int bpf_map_delete_batch(int fd, const void *keys, __u32 *count,
			 const struct bpf_map_batch_opts *options)
{
	for (__u32 i = 0; i < *count; i++)
		bpf_map_delete_elem(fd, (const char *)keys + i * map_of(fd)->key_bytes);
	return 0;
}

int bpf_map_get_next_key(int fd, const void *key, void *ret)
{
	const struct fake_map *map = map_of(fd);
	size_t index = key ? find(map, key) : 0;

	if (key)
		index = index == map->count ? 0 : index + 1;
	if (index >= map->count)
		return fail(ENOENT);
	memcpy(ret, entry(map, index), map->key_bytes);
	return 0;
}

int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, __u32 *count,
			 const struct bpf_map_batch_opts *options)
{
	const struct fake_map *map = map_of(fd);
	/* From the last to the first: what is deleted meanwhile moves nothing that is to come. */
	uint64_t left = in ? *(uint64_t *)in : map->count, taken = 0;

	for (; left && taken < *count; taken++, left--) {
		memcpy((char *)keys + taken * map->key_bytes, entry(map, left - 1), map->key_bytes);
		memcpy((char *)values + taken * map->value_bytes,
		       entry(map, left - 1) + map->key_bytes, map->value_bytes);
	}
	*count = (__u32)taken;
	*(uint64_t *)out = left;
	return left ? 0 : fail(ENOENT);
}

/* ---- bpf/libbpf.h ---- */

int libbpf_num_possible_cpus(void)
{
	return FAKE_CPUS;
}

/* ---- ring_reader.h ---- */

uint32_t loader_ring_bytes(const struct loader *loader)
{
	return 0;
}

int ring_reader_new(int fd, size_t bytes, struct ring_reader **ret)
{
	*ret = (struct ring_reader *)&fake;
	return 0;
}

void ring_reader_free(struct ring_reader *reader)
{
}

int ring_reader_fd(struct ring_reader *reader)
{
	return -1;
}

int ring_reader_read(struct ring_reader *reader, ring_reader_take *take, void *context)
{
	for (size_t i = 0; i < fake.nr_records; i++) {
		take(context, fake.records[i].bytes, fake.records[i].size);
		free(fake.records[i].bytes);
	}
	fake.nr_records = 0;
	return 0;
}
