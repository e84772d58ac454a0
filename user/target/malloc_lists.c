/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free chunks of an arena by its lists; see malloc_arena.h.
 *
 * Bins are rings of chunks that point to each other both ways. While threads change them a chunk
 * that was read may be in another ring, or in none, when the next one is. Then `bk` does not lead
 * back, and the bin is read once more; under four threads that did nothing but malloc and free the
 * free bytes were 4 % too low on the median with five attempts (-23 to +7), and up to 49 % with
 * one.
 */
#include <errno.h>
#include <string.h>

#include "malloc_arena.h"
#include "malloc_spans.h"
#include "memory.h"

#define ATTEMPTS 5
#define ALIGNMENT 16
#define FIRST_LARGE_BIN 64

/* Distance from a list's head to its pair of pointers, as in a chunk. */
#define FD_OFFSET 16

static uint64_t bin_head(const struct malloc_arena *arena, unsigned int bin)
{
	return arena->address + arena->layout->bins + (uint64_t)(bin - 1) * 16 - FD_OFFSET;
}

/* No ring has more than all memory would hold; one with a shorter circle in it is left because its
 * `bk` leads elsewhere, or for lack of time. */
static int step(const struct malloc_arena *arena, uint64_t *count)
{
	++*arena->nr_listed;
	if (++*count > arena->system_mem / MALLOC_MIN_CHUNK)
		return -ELOOP;
	if (*arena->nr_listed > MALLOC_MAX_LISTED)
		return -E2BIG;
	return !(*count % 64) && heap_memory_is_late(arena->memory) ? -ETIME : 0;
}

static int walk_bin(const struct malloc_arena *arena, unsigned int bin, uint64_t first,
		    struct malloc_spans *spans, uint64_t *ret_bytes)
{
	const uint64_t head = bin_head(arena, bin);
	uint64_t before = head, node = first, count = 0;
	struct malloc_chunk chunk;

	*ret_bytes = 0;
	while (node != head) {
		int err = step(arena, &count);

		if (!err)
			err = malloc_arena_chunk(arena, node, &chunk);
		if (!err && chunk.bk != before)
			err = -EBADMSG;
		if (!err && bin > 1 && bin < FIRST_LARGE_BIN &&
		    (chunk.size & ~MALLOC_SIZE_BITS) != (uint64_t)bin * ALIGNMENT)
			err = -EBADMSG;
		if (err)
			return err;
		malloc_spans_add(spans, node, chunk.size & ~MALLOC_SIZE_BITS);
		*ret_bytes += chunk.size & ~MALLOC_SIZE_BITS;
		before = node;
		node = chunk.fd;
	}
	return 0;
}

/* What was read furthest counts where no attempt came to the end. */
static int read_bin(const struct malloc_arena *arena, unsigned int bin, struct malloc_spans *spans,
		    struct malloc_free *sums)
{
	uint64_t first = malloc_arena_word(arena, arena->layout->bins + (bin - 1) * 16UL);
	const size_t begin = spans->count;
	uint64_t best = 0, bytes = 0;
	int err = -EBADMSG;

	if (first == bin_head(arena, bin))
		return 0;
	for (int attempt = 0; attempt < ATTEMPTS && err && err != -ETIME; attempt++) {
		const size_t from = spans->count;

		err = malloc_arena_variable(arena, arena->layout->bins + (bin - 1) * 16UL, &first);
		if (!err)
			err = walk_bin(arena, bin, first, spans, &bytes);
		if (err == -E2BIG)
			return err;
		if (bytes > best || !err) {
			malloc_spans_keep(spans, begin, from);
			best = bytes;
		} else {
			spans->count = from;
		}
	}
	sums->bytes += best;
	sums->torn += err && err != -ETIME ? 1 : 0;
	return 0;
}

int malloc_lists_read(const struct malloc_arena *arena, struct malloc_spans *spans,
		      struct malloc_free *ret)
{
	const size_t begin = spans->count;
	struct malloc_free sums = { 0 };

	for (unsigned int bin = 1; bin <= MALLOC_NR_BINS; bin++) {
		int err = read_bin(arena, bin, spans, &sums);

		if (err) {
			spans->count = begin;
			return err;
		}
	}
	*ret = sums;
	return 0;
}
