/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a process's memory is in use inside its allocators, and how much they keep though it
 * is free: what user/target/heap_inside reads, dumps keep and reports show.
 */
#ifndef MEMPROBE_HEAP_AMOUNTS_H
#define MEMPROBE_HEAP_AMOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum heap_state {
	HEAP_ABSENT,  /* the process does not have this allocator */
	HEAP_READ,    /* all of it was read, and held together */
	HEAP_PARTLY,  /* torn, or out of time: the figures are bounds */
	HEAP_UNKNOWN, /* it has one that cannot be read, or the time was over before one was found
		       */
	NR_HEAP_STATES,
};

#define HEAP_NAME_BYTES 32
#define HEAP_MAX_BYTES (1ULL << 56) /* what user space can address, with five levels of pages */

/* Bytes, where nothing else is said. */
struct heap_inside {
	uint32_t malloc_state, pymalloc_state, mimalloc_state;
	char malloc_name[HEAP_NAME_BYTES]; /* who serves malloc: "glibc 2.36", "jemalloc"; for
					      people */
	uint32_t nr_arenas;		   /* of malloc */
	/* As mallinfo2() has them: uordblks and fordblks of all arenas, and hblkhd, which is in use
	 * too. Free bytes need not be resident: malloc_free_absent are whole pages of them that are
	 * not, as after malloc_trim; the rest of the free bytes is what RSS has. */
	uint64_t malloc_used, malloc_free, malloc_mapped;
	uint64_t malloc_free_absent;
	uint64_t malloc_free_threads; /* in other arenas than the main one */
	uint64_t malloc_free_pages;   /* whole resident pages that malloc_trim would give back */
	/* As sys._debugmallocstats() has them, of pools whose first page is resident: blocks in use
	 * and blocks that are not. Free pools are all free blocks; arenas without a block in use
	 * are rare, since CPython unmaps them. */
	uint64_t pymalloc_used, pymalloc_free, pymalloc_free_pools, pymalloc_free_arenas;
	uint64_t pymalloc_nr_arenas;
	uint64_t mimalloc_used, mimalloc_free;
	uint64_t mimalloc_free_pages; /* resident, in its pages without a block in use */
	uint64_t torn;		      /* how many chunks, lists, pools did not hold together */
	uint64_t rss;		      /* at the reading */
	/* Resident, of no allocator (heap_account.h); files 0: the mappings were not read. */
	uint64_t stacks, files, shared;
};

/* Can these be amounts of a process? Each within HEAP_MAX_BYTES and parts within their wholes, so
 * that sums and differences of them need no care. */
bool heap_amounts_are_sane(const struct heap_inside *inside);

/* All numbers of 64 bits, in an order that stays: later ones come at the end. */
size_t heap_amounts_count(void);
uint64_t *heap_amounts_at(struct heap_inside *inside, size_t index);

#endif
