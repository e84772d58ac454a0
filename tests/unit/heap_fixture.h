/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heaps in made-up memory, as readers of allocators see them: made by the layout of any glibc, or
 * of pymalloc, to be damaged by tests and fuzzers. That real allocators are laid out like this is
 * tests/property/heaps.py's matter.
 */
#ifndef MEMPROBE_HEAP_FIXTURE_H
#define MEMPROBE_HEAP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap_memory.h"
#include "malloc_find.h"

#define FIXTURE_REGION_BYTES (256UL << 10)
#define FIXTURE_BIAS 0x10000000UL   /* of the C library's variables */
#define FIXTURE_MAIN 0x20000000UL   /* sbrk's memory */
#define FIXTURE_THREAD 0x40000000UL /* a thread's heap: a multiple of 64 MiB */
#define FIXTURE_NR_REGIONS 3
#define FIXTURE_NR_LAYOUTS 5

struct fixture_region {
	uint64_t start;
	uint8_t bytes[FIXTURE_REGION_BYTES];
	bool is_absent[FIXTURE_REGION_BYTES / HEAP_PAGE_BYTES];
	bool is_zero[FIXTURE_REGION_BYTES / HEAP_PAGE_BYTES]; /* the kernel's zero page */
};

struct heap_fixture {
	struct fixture_region regions[FIXTURE_NR_REGIONS];
	struct malloc_layout layout;
	struct heap_memory *memory; /* owned */
	uint64_t nr_reads;
	unsigned int pauses_to_heal;	  /* after so many all pages are resident; 0: never */
	uint64_t truth_free, truth_total; /* of what was made */
};

/* Empty memory, all of it resident, and the layout with a number. */
void heap_fixture_init(struct heap_fixture *fixture, unsigned int layout);
void heap_fixture_clear(struct heap_fixture *fixture);

uint64_t heap_fixture_get(const struct heap_fixture *fixture, uint64_t address);
void heap_fixture_put(struct heap_fixture *fixture, uint64_t address, uint64_t value);

uint64_t heap_fixture_main_arena(const struct heap_fixture *fixture);
/* The head of a bin's ring, for main_arena. */
uint64_t heap_fixture_bin(const struct heap_fixture *fixture, unsigned int bin);

/* main_arena with chunks drawn by `seed`, and an arena of a thread in the ring with it. */
void heap_fixture_make(struct heap_fixture *fixture, uint32_t seed);

/* One arena alone, the main one or a thread's: chunks of `size`, all of them in a fast bin but one
 * in `share`, up to its top at `top`, an offset in the region. */
void heap_fixture_make_fast(struct heap_fixture *fixture, bool is_main, uint64_t size,
			    unsigned int share, uint64_t top);

/* A segment of mimalloc 2.x (0, 1, 2), or of CPython's own, at a multiple of 32 MiB: its first page
 * has `used` blocks of `size` bytes, its second is huge and its last, in the rest of the segment,
 * is free. */
#define FIXTURE_NR_MIMALLOCS 9
#define FIXTURE_FIRST_PYTHON 3
void heap_fixture_make_segment(struct heap_fixture *fixture, uint64_t address, unsigned int version,
			       uint64_t size, uint64_t used);
/* Where the entry of a slice is in it. */
uint64_t heap_fixture_slice(uint64_t address, unsigned int version, unsigned int slice);

#endif
