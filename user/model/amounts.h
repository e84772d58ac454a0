/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that became and ceased to be resident and that are held, by kind, and that were allocated:
 * of one thing (struct cost), and of many in columns (struct amounts). Most programs move anonymous
 * and file pages only, so that more than half of the columns need no memory, and a sum over a
 * million nodes reads what it needs and nothing else.
 */
#ifndef MEMPROBE_AMOUNTS_H
#define MEMPROBE_AMOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>

/* By kind (enum wire_kind). */
struct cost {
	int64_t grown[NR_KINDS];
	int64_t released[NR_KINDS];
	int64_t live[NR_KINDS]; /* held in the end; with peak as held.h settles them */
	int64_t peak[NR_KINDS]; /* held at the process's highest moment */
	int64_t unshared;	/* copied, because this path wrote to what was shared */
	int64_t mapped;		/* address space taken, less what was given back */
	int64_t heap;		/* of that, what brk() moved the heap's end by */
	/* Blocks of an allocator, in bytes as they were asked for; as profile_allocs.h settles
	 * them.
	 */
	int64_t alloc_peak;   /* allocated when the process's sum was highest */
	int64_t alloc_end;    /* allocated in the end */
	int64_t alloc_blocks; /* how many blocks that is */
	int64_t alloc_taken;  /* asked for in all */
	int64_t alloc_taken_blocks;
	int64_t alloc_freed_blocks; /* until the end */
	/* Of KIND_SWAP, when it is to count as if RSS had it; 0 until cost_count_swap. */
	int64_t swap_grown, swap_released, swap_live, swap_peak;
};

/* Sums of file, anon and shmem, and of swap where it counts. */
int64_t cost_grown(const struct cost *cost);
int64_t cost_released(const struct cost *cost);
int64_t cost_live(const struct cost *cost);
int64_t cost_peak(const struct cost *cost);
void cost_count_swap(struct cost *cost);
int64_t cost_growth(const struct cost *cost); /* grown - released */
int64_t cost_growth_of(const struct cost *cost, enum wire_kind kind);
void cost_add(struct cost *sum, const struct cost *more);
void cost_subtract(struct cost *sum, const struct cost *less);
bool cost_is_zero(const struct cost *cost);

#define NR_AMOUNTS (4 * NR_KINDS + 13) /* in the order of struct cost */

/* Owns its columns. Zeroed is empty: every amount is 0. */
struct amounts {
	int64_t *columns[NR_AMOUNTS]; /* NULL: 0 everywhere */
	uint8_t used[NR_AMOUNTS];     /* which of them are there, in the order of their coming */
	uint8_t nr_used;
	size_t capacity; /* of every column that is there */
};

void amounts_free(struct amounts *amounts);
struct cost amounts_get(const struct amounts *amounts, size_t index);
void amounts_set(struct amounts *amounts, size_t index, const struct cost *cost);
void amounts_add(struct amounts *amounts, size_t index, const struct cost *cost);

/* RSS (file + anon + shmem) out of bytes or pages by kind. */
int64_t rss_of(const int64_t by_kind[NR_KINDS]);

#endif
