/* SPDX-License-Identifier: BSD-2-Clause */
/* What would make a process smaller that keeps free memory inside its allocators, if anything. */
#ifndef MEMPROBE_HEAP_CURE_H
#define MEMPROBE_HEAP_CURE_H

#include <stdbool.h>

#include "heap_amounts.h"

enum heap_cure {
	HEAP_CURE_NOTHING,   /* the allocators keep little */
	HEAP_CURE_TRIM,	     /* malloc_trim */
	HEAP_CURE_ARENAS,    /* the same, but fewer arenas would keep less in the first place */
	HEAP_CURE_PINNED,    /* free in malloc between blocks in use */
	HEAP_CURE_SURVIVORS, /* a block in use in each arena of pymalloc */
	HEAP_CURE_PURGE,     /* mimalloc's free pages */
	HEAP_CURE_SPARSE,    /* free in mimalloc's pages beside blocks in use */
	HEAP_CURE_IN_USE,    /* live data, or a true leak */
	HEAP_CURE_ELSEWHERE, /* most of it belongs to no allocator that was read */
	HEAP_CURE_UNKNOWN,   /* an allocator that cannot be read may keep it */
	HEAP_CURE_PARTLY,    /* what was not read may keep it, or have it in use */
	NR_HEAP_CURES,
};

enum heap_cure heap_inside_cure(const struct heap_inside *inside);
/* A word for programs, and a sentence without its end for people. */
const char *heap_cure_name(enum heap_cure cure);
const char *heap_cure_sentence(enum heap_cure cure);

/* Has it an allocator at all, and was one of them read? */
bool heap_inside_is_any(const struct heap_inside *inside);
bool heap_inside_is_read(const struct heap_inside *inside);
/* What the allocators have handed out. */
uint64_t heap_inside_used(const struct heap_inside *inside);
/* What RSS has beside all that the allocators have; negative where blocks were handed out whose
 * pages nobody has touched yet, or that were swapped out. */
int64_t heap_inside_rest(const struct heap_inside *inside);

#endif
