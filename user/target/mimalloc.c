/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mimalloc 2.x; see mimalloc.h. Its memory comes in segments at multiples of 32 MiB, each made up
 * of slices of 64 KiB. A segment begins with a header and an entry for each slice; the first entry
 * of a run of slices says how many there are, and with a block size the run is a page of such
 * blocks. The runs follow each other from the first slice, which the header itself has, to the
 * last, and the header's cookie with its address is the same in all segments of a process: what
 * does not hold together like this is no segment.
 */
#include "mimalloc.h"

#include <errno.h>
#include <string.h>

#include "memory.h"

#define SEGMENT_BYTES (32UL << 20)
#define SLICE_BYTES (64UL << 10)
#define MAX_ENTRIES (SEGMENT_BYTES / SLICE_BYTES)
#define MAX_HEADER_SLICES 16
#define HEADER_BYTES 288
#define ENTRY_BYTES 64 /* what is read of one */
#define MAX_HUGE_SLICES (1UL << 28)

struct segment_layout {
	uint16_t cookie, slice_entries, slices; /* in the header */
	uint16_t slice_bytes, used, block_size; /* in an entry */
	uint8_t used_bytes, block_size_bytes;
};

/* include/mimalloc/types.h */
static const struct segment_layout library_layouts[] = {
	{ 216, 248, 264, 80, 24, 28, 4, 4 }, /* 2.0 */
	{ 216, 248, 264, 96, 32, 40, 2, 8 }, /* 2.1 */
	{ 224, 272, 288, 96, 32, 40, 2, 8 }, /* 2.2 */
};

/* CPython's Include/internal/mimalloc/mimalloc/types.h: without the GIL an entry is longer by two
 * words, and in debug builds by two more. */
static const struct segment_layout python_layouts[] = {
	{ 216, 248, 264, 80, 24, 28, 4, 4 },  /* 3.13 */
	{ 216, 248, 264, 96, 24, 28, 4, 4 },  /* 3.13t, 3.13d */
	{ 216, 248, 264, 112, 24, 28, 4, 4 }, /* 3.13td */
	{ 224, 272, 288, 96, 32, 40, 2, 8 },  /* 3.14, 3.15 */
	{ 224, 272, 288, 112, 32, 40, 2, 8 }, /* 3.14t, 3.14d, and so on */
	{ 224, 272, 288, 128, 32, 40, 2, 8 }, /* 3.14td */
};

static const struct {
	const struct segment_layout *layouts;
	size_t count;
} kinds[] = {
	[MIMALLOC_LIBRARY] = { library_layouts, ARRAY_SIZE(library_layouts) },
	[MIMALLOC_PYTHON] = { python_layouts, ARRAY_SIZE(python_layouts) },
};

struct scan {
	struct heap_memory *memory;
	enum mimalloc_kind kind;
	uint64_t other_key;		     /* of another's segments, which are left out */
	const struct segment_layout *layout; /* NULL: not known yet */
	struct mimalloc_sums *sums;
};

/* What one segment has. */
struct segment {
	uint64_t address, key;
	uint64_t entries;
	uint64_t header_slices, slices;
	uint64_t used, free_pages, torn;
};

static uint64_t load(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, bytes, size);
	return value;
}

/* Of a run whose slices are none of a page's, or of one that waits to be taken apart: what a purge
 * would give back. */
static void add_free(const struct scan *scan, uint64_t slices, struct segment *segment)
{
	uint64_t start = segment->address + segment->slices * SLICE_BYTES;

	if (slices <= segment->entries - segment->slices)
		segment->free_pages += heap_memory_resident_bytes(scan->memory, start,
								  start + slices * SLICE_BYTES);
}

/* Blocks of a page that are in use. One huge block may have a size that stands for any. */
static void add_page(const struct scan *scan, const struct segment_layout *layout,
		     const uint8_t *entry, uint64_t slices, struct segment *segment)
{
	uint64_t size = load(entry + layout->block_size, layout->block_size_bytes);
	uint64_t count = load(entry + layout->used, layout->used_bytes), bytes;

	if (!size || !count) {
		add_free(scan, slices, segment);
		return;
	}
	if (count == 1 && size > slices * SLICE_BYTES)
		size = slices * SLICE_BYTES;
	if (__builtin_mul_overflow(size, count, &bytes) || bytes > slices * SLICE_BYTES)
		segment->torn++;
	else
		segment->used += bytes;
}

static int read_slices(const struct scan *scan, const struct segment_layout *layout,
		       struct segment *segment)
{
	uint8_t entry[ENTRY_BYTES];

	while (segment->slices < segment->entries) {
		uint64_t place = segment->address + layout->slices +
				 segment->slices * layout->slice_bytes;
		int err = heap_memory_read(scan->memory, place, entry, sizeof(entry));
		uint64_t count;

		if (err)
			return err;
		count = load(entry, sizeof(uint32_t));
		if (!count || count > MAX_HUGE_SLICES ||
		    load(entry + sizeof(uint32_t), sizeof(uint32_t)))
			return -EBADMSG;
		if (segment->slices)
			add_page(scan, layout, entry, count, segment);
		else
			segment->header_slices = count;
		segment->slices += count;
	}
	/* Only a huge page goes on behind the entries, and then it is alone. */
	return segment->slices == segment->entries || segment->entries == MAX_ENTRIES ? 0
										      : -EBADMSG;
}

static int read_segment(const struct scan *scan, const struct segment_layout *layout,
			uint64_t address, struct segment *ret)
{
	uint8_t header[HEADER_BYTES];
	int err = heap_memory_read(scan->memory, address, header, sizeof(header));

	*ret = (struct segment){ .address = address };
	if (err)
		return err;
	ret->key = load(header + layout->cookie, sizeof(uint64_t)) ^ address;
	ret->entries = load(header + layout->slice_entries, sizeof(uint64_t));
	if (!ret->entries || ret->entries > MAX_ENTRIES)
		return -EBADMSG;
	err = read_slices(scan, layout, ret);
	if (!err && (!ret->header_slices || ret->header_slices > MAX_HEADER_SLICES ||
		     ret->header_slices >= ret->slices))
		err = -EBADMSG;
	return err;
}

/* Once a segment was read its layout and cookie are those of all. */
static bool find_segment(struct scan *scan, uint64_t address, struct segment *ret)
{
	for (size_t i = 0; i < kinds[scan->kind].count; i++) {
		const struct segment_layout *layout = &kinds[scan->kind].layouts[i];

		if (scan->layout && scan->layout != layout)
			continue;
		if (read_segment(scan, layout, address, ret) || ret->key == scan->other_key ||
		    (scan->layout && ret->key != scan->sums->key))
			continue;
		scan->layout = layout;
		scan->sums->key = ret->key;
		return true;
	}
	/* It has the cookie, but was changed while it was read. */
	if (scan->layout && ret->key == scan->sums->key)
		scan->sums->torn++;
	return false;
}

static void add_segment(struct scan *scan, const struct segment *segment)
{
	uint64_t resident = heap_memory_resident_bytes(
		scan->memory, segment->address + segment->header_slices * SLICE_BYTES,
		segment->address + segment->slices * SLICE_BYTES);
	uint64_t rest = resident > segment->used ? resident - segment->used : 0;

	scan->sums->nr_segments++;
	scan->sums->used += segment->used;
	scan->sums->free += rest;
	scan->sums->free_pages += segment->free_pages < rest ? segment->free_pages : rest;
	scan->sums->torn += segment->torn;
}

static void scan_range(struct scan *scan, const struct heap_range *range)
{
	uint64_t address = (range->start + SEGMENT_BYTES - 1) & ~(SEGMENT_BYTES - 1), bytes, next;

	while (address >= range->start && address < range->end &&
	       !heap_memory_is_late(scan->memory)) {
		struct segment segment = { 0 };

		bytes = SEGMENT_BYTES;
		next = heap_memory_next(scan->memory, address, range->end);
		if (next - address >= SEGMENT_BYTES) {
			bytes = (next - address) & ~(SEGMENT_BYTES - 1);
		} else if (next == address && find_segment(scan, address, &segment)) {
			add_segment(scan, &segment);
			bytes = (segment.slices * SLICE_BYTES + SEGMENT_BYTES - 1) &
				~(SEGMENT_BYTES - 1);
		}
		address += bytes;
	}
}

void mimalloc_read(struct heap_memory *memory, enum mimalloc_kind kind, uint64_t other_key,
		   struct mimalloc_sums *ret)
{
	struct scan scan = {
		.memory = memory,
		.kind = kind,
		.other_key = other_key,
		.sums = ret,
	};

	*ret = (struct mimalloc_sums){ 0 };
	for (size_t i = 0; i < memory->nr_ranges; i++)
		if (!memory->ranges[i].is_brk)
			scan_range(&scan, &memory->ranges[i]);
}
