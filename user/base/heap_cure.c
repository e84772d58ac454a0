/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One sentence out of a dozen amounts; see heap_cure.h. What is free in the largest part decides,
 * because another part's cure would not be noticed beside it.
 */
#include "heap_cure.h"

#include <stdbool.h>

/* Below this it is not worth a word: allocators always keep something. */
#define WORTH_BYTES (8UL << 20)
#define WORTH_SHARE 20 /* of RSS: a twentieth */
/* glibc makes an arena for each thread that finds the others taken, up to eight a CPU. A second and
 * third are there in most programs with threads. */
#define MANY_ARENAS 4
/* An interpreter's own files and tables are half of a process of this size. */
#define SMALL_RSS (64UL << 20)

bool heap_inside_is_any(const struct heap_inside *inside)
{
	return inside->malloc_state != HEAP_ABSENT || inside->pymalloc_state != HEAP_ABSENT ||
	       inside->mimalloc_state != HEAP_ABSENT;
}

static bool is_read(uint32_t state)
{
	return state == HEAP_READ || state == HEAP_PARTLY;
}

bool heap_inside_is_read(const struct heap_inside *inside)
{
	return is_read(inside->malloc_state) || is_read(inside->pymalloc_state) ||
	       is_read(inside->mimalloc_state);
}

uint64_t heap_inside_used(const struct heap_inside *inside)
{
	return inside->malloc_used + inside->malloc_mapped + inside->pymalloc_used +
	       inside->mimalloc_used;
}

static uint64_t minus(uint64_t bytes, uint64_t less)
{
	return bytes > less ? bytes - less : 0;
}

int64_t heap_inside_rest(const struct heap_inside *inside)
{
	uint64_t kept = minus(inside->malloc_free, inside->malloc_free_absent) +
			inside->pymalloc_free + inside->mimalloc_free;

	return (int64_t)(inside->rss - heap_inside_used(inside) - kept);
}

static bool is_unknown(const struct heap_inside *inside)
{
	return inside->malloc_state == HEAP_UNKNOWN || inside->mimalloc_state == HEAP_UNKNOWN ||
	       inside->pymalloc_state == HEAP_UNKNOWN;
}

static bool is_partly(const struct heap_inside *inside)
{
	return inside->malloc_state == HEAP_PARTLY || inside->mimalloc_state == HEAP_PARTLY ||
	       inside->pymalloc_state == HEAP_PARTLY;
}

/* Where malloc was read in part: what may be free in it beside what was found, and nobody knows
 * how. In use is all that was not seen to be free, and arenas that were not reached are nowhere. */
static uint64_t doubt_of_malloc(const struct heap_inside *inside)
{
	int64_t rest = heap_inside_rest(inside);
	uint64_t known = inside->files + inside->shared + inside->stacks;

	if (inside->malloc_state != HEAP_PARTLY)
		return 0;
	return inside->malloc_used + (rest > 0 ? minus((uint64_t)rest, known) : 0);
}

static enum heap_cure cure_of_malloc(const struct heap_inside *inside, uint64_t pages,
				     uint64_t doubt)
{
	uint64_t pinned = minus(inside->malloc_free, inside->malloc_free_absent + pages);
	bool has_many = inside->nr_arenas >= MANY_ARENAS &&
			inside->malloc_free_threads >= (inside->malloc_free + doubt) / 2;

	/* What is pinned in many arenas is mostly the tops of threads' arenas, which malloc_trim
	 * leaves alone. */
	if (has_many)
		return HEAP_CURE_ARENAS;
	if (pages >= pinned + doubt)
		return HEAP_CURE_TRIM;
	return pinned >= pages + doubt ? HEAP_CURE_PINNED : HEAP_CURE_PARTLY;
}

/* A page of mimalloc's is 64 KiB or more, and goes back as a whole. */
static enum heap_cure cure_of_mimalloc(const struct heap_inside *inside)
{
	uint64_t beside = minus(inside->mimalloc_free, inside->mimalloc_free_pages);

	return inside->mimalloc_free_pages >= beside ? HEAP_CURE_PURGE : HEAP_CURE_SPARSE;
}

/* Nothing that is free is worth a word. */
static enum heap_cure cure_of_the_rest(const struct heap_inside *inside)
{
	int64_t half = (int64_t)(inside->rss / 2);

	if (is_unknown(inside))
		return HEAP_CURE_UNKNOWN;
	if (is_partly(inside))
		return HEAP_CURE_PARTLY;
	if (inside->rss < SMALL_RSS)
		return HEAP_CURE_NOTHING;
	if ((int64_t)heap_inside_used(inside) >= half)
		return HEAP_CURE_IN_USE;
	return heap_inside_rest(inside) >= half ? HEAP_CURE_ELSEWHERE : HEAP_CURE_NOTHING;
}

enum heap_cure heap_inside_cure(const struct heap_inside *inside)
{
	uint64_t share = inside->rss / WORTH_SHARE;
	uint64_t worth = share > WORTH_BYTES ? share : WORTH_BYTES;
	uint64_t in_malloc = minus(inside->malloc_free, inside->malloc_free_absent);
	uint64_t others = inside->pymalloc_free > inside->mimalloc_free ? inside->pymalloc_free
									: inside->mimalloc_free;
	uint64_t doubt = doubt_of_malloc(inside);

	if (in_malloc >= worth && in_malloc >= others)
		return cure_of_malloc(inside, inside->malloc_free_pages, doubt);
	/* It may keep more than the others. */
	if (doubt && in_malloc + doubt > others)
		return cure_of_the_rest(inside);
	if (inside->pymalloc_free >= worth && inside->pymalloc_free >= inside->mimalloc_free)
		return HEAP_CURE_SURVIVORS;
	if (inside->mimalloc_free >= worth)
		return cure_of_mimalloc(inside);
	return cure_of_the_rest(inside);
}

/*
 * A sentence may promise only what the amounts tell. MALLOC_TRIM_THRESHOLD_ is of what is free at
 * the end of the heap, which is not read apart: with 4096 a process that kept 71 MB between blocks
 * in use kept the same. Fewer arenas help where threads were at their peaks in turn: 64 threads
 * that each kept every third block had 49.9 MB free in 65 arenas, and 48.9 in two.
 */
static const struct {
	const char *name, *sentence;
} cures[NR_HEAP_CURES] = {
	[HEAP_CURE_NOTHING] = { "nothing", "nothing to gain, the allocators keep little" },
	[HEAP_CURE_TRIM] = { "malloc_trim",
			     "malloc_trim(0) would give back most of what malloc keeps" },
	[HEAP_CURE_ARENAS] = { "arenas",
			       "fewer arenas may keep less free in malloc (MALLOC_ARENA_MAX=2), "
			       "and malloc_trim(0) gives back the whole pages" },
	[HEAP_CURE_PINNED] = { "pinned",
			       "most of what is free in malloc is in one page with blocks in use, "
			       "or at the end of a thread's arena: malloc_trim(0) gives back only "
			       "the whole pages; new blocks will use the rest" },
	[HEAP_CURE_SURVIVORS] = { "survivors",
				  "a block in use in each of pymalloc's arenas keeps what is free "
				  "beside it; new objects will use it" },
	[HEAP_CURE_PURGE] = { "mimalloc",
			      "most of it is in pages of mimalloc's without a block in use, which "
			      "MIMALLOC_PURGE_DELAY=0 (2.0: MIMALLOC_DECOMMIT_DELAY=0) gives back "
			      "at once" },
	[HEAP_CURE_SPARSE] = { "sparse",
			       "most of what is free in mimalloc is in pages with blocks in use: "
			       "MIMALLOC_PURGE_DELAY=0 (2.0: MIMALLOC_DECOMMIT_DELAY=0) gives back "
			       "only the whole pages; new blocks of the same sizes will use the "
			       "rest" },
	[HEAP_CURE_IN_USE] = { "in use", "it is in use: live data, or a leak" },
	[HEAP_CURE_ELSEWHERE] = { "elsewhere",
				  "most of it is in none of these allocators: mapped files, shared "
				  "memory, stacks, or what a library maps by itself" },
	[HEAP_CURE_UNKNOWN] = { "unknown",
				"an allocator that cannot be read may keep what is free" },
	[HEAP_CURE_PARTLY] = { "partly",
			       "the allocators were read only in part, so where most of it is "
			       "cannot be said" },
};

const char *heap_cure_name(enum heap_cure cure)
{
	return cures[cure].name;
}

const char *heap_cure_sentence(enum heap_cure cure)
{
	return cures[cure].sentence;
}
