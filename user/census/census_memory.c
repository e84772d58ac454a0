/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory in pieces; see census_memory.h. */
#include "census_memory.h"

#include <errno.h>

#include "memory.h"

#define CHUNK_PAGES (CENSUS_CHUNK_BYTES / HEAP_PAGE_BYTES)
#define MIN_CHUNKS 256

void census_memory_init(struct census_memory *memory, struct heap_memory *heap, uint64_t max_bytes)
{
	size_t count = MIN_CHUNKS;

	while (2 * count * CENSUS_CHUNK_BYTES <= max_bytes)
		count *= 2;
	*memory = (struct census_memory){
		.heap = heap,
		.chunks = xcalloc(count, sizeof(*memory->chunks)),
		.nr_chunks = count,
	};
}

void census_memory_clear(struct census_memory *memory)
{
	for (size_t i = 0; i < memory->nr_chunks; i++)
		free(memory->chunks[i].bytes);
	free(memory->chunks);
	*memory = (struct census_memory){ 0 };
}

static bool is_readable(const struct census_memory *memory, uint64_t address)
{
	return heap_memory_range(memory->heap, address) &&
	       heap_memory_is_resident(memory->heap, address);
}

static void read_pages(const struct census_memory *memory, struct census_chunk *chunk,
		       uint64_t start, size_t first, size_t end)
{
	const struct heap_source *source = &memory->heap->source;
	size_t at = first * HEAP_PAGE_BYTES, size = (end - first) * HEAP_PAGE_BYTES;

	if (source->read(source->context, start + at, chunk->bytes + at, size))
		return; /* it has gone meanwhile */
	for (size_t i = first; i < end; i++)
		chunk->pages |= 1U << i;
}

static void fill(struct census_memory *memory, struct census_chunk *chunk, uint64_t number)
{
	uint64_t start = number * CENSUS_CHUNK_BYTES;
	size_t first = 0;

	if (!chunk->bytes) {
		chunk->bytes = xmalloc(CENSUS_CHUNK_BYTES);
		memory->nr_kept++;
	}
	chunk->number = number + 1;
	chunk->pages = chunk->absent = chunk->lost = 0;
	for (size_t i = 0; i <= CHUNK_PAGES; i++) {
		if (i < CHUNK_PAGES && is_readable(memory, start + i * HEAP_PAGE_BYTES))
			continue;
		if (first < i)
			read_pages(memory, chunk, start, first, i);
		first = i + 1;
	}
}

static struct census_chunk *chunk_of(struct census_memory *memory, uint64_t address)
{
	uint64_t number = address / CENSUS_CHUNK_BYTES;
	struct census_chunk *chunk = &memory->chunks[number & (memory->nr_chunks - 1)];

	if (chunk->number != number + 1) {
		if (!heap_memory_range(memory->heap, address))
			return NULL;
		fill(memory, chunk, number);
	}
	return chunk;
}

void census_memory_fetch_all(struct census_memory *memory)
{
	struct heap_memory *heap = memory->heap;
	size_t left = memory->nr_chunks;

	for (size_t i = 0; i < heap->nr_ranges; i++) {
		uint64_t end = heap->ranges[i].end;
		uint64_t at = heap_memory_next(heap, heap->ranges[i].start, end);

		while (at < end) {
			if (!left-- || heap_memory_is_late(heap))
				return;
			chunk_of(memory, at);
			at = (at / CENSUS_CHUNK_BYTES + 1) * CENSUS_CHUNK_BYTES;
			at = at < end ? heap_memory_next(heap, at, end) : end;
		}
	}
}

void census_memory_refresh(struct census_memory *memory, uint64_t address)
{
	uint64_t number = address / CENSUS_CHUNK_BYTES;
	struct census_chunk *chunk = &memory->chunks[number & (memory->nr_chunks - 1)];

	if (chunk->number == number + 1)
		chunk->number = 0;
}

static void read_absent(struct census_memory *memory, struct census_chunk *chunk, size_t page)
{
	uint64_t at = page * HEAP_PAGE_BYTES;
	uint64_t address = (chunk->number - 1) * CENSUS_CHUNK_BYTES + at;
	int err = -ENXIO;

	if (heap_memory_range(memory->heap, address))
		err = heap_memory_read_absent(memory->heap, address, chunk->bytes + at,
					      HEAP_PAGE_BYTES);
	if (err)
		chunk->absent |= 1U << page;
	else
		chunk->pages |= 1U << page;
	if (err && err != -ENXIO)
		chunk->lost |= 1U << page;
}

static bool has_pages(struct census_memory *memory, struct census_chunk *chunk, size_t at,
		      size_t size)
{
	size_t first = at / HEAP_PAGE_BYTES, last = (at + size - 1) / HEAP_PAGE_BYTES;
	uint32_t bits = (2U << last) - (1U << first);

	if ((chunk->pages & bits) == bits)
		return true;
	for (size_t i = first; i <= last && !(chunk->absent & bits); i++)
		if (!(chunk->pages >> i & 1))
			read_absent(memory, chunk, i);
	return (chunk->pages & bits) == bits;
}

bool census_memory_read(struct census_memory *memory, uint64_t address, void *to, size_t size)
{
	uint8_t *bytes = to;

	if (address + size < address)
		return false;
	while (size) {
		size_t at = address % CENSUS_CHUNK_BYTES, part = CENSUS_CHUNK_BYTES - at;
		struct census_chunk *chunk = chunk_of(memory, address);

		if (part > size)
			part = size;
		if (!chunk || !has_pages(memory, chunk, at, part))
			return false;
		memcpy(bytes, chunk->bytes + at, part);
		address += part;
		bytes += part;
		size -= part;
	}
	return true;
}

bool census_memory_u64(struct census_memory *memory, uint64_t address, uint64_t *ret)
{
	return census_memory_read(memory, address, ret, sizeof(*ret));
}

bool census_memory_is_lost(struct census_memory *memory, uint64_t address)
{
	size_t at = address % CENSUS_CHUNK_BYTES;
	struct census_chunk *chunk = chunk_of(memory, address);

	return chunk && !has_pages(memory, chunk, at, 1) && chunk->lost >> at / HEAP_PAGE_BYTES & 1;
}
