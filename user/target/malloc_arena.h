/* SPDX-License-Identifier: BSD-2-Clause */
/* One arena of glibc's malloc, for malloc_arenas.c: by its lists, and chunk by chunk. */
#ifndef MEMPROBE_MALLOC_ARENA_H
#define MEMPROBE_MALLOC_ARENA_H

#include <stdbool.h>

#include "heap_memory.h"
#include "malloc_find.h"

#define MALLOC_NR_BINS 127
#define MALLOC_STATE_BYTES 2208 /* the longest of them */
#define MALLOC_CHUNK_BYTES 48	/* struct malloc_chunk, which malloc_trim leaves */
#define MALLOC_MIN_CHUNK 32
#define MALLOC_SIZE_BITS 7ULL
#define MALLOC_IN_USE_BEFORE 1ULL /* of a size: the chunk before is in use */
#define MALLOC_MMAPPED 2ULL
#define MALLOC_HEAP_BYTES (64UL << 20) /* HEAP_MAX_SIZE of threads' heaps */
#define MALLOC_MAX_HEAPS 65536	       /* of one arena: 4 TiB */

/* Entries of lists that are looked at in a whole reading. Each is a read, as dear as 3 KB of a
 * walk: what was spent in vain before a walk of a gigabyte is a fifth of it. */
#define MALLOC_MAX_LISTED 65536

struct malloc_arena {
	struct heap_memory *memory;
	const struct malloc_layout *layout;
	uint64_t address;
	uint64_t first; /* where the main arena's memory begins, 0: not known */
	bool is_main;
	uint64_t top, system_mem;	   /* as in state */
	uint8_t state[MALLOC_STATE_BYTES]; /* as it was when the reading began */
	uint64_t *nr_listed;		   /* of the whole reading */
};

struct malloc_free {
	uint64_t bytes, pages, absent, torn;
	uint64_t top; /* where it would begin with what is free before it; 0: nothing is */
};

struct malloc_spans;

/* What a thread's heap begins with. */
struct malloc_heap {
	uint64_t arena, before, size;
};

/* A chunk as it lies in memory. */
struct malloc_chunk {
	uint64_t size_before, size; /* with bits */
	uint64_t fd, bk;	    /* when it is free */
};

/* The first page that begins at an address or behind it. */
uint64_t malloc_arena_page(uint64_t address);

uint64_t malloc_arena_word(const struct malloc_arena *arena, size_t offset);
/* The same as it is now. */
int malloc_arena_variable(const struct malloc_arena *arena, size_t offset, uint64_t *ret);
/* Reads a chunk that may be a free one of this arena: within its memory, and of a possible size.
 * -EBADMSG: none. */
int malloc_arena_chunk(const struct malloc_arena *arena, uint64_t address,
		       struct malloc_chunk *ret);
/* The same of one that was read. */
int malloc_arena_check(const struct malloc_arena *arena, uint64_t address,
		       const struct malloc_chunk *chunk);
/* The size of its top. */
int malloc_arena_top(const struct malloc_arena *arena, uint64_t *ret_size);
/* The heap of a thread's arena that an address lies in. -EBADMSG: none. */
int malloc_arena_heap(const struct malloc_arena *arena, uint64_t address, uint64_t *ret_start,
		      struct malloc_heap *ret);
/* Adds the whole pages of what is free in one piece. */
void malloc_arena_add_pages(const struct malloc_arena *arena, uint64_t address, uint64_t size,
			    struct malloc_free *sums);

/* malloc_lists.c: all bins; their chunks are added to `spans`, and nothing to the pages. -E2BIG:
 * more than is looked at in lists; nothing was added then. */
int malloc_lists_read(const struct malloc_arena *arena, struct malloc_spans *spans,
		      struct malloc_free *ret);
/* malloc_fast.c: likewise the fast bins, which no walk can tell from chunks in use. */
void malloc_fast_read(const struct malloc_arena *arena, struct malloc_spans *spans,
		      struct malloc_free *sums);

/* malloc_walk.c: the bins from the arena's first chunk to its top, and the whole pages of these and
 * of `fast` together, which are sorted. */
void malloc_walk_read(const struct malloc_arena *arena, const struct malloc_spans *fast,
		      struct malloc_free *ret);

#endif
