/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums by type; see census_count.h. */
#include "census_count.h"

#include <stdlib.h>
#include <string.h>

#include "census_look.h"
#include "memory.h"

/* ---- The largest: a binary heap, whose least is replaced ---- */

static void swap(struct census_large *a, struct census_large *b)
{
	struct census_large kept = *a;

	*a = *b;
	*b = kept;
}

static void sink(struct census_count *count)
{
	struct census_large *heap = count->largest;

	for (uint32_t at = 0, child; (child = 2 * at + 1) < count->nr_largest; at = child) {
		if (child + 1 < count->nr_largest && heap[child + 1].bytes < heap[child].bytes)
			child++;
		if (heap[at].bytes <= heap[child].bytes)
			return;
		swap(&heap[at], &heap[child]);
	}
}

static void rise(struct census_count *count)
{
	struct census_large *heap = count->largest;

	for (uint32_t at = count->nr_largest - 1; at && heap[at].bytes < heap[(at - 1) / 2].bytes;
	     at = (at - 1) / 2)
		swap(&heap[at], &heap[(at - 1) / 2]);
}

static void keep_large(struct census_count *count, const struct census_large *large)
{
	if (count->nr_largest < CENSUS_MAX_LARGEST) {
		count->largest[count->nr_largest++] = *large;
		rise(count);
	} else if (large->bytes > count->largest[0].bytes) {
		count->largest[0] = *large;
		sink(count);
	}
}

/* ---- Counting ---- */

static bool measure(struct census_count *count, const struct census_entry *entry,
		    struct census_size *ret)
{
	struct census_classes *classes = count->classes;
	struct census_object_ref object = {
		.address = entry->address,
		.class = &classes->classes[entry->class],
	};

	/* Another object may be there by now. */
	return census_reader_head(classes->reader, entry->address, &object.head) &&
	       object.head.type == object.class->address &&
	       census_size_of(classes->reader, &object, ret);
}

uint64_t census_count_measure(struct census_count *count, const struct census_entry *entry)
{
	struct census_size size;

	return measure(count, entry, &size) ? size.own + size.buffers : 0;
}

uint64_t census_count_add(struct census_count *count, uint32_t entry)
{
	const struct census_entry *counted = &count->table->entries[entry];
	struct census_class *class = &count->classes->classes[counted->class];
	struct census_size size;
	uint64_t bytes;

	if (!measure(count, counted, &size)) {
		if (count->is_guessing && !counted->is_tracked)
			return 0;
		count->unreadable_objects++;
		count->unreadable_bytes += class->basicsize;
		return 0;
	}
	bytes = size.own + size.buffers;
	count->unreadable_objects += class->is_untold;
	class->objects++;
	class->tracked += counted->is_tracked;
	class->bytes += size.own;
	class->buffer_bytes += size.buffers;
	count->objects++;
	count->bytes += size.own;
	count->buffer_bytes += size.buffers;
	keep_large(count, &(struct census_large){ counted->address, bytes, counted->class, entry });
	return bytes;
}

/* ---- Results ---- */

static int by_bytes(const void *a, const void *b)
{
	const struct census_type *left = a, *right = b;
	uint64_t left_bytes = left->bytes + left->buffer_bytes;
	uint64_t right_bytes = right->bytes + right->buffer_bytes;

	if (left_bytes != right_bytes)
		return left_bytes < right_bytes ? 1 : -1;
	if (left->module != right->module)
		return left->module < right->module ? -1 : 1;
	return left->name < right->name ? -1 : left->name > right->name;
}

static void add_class(struct census *census, struct hash_table *ids,
		      const struct census_class *class)
{
	uint64_t key = (uint64_t) class->module << 32 | class->name;
	struct census_type *type;
	uint32_t id;

	if (!class->objects)
		return;
	if (!hash_table_get(ids, key, &id)) {
		id = census->nr_types++;
		hash_table_put(ids, key, id);
		census->types[id] = (struct census_type){ .module = class->module,
							  .name = class->name };
	}
	type = &census->types[id];
	type->objects += class->objects;
	type->bytes += class->bytes;
	type->buffer_bytes += class->buffer_bytes;
	type->tracked += class->tracked;
}

static uint32_t find_type(const struct census *census, const struct census_class *class)
{
	for (uint32_t i = 0; i < census->nr_types; i++)
		if (census->types[i].module == class->module &&
		    census->types[i].name == class->name)
			return i;
	return CENSUS_NONE;
}

static int by_size(const void *a, const void *b)
{
	const struct census_large *left = a, *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return left->address < right->address ? -1 : left->address > right->address;
}

static void add_largest(struct census_count *count, const uint32_t *rows, struct census *census)
{
	qsort(count->largest, count->nr_largest, sizeof(*count->largest), by_size);
	census->largest = xcalloc(count->nr_largest + 1, sizeof(*census->largest));
	for (uint32_t i = 0; i < count->nr_largest; i++) {
		const struct census_large *large = &count->largest[i];
		const struct census_class *class = &count->classes->classes[large->class];

		census->largest[census->nr_largest++] = (struct census_object){
			.type = find_type(census, class),
			.bytes = large->bytes,
			.address = large->address,
			.look = census_look(count->classes->reader, class, large->address,
					    &census->strings),
			.holder = rows[count->table->entries[large->entry].node],
		};
	}
}

void census_count_finish(struct census_count *count, const uint32_t *rows, struct census *census)
{
	const struct census_classes *classes = count->classes;
	struct hash_table ids = { 0 };

	census->types = xcalloc(classes->count + 1, sizeof(*census->types));
	for (size_t i = 0; i < classes->count; i++)
		add_class(census, &ids, &classes->classes[i]);
	hash_table_free(&ids);
	qsort(census->types, census->nr_types, sizeof(*census->types), by_bytes);
	add_largest(count, rows, census);
	census->objects = count->objects;
	census->bytes = count->bytes;
	census->buffer_bytes = count->buffer_bytes;
	census->unreadable_objects = count->unreadable_objects;
	census->unreadable_bytes = count->unreadable_bytes;
}
