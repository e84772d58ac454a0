/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps of the host's kernel: hash, array, per-CPU array, queue, ring buffer. An element that is
 * deleted is freed at once, so that the address sanitizer sees whoever still uses it; the kernel
 * would give its memory to the next.
 */
#include "host.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define BUCKETS 4096 /* a power of two */

struct element {
	struct element *next;
	char *value;
	char key[];
};

struct host_map {
	struct host_map_description description;
	struct host_map *next;
	__u32 count;
	struct element **buckets;	 /* hash */
	char *values;			 /* array, queue */
	__u64 offset;			 /* per-CPU array */
	__u32 first;			 /* queue */
	struct host_record *head, *tail; /* ring */
	__u64 ring_used;
};

#define MAX_TASKS 4096

static struct host_map *maps;

static bool is_type(const struct host_map *map, __u32 type)
{
	return map->description.type == type;
}

/* Nothing is pushed out of an LRU hash here: no test fills one. */
static bool is_hash(const struct host_map *map)
{
	return is_type(map, BPF_MAP_TYPE_HASH) || is_type(map, BPF_MAP_TYPE_LRU_HASH) ||
	       is_type(map, BPF_MAP_TYPE_TASK_STORAGE);
}

static void allocate(struct host_map *map)
{
	size_t bytes = (size_t)map->description.max_entries * map->description.value_size;

	if (is_hash(map))
		map->buckets = xcalloc(BUCKETS, sizeof(*map->buckets));
	else if (is_type(map, BPF_MAP_TYPE_PERCPU_ARRAY))
		map->offset = host_percpu_new(bytes);
	else if (!is_type(map, BPF_MAP_TYPE_RINGBUF))
		map->values = xcalloc(map->description.max_entries, map->description.value_size);
}

struct host_map *host_map_get(const struct host_map_description *description)
{
	struct host_map **handle = description->handle;
	struct host_map *map = *handle;

	if (map)
		return map;
	map = xcalloc(1, sizeof(*map));
	map->description = *description;
	map->next = maps;
	maps = map;
	allocate(map);
	*handle = map;
	return map;
}

void host_map_resize(struct host_map *map, __u32 max_entries)
{
	HOST_CHECK(!map->count); /* what each CPU has lies where it was, too, until the reset */
	free(map->buckets);
	free(map->values);
	map->buckets = NULL;
	map->values = NULL;
	map->description.max_entries = max_entries;
	allocate(map);
}

static struct element **find_element(struct host_map *map, const void *key)
{
	const unsigned char *bytes = key;
	__u32 hash = 2166136261U; /* FNV-1a */
	struct element **place;

	for (__u32 i = 0; i < map->description.key_size; i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	place = &map->buckets[(hash ^ hash >> 16) & (BUCKETS - 1)];
	while (*place && memcmp((*place)->key, key, map->description.key_size) != 0)
		place = &(*place)->next;
	return place;
}

static __u32 read_index(const void *key)
{
	__u32 index;

	memcpy(&index, key, sizeof(index));
	return index;
}

void *host_map_lookup_percpu(struct host_map *map, const void *key, __u32 cpu)
{
	__u32 index = read_index(key);

	HOST_CHECK(is_type(map, BPF_MAP_TYPE_PERCPU_ARRAY));
	if (index >= map->description.max_entries || cpu >= HOST_CPUS)
		return NULL;
	return (char *)host_percpu_at(cpu, map->offset) +
	       (size_t)index * map->description.value_size;
}

void *host_map_lookup(struct host_map *map, const void *key)
{
	host_meanwhile(&host.on_lookup);
	if (is_type(map, BPF_MAP_TYPE_PERCPU_ARRAY)) {
		HOST_CHECK(!host.needs_hold || host.is_held);
		return host_map_lookup_percpu(map, key, host.cpu);
	}
	if (is_type(map, BPF_MAP_TYPE_ARRAY)) {
		__u32 index = read_index(key);

		if (index >= map->description.max_entries)
			return NULL;
		return map->values + (size_t)index * map->description.value_size;
	}
	HOST_CHECK(is_hash(map));
	struct element *element = *find_element(map, key);
	return element ? element->value : NULL;
}

static long insert(struct host_map *map, struct element **place, const void *key, const void *value)
{
	struct element *element;

	if (map->count >= map->description.max_entries)
		return -E2BIG;
	element = xcalloc(1, sizeof(*element) + map->description.key_size);
	memcpy(element->key, key, map->description.key_size);
	element->value = xmemdup(value, map->description.value_size);
	*place = element;
	map->count++;
	return 0;
}

long host_map_update(struct host_map *map, const void *key, const void *value, __u64 flags)
{
	void *old = host_map_lookup(map, key);

	if (old && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!old && flags == BPF_EXIST)
		return -ENOENT;
	if (old) {
		memcpy(old, value, map->description.value_size);
		return 0;
	}
	if (!is_hash(map))
		return -E2BIG;
	return insert(map, find_element(map, key), key, value);
}

static void free_element(struct element *element)
{
	free(element->value);
	free(element);
}

long host_map_delete(struct host_map *map, const void *key)
{
	struct element **place, *element;

	HOST_CHECK(is_hash(map));
	place = find_element(map, key);
	element = *place;
	if (!element)
		return -ENOENT;
	*place = element->next;
	map->count--;
	free_element(element);
	return 0;
}

void host_map_visit(struct host_map *map,
		    void (*visit)(const void *key, void *value, void *context), void *context)
{
	HOST_CHECK(is_hash(map));
	for (__u32 i = 0; i < BUCKETS; i++)
		for (struct element *element = map->buckets[i]; element; element = element->next)
			visit(element->key, element->value, context);
}

static char *queue_place(struct host_map *map, __u32 index)
{
	return map->values + (size_t)((map->first + index) % map->description.max_entries) *
				     map->description.value_size;
}

void *host_task_storage_get(struct host_map *map, const struct task_struct *task, __u64 flags)
{
	const int key = task->pid;
	void *found, *fresh;

	HOST_CHECK(is_type(map, BPF_MAP_TYPE_TASK_STORAGE));
	map->description.max_entries = MAX_TASKS; /* the kernel's are not bounded */
	found = host_map_lookup(map, &key);
	if (found || host.is_short_of_memory || !(flags & BPF_LOCAL_STORAGE_GET_F_CREATE))
		return found;
	fresh = xcalloc(1, map->description.value_size);
	host_map_update(map, &key, fresh, BPF_ANY);
	free(fresh);
	return host_map_lookup(map, &key);
}

long host_map_push(struct host_map *map, const void *value)
{
	HOST_CHECK(is_type(map, BPF_MAP_TYPE_QUEUE));
	if (map->count == map->description.max_entries)
		return -E2BIG;
	memcpy(queue_place(map, map->count++), value, map->description.value_size);
	return 0;
}

long host_map_pop(struct host_map *map, void *ret_value)
{
	HOST_CHECK(is_type(map, BPF_MAP_TYPE_QUEUE));
	if (!map->count) {
		memset(ret_value, 0, map->description.value_size);
		return -ENOENT;
	}
	memcpy(ret_value, queue_place(map, 0), map->description.value_size);
	map->first = (map->first + 1) % map->description.max_entries;
	map->count--;
	return 0;
}

/* A record has a head of 8 bytes and is rounded up to 8; one byte of the ring stays free
 * (kernel/bpf/ringbuf.c). */
static __u64 ring_bytes(__u64 size)
{
	return (size + 8 + 7) & ~7ULL;
}

long host_ring_output(struct host_map *map, const void *data, __u64 size, __u64 flags)
{
	struct host_record *record;

	HOST_CHECK(is_type(map, BPF_MAP_TYPE_RINGBUF));
	if (map->ring_used + ring_bytes(size) > map->description.max_entries - 1)
		return -EAGAIN;
	record = xcalloc(1, sizeof(*record) + size);
	record->flags = flags;
	record->size = (__u32)size;
	memcpy(record->bytes, data, size);
	if (map->tail)
		map->tail->next = record;
	else
		map->head = record;
	map->tail = record;
	map->ring_used += ring_bytes(size);
	return 0;
}

__u64 host_ring_query(struct host_map *map, __u64 what)
{
	HOST_CHECK(what == BPF_RB_AVAIL_DATA);
	return map->ring_used;
}

struct host_record *host_ring_pop(struct host_map *map)
{
	struct host_record *record = map->head;

	if (!record)
		return NULL;
	map->head = record->next;
	if (!map->head)
		map->tail = NULL;
	map->ring_used -= ring_bytes(record->size);
	return record;
}

bool host_map_pptrs(__u64 address, __u64 *ret_offset)
{
	for (struct host_map *map = maps; map; map = map->next) {
		if ((uintptr_t)map->description.variable + offsetof(struct bpf_array, pptrs) !=
			    address ||
		    !is_type(map, BPF_MAP_TYPE_PERCPU_ARRAY))
			continue;
		*ret_offset = map->offset;
		return true;
	}
	return false;
}

static void free_map(struct host_map *map)
{
	struct host_record *record;

	*(struct host_map **)map->description.handle = NULL;
	for (__u32 i = 0; map->buckets && i < BUCKETS; i++)
		while (map->buckets[i]) {
			struct element *element = map->buckets[i];

			map->buckets[i] = element->next;
			free_element(element);
		}
	while ((record = host_ring_pop(map)))
		free(record);
	free(map->buckets);
	free(map->values);
	free(map);
}

void host_map_reset(void)
{
	while (maps) {
		struct host_map *map = maps;

		maps = map->next;
		free_map(map);
	}
}
