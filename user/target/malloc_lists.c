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
#include "memory.h"

#define ATTEMPTS 5
#define NR_FAST_BINS 10
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
		    struct malloc_free *sums)
{
	const uint64_t head = bin_head(arena, bin);
	uint64_t before = head, node = first, count = 0;
	struct malloc_chunk chunk;

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
		malloc_arena_add(arena, node, chunk.size & ~MALLOC_SIZE_BITS, sums);
		before = node;
		node = chunk.fd;
	}
	return 0;
}

/* What was read furthest counts where no attempt came to the end. */
static int read_bin(const struct malloc_arena *arena, unsigned int bin, struct malloc_free *sums)
{
	uint64_t first = malloc_arena_word(arena, arena->layout->bins + (bin - 1) * 16UL);
	struct malloc_free best = { 0 };
	int err = -EBADMSG;

	if (first == bin_head(arena, bin))
		return 0;
	for (int attempt = 0; attempt < ATTEMPTS && err && err != -ETIME; attempt++) {
		struct malloc_free found = { 0 };

		err = malloc_arena_variable(arena, arena->layout->bins + (bin - 1) * 16UL, &first);
		if (!err)
			err = walk_bin(arena, bin, first, &found);
		if (err == -E2BIG)
			return err;
		if (found.bytes > best.bytes || !err)
			best = found;
	}
	sums->bytes += best.bytes;
	sums->pages += best.pages;
	sums->absent += best.absent;
	sums->torn += err ? 1 : 0;
	return 0;
}

int malloc_lists_read(const struct malloc_arena *arena, struct malloc_free *ret)
{
	struct malloc_free sums = { 0 };

	for (unsigned int bin = 1; bin <= MALLOC_NR_BINS; bin++) {
		int err = read_bin(arena, bin, &sums);

		if (err)
			return err;
	}
	*ret = sums;
	return 0;
}

/* ---- Fast bins ---- */

static uint64_t unmangle(const struct malloc_arena *arena, uint64_t chunk, uint64_t fd, bool plain)
{
	uint64_t place = chunk + FD_OFFSET;

	if (arena->layout->lists == LISTS_PLAIN || (arena->layout->lists == LISTS_EITHER && plain))
		return fd;
	return fd ^ place >> 12;
}

static int walk_fast_bin(const struct malloc_arena *arena, unsigned int bin, bool plain,
			 uint64_t *ret_bytes)
{
	const uint64_t size = (bin + 2) * (uint64_t)ALIGNMENT;
	uint64_t node, count = 0;
	struct malloc_chunk chunk;
	int err = malloc_arena_variable(arena, arena->layout->fastbins + bin * 8UL, &node);

	for (*ret_bytes = 0; !err && node; node = unmangle(arena, node, chunk.fd, plain)) {
		if (++count > arena->system_mem / MALLOC_MIN_CHUNK)
			return -ELOOP;
		if (!(count % 64) && heap_memory_is_late(arena->memory))
			return -ETIME;
		err = malloc_arena_chunk(arena, node, &chunk);
		if (!err && (chunk.size & ~MALLOC_SIZE_BITS) != size)
			err = -EBADMSG;
		if (!err)
			*ret_bytes += size;
	}
	return err;
}

static int read_fast_bin(const struct malloc_arena *arena, unsigned int bin, uint64_t *ret_best)
{
	int err = -EBADMSG;

	*ret_best = 0;
	for (int attempt = 0; attempt < ATTEMPTS && err && err != -ETIME; attempt++) {
		uint64_t mangled, plain = 0;

		err = walk_fast_bin(arena, bin, false, &mangled);
		if (err && arena->layout->lists == LISTS_EITHER)
			err = walk_fast_bin(arena, bin, true, &plain);
		if (plain > mangled)
			mangled = plain;
		if (mangled > *ret_best || !err)
			*ret_best = mangled;
	}
	return err;
}

void malloc_lists_read_fast(const struct malloc_arena *arena, struct malloc_free *sums)
{
	if (arena->layout->fastbins == MALLOC_NO_FIELD)
		return;
	for (unsigned int bin = 0; bin < NR_FAST_BINS; bin++) {
		uint64_t bytes;
		int err = read_fast_bin(arena, bin, &bytes);

		sums->bytes += bytes;
		sums->torn += err ? 1 : 0;
	}
}
