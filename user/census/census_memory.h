/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process's memory as the census reads it: in pieces of 64 KiB, each read once and kept while
 * there is room, since objects that belong together lie together and a read costs a system call.
 * Only pages of the ranges that heap_memory knows, resident ones at once, and what is in a file, as
 * nobody has written to it, when it is asked for; every pointer of the target passes here, so that
 * none leads anywhere else.
 */
#ifndef MEMPROBE_CENSUS_MEMORY_H
#define MEMPROBE_CENSUS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "heap_memory.h"

#define CENSUS_CHUNK_BYTES 65536UL

struct census_chunk {
	uint64_t number; /* plus 1; 0: empty */
	uint32_t pages;	 /* a bit for each that could be read */
	uint32_t absent; /* the same: that cannot be */
	uint32_t lost;	 /* of these: there is something, swapped out or in such a file */
	uint8_t *bytes;
};

/* Owns its chunks, borrows `heap`. */
struct census_memory {
	struct heap_memory *heap;
	struct census_chunk *chunks;
	size_t nr_chunks; /* a power of two */
	size_t nr_kept;	  /* that have memory */
};

/* Keeps as much of the memory as max_bytes have room for, 16 MiB at least. */
void census_memory_init(struct census_memory *memory, struct heap_memory *heap, uint64_t max_bytes);
void census_memory_clear(struct census_memory *memory);

/* Reads all that the ranges have, from the lowest address on, as long as there is room: then what
 * belongs together is of nearly the same time. */
void census_memory_fetch_all(struct census_memory *memory);

/* Forgets one place, to read it anew. */
void census_memory_refresh(struct census_memory *memory, uint64_t address);

/* false: not all of it is in the ranges, and resident or in a file. */
bool census_memory_read(struct census_memory *memory, uint64_t address, void *to, size_t size);

/* Is there something at an address that cannot be read? */
bool census_memory_is_lost(struct census_memory *memory, uint64_t address);

bool census_memory_u64(struct census_memory *memory, uint64_t address, uint64_t *ret);

#endif
