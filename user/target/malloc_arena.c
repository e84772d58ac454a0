/* SPDX-License-Identifier: BSD-2-Clause */
/* One arena of glibc's malloc; see malloc_arena.h. */
#include "malloc_arena.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

uint64_t malloc_arena_page(uint64_t address)
{
	return (address + HEAP_PAGE_BYTES - 1) & ~(HEAP_PAGE_BYTES - 1);
}

uint64_t malloc_arena_word(const struct malloc_arena *arena, size_t offset)
{
	uint64_t value = 0;

	if (offset + sizeof(value) <= sizeof(arena->state))
		memcpy(&value, arena->state + offset, sizeof(value));
	return value;
}

int malloc_arena_variable(const struct malloc_arena *arena, size_t offset, uint64_t *ret)
{
	return heap_memory_read_variable(arena->memory, arena->address + offset, ret, sizeof(*ret));
}

int malloc_arena_check(const struct malloc_arena *arena, uint64_t address,
		       const struct malloc_chunk *chunk)
{
	const struct heap_range *range = heap_memory_range(arena->memory, address);
	uint64_t size = chunk->size & ~MALLOC_SIZE_BITS;

	if (!range || address % 16 || chunk->size & MALLOC_MMAPPED || size % 16 ||
	    size < MALLOC_MIN_CHUNK || size > arena->system_mem || size > range->end - address)
		return -EBADMSG;
	return 0;
}

static int read_chunk(const struct malloc_arena *arena, uint64_t address, size_t bytes,
		      struct malloc_chunk *ret)
{
	int err = address % 16 ? -EBADMSG : heap_memory_read(arena->memory, address, ret, bytes);

	return err ? err : malloc_arena_check(arena, address, ret);
}

int malloc_arena_chunk(const struct malloc_arena *arena, uint64_t address, struct malloc_chunk *ret)
{
	return read_chunk(arena, address, sizeof(*ret), ret);
}

/* It is in no list: what lies behind its size may never have been touched. */
int malloc_arena_top(const struct malloc_arena *arena, uint64_t *ret_size)
{
	struct malloc_chunk chunk = { 0 };
	int err = read_chunk(arena, arena->top, offsetof(struct malloc_chunk, fd), &chunk);

	*ret_size = chunk.size & ~MALLOC_SIZE_BITS;
	return err;
}

int malloc_arena_heap(const struct malloc_arena *arena, uint64_t address, uint64_t *ret_start,
		      struct malloc_heap *ret)
{
	uint64_t start = address & ~(MALLOC_HEAP_BYTES - 1);
	int err = heap_memory_read(arena->memory, start, ret, sizeof(*ret));

	if (!err && (ret->arena != arena->address || ret->size > MALLOC_HEAP_BYTES))
		err = -EBADMSG;
	*ret_start = start;
	return err;
}

/* malloc_trim (mtrim) gives back the whole pages behind the chunk's header. */
void malloc_arena_add_pages(const struct malloc_arena *arena, uint64_t address, uint64_t size,
			    struct malloc_free *sums)
{
	uint64_t from = malloc_arena_page(address + MALLOC_CHUNK_BYTES), bytes, resident;

	if (size < HEAP_PAGE_BYTES || from >= address + size)
		return;
	bytes = (address + size - from) & ~(HEAP_PAGE_BYTES - 1);
	resident = heap_memory_resident_bytes(arena->memory, from, from + bytes);
	sums->pages += resident;
	sums->absent += bytes - resident;
}
