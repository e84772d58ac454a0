/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free chunks by address, and what malloc_trim would make of them: it first brings those of the
 * fast bins together with what is free beside them (malloc_consolidate).
 */
#ifndef MEMPROBE_MALLOC_SPANS_H
#define MEMPROBE_MALLOC_SPANS_H

#include "malloc_arena.h"

struct malloc_span {
	uint64_t start, size;
};

/* Begins as { 0 }; owns its spans. */
struct malloc_spans {
	struct malloc_span *spans;
	size_t count, capacity;
};

void malloc_spans_clear(struct malloc_spans *spans);
void malloc_spans_add(struct malloc_spans *spans, uint64_t start, uint64_t size);
/* Of what was added from `begin` on, only that from `from` on stays. */
void malloc_spans_keep(struct malloc_spans *spans, size_t begin, size_t from);
void malloc_spans_sort(struct malloc_spans *spans);
/* The first one that begins at an address or behind it; they are sorted. */
size_t malloc_spans_find(const struct malloc_spans *spans, uint64_t address);

/* Free chunks that adjoin, in ascending order. Begins as { 0 }. */
struct malloc_run {
	uint64_t start, end;
};

void malloc_run_add(const struct malloc_arena *arena, struct malloc_run *run, uint64_t start,
		    uint64_t size, struct malloc_free *sums);
void malloc_run_end(const struct malloc_arena *arena, struct malloc_run *run,
		    struct malloc_free *sums);
/* Whole pages of all spans, which are sorted. */
void malloc_spans_pages(const struct malloc_arena *arena, const struct malloc_spans *spans,
			struct malloc_free *sums);

#endif
