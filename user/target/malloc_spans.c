/* SPDX-License-Identifier: BSD-2-Clause */
/* Free chunks of an arena by address; see malloc_spans.h. */
#include "malloc_spans.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

void malloc_spans_clear(struct malloc_spans *spans)
{
	free(spans->spans);
	*spans = (struct malloc_spans){ 0 };
}

void malloc_spans_add(struct malloc_spans *spans, uint64_t start, uint64_t size)
{
	spans->spans = array_reserve(spans->spans, &spans->capacity, spans->count + 1,
				     sizeof(*spans->spans));
	spans->spans[spans->count++] = (struct malloc_span){ start, size };
}

void malloc_spans_keep(struct malloc_spans *spans, size_t begin, size_t from)
{
	if (begin == from)
		return;
	memmove(spans->spans + begin, spans->spans + from,
		(spans->count - from) * sizeof(*spans->spans));
	spans->count -= from - begin;
}

static int compare(const void *a, const void *b)
{
	const struct malloc_span *one = a, *other = b;

	return (one->start > other->start) - (one->start < other->start);
}

void malloc_spans_sort(struct malloc_spans *spans)
{
	if (spans->count)
		qsort(spans->spans, spans->count, sizeof(*spans->spans), compare);
}

size_t malloc_spans_find(const struct malloc_spans *spans, uint64_t address)
{
	size_t low = 0, high = spans->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->spans[middle].start < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of two that overlap, which a target's changes make, each byte counts once. */
void malloc_run_add(const struct malloc_arena *arena, struct malloc_run *run, uint64_t start,
		    uint64_t size, struct malloc_free *sums)
{
	if (start > run->end) {
		malloc_run_end(arena, run, sums);
		run->start = start;
	}
	if (start + size > run->end)
		run->end = start + size;
}

/* What adjoins the top becomes part of it (_int_free, malloc_consolidate). */
void malloc_run_end(const struct malloc_arena *arena, struct malloc_run *run,
		    struct malloc_free *sums)
{
	if (run->start && run->end == arena->top)
		sums->top = run->start;
	else if (run->start)
		malloc_arena_add_pages(arena, run->start, run->end - run->start, sums);
	*run = (struct malloc_run){ 0 };
}

void malloc_spans_pages(const struct malloc_arena *arena, const struct malloc_spans *spans,
			struct malloc_free *sums)
{
	struct malloc_run run = { 0 };

	for (size_t i = 0; i < spans->count; i++)
		malloc_run_add(arena, &run, spans->spans[i].start, spans->spans[i].size, sums);
	malloc_run_end(arena, &run, sums);
}
