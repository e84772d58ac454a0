/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that an allocator may have its blocks in, as the readers of allocators see it: private
 * readable mappings without a file, of which only resident pages are read. What is resident is
 * looked up for many pages at a time and remembered: a reading takes about a second. Every pointer
 * of a target passes here, so that none leads anywhere else.
 */
#ifndef MEMPROBE_HEAP_MEMORY_H
#define MEMPROBE_HEAP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_PAGE_BYTES 4096UL /* the least that kernels have; a page may be several */
#define HEAP_WINDOW_PAGES 4096UL
#define HEAP_WINDOW_WORDS (HEAP_WINDOW_PAGES / 64)
#define HEAP_NR_WINDOWS 256 /* of 16 MiB each: 4 GiB of a heap, without looking again */

struct heap_range {
	uint64_t start, end;
	bool is_brk; /* sbrk's, which only malloc uses: pymalloc takes arenas from mmap */
};

/*
 * A bit for each of HEAP_WINDOW_PAGES pages. What was read and never written is the kernel's zero
 * page, which is there and can be read, and is in no RSS; `may_be_zero` are bits of pages that are
 * there, too.
 */
struct heap_pages {
	uint64_t present[HEAP_WINDOW_WORDS], may_be_zero[HEAP_WINDOW_WORDS];
};

/* Where the bytes come from: a process, or a test. */
struct heap_source {
	/* All bytes (0) or -errno. */
	int (*read)(void *context, uint64_t address, void *to, size_t size);
	/* The same of a part of one page that is not there. -ENXIO: nothing has ever been there.
	 * NULL: nothing is known of such. */
	int (*read_absent)(void *context, uint64_t address, void *to, size_t size);
	/* The pages from this one on. */
	void (*look)(void *context, uint64_t first_page, struct heap_pages *ret);
	/* Clears bits of may_be_zero where it is not. NULL: none is set. */
	void (*find_zero)(void *context, uint64_t first_page, struct heap_pages *pages);
	/* The first page from `page` on that is there, or one before it; `last`: none below it.
	 * NULL: nothing is faster than to look. */
	uint64_t (*skip)(void *context, uint64_t page, uint64_t last);
	void *context;
	/* Lets whose memory it is go on for a while. NULL: it does not change by itself. */
	void (*pause)(void *context, uint64_t ns);
};

struct heap_window {
	uint64_t number; /* plus 1; 0: unused */
	struct heap_pages pages;
	bool has_zero; /* may_be_zero are those that are */
};

struct heap_memory {
	struct heap_source source;
	struct heap_range *ranges; /* ascending; owned */
	size_t nr_ranges, capacity;
	uint64_t most_bytes;  /* that allocators can have: the ranges, and what is closed */
	uint64_t deadline_ns; /* by clock_ns */
	bool is_late;	      /* the deadline has passed, and somebody noticed */
	struct heap_window windows[HEAP_NR_WINDOWS];
};

/* Borrows what the source needs. Without ranges until some are added. */
struct heap_memory *heap_memory_new(const struct heap_source *source, uint64_t deadline_ns);
void heap_memory_free(struct heap_memory *memory);
void heap_memory_freep(struct heap_memory **memory);
/* Above all that were added before, or it is left out. One that continues the last and is like it
 * is joined. */
void heap_memory_add(struct heap_memory *memory, struct heap_range range);

/* Memory that may be an allocator's, but that nobody may read by now (mprotect). */
void heap_memory_add_closed(struct heap_memory *memory, uint64_t bytes);

/* The range that has the address, NULL: none. */
const struct heap_range *heap_memory_range(const struct heap_memory *memory, uint64_t address);
/* Looks again at what is resident. */
void heap_memory_forget(struct heap_memory *memory);
/* Begins with time anew: until `deadline_ns`. */
void heap_memory_set_deadline(struct heap_memory *memory, uint64_t deadline_ns);
/* Has the time run out? To be asked in every loop. */
bool heap_memory_is_late(struct heap_memory *memory);
/* Nanoseconds until then. */
uint64_t heap_memory_time_left(const struct heap_memory *memory);
void heap_memory_pause(const struct heap_memory *memory, uint64_t ns);

bool heap_memory_is_resident(struct heap_memory *memory, uint64_t address);
/* The first resident page from `address` on, both multiples of a page; `end`: none below it, or the
 * time has run out. Terabytes may be reserved that nobody has touched. */
uint64_t heap_memory_next(struct heap_memory *memory, uint64_t address, uint64_t end);
/* What RSS has of the pages from `start` to `end`, which are multiples of a page. */
uint64_t heap_memory_resident_bytes(struct heap_memory *memory, uint64_t start, uint64_t end);

/* Of one page that is not resident, the same as of its source; see there. */
int heap_memory_read_absent(struct heap_memory *memory, uint64_t address, void *to, size_t size);

/* -EFAULT: not all inside a range; -ENODATA: not all resident; else as the source says. */
int heap_memory_read(struct heap_memory *memory, uint64_t address, void *to, size_t size);
/* The same of a file's variables and constants, which are in no range; -ENODATA: not all resident,
 * nor in the file. */
int heap_memory_read_variable(struct heap_memory *memory, uint64_t address, void *to, size_t size);

#endif
