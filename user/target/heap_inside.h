/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a process's memory is in use inside its allocators, and how much they keep though it
 * is free: glibc's malloc, pymalloc, mimalloc. Read from outside, of resident pages only; the
 * process is neither stopped nor written to, so that what is read may be torn by what it does
 * meanwhile. Then it is read again, and what does not hold together even then is counted.
 */
#ifndef MEMPROBE_HEAP_INSIDE_H
#define MEMPROBE_HEAP_INSIDE_H

#include <stdint.h>
#include <sys/types.h>

enum heap_state {
	HEAP_ABSENT,  /* the process does not have this allocator */
	HEAP_READ,    /* all of it was read, and held together */
	HEAP_PARTLY,  /* torn, or out of time: the figures are bounds */
	HEAP_UNKNOWN, /* it has one that cannot be read */
};

#define HEAP_NAME_BYTES 32

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
	uint64_t malloc_free_pages; /* whole resident pages that malloc_trim would give back */
	/* As sys._debugmallocstats() has them, of pools whose first page is resident: blocks in use
	 * and blocks that are not. Free pools are all free blocks; arenas without a block in use
	 * are rare, since CPython unmaps them. */
	uint64_t pymalloc_used, pymalloc_free, pymalloc_free_pools, pymalloc_free_arenas;
	uint64_t pymalloc_nr_arenas;
	uint64_t mimalloc_used, mimalloc_free;
	uint64_t torn; /* how many chunks, lists, pools did not hold together */
	uint64_t rss;  /* at the reading */
};

/* 0 within about `budget_ns`. -ESRCH: no such process; another -errno when it cannot be read at
 * all. */
int heap_inside_read(pid_t pid, uint64_t budget_ns, struct heap_inside *ret);

/* What can be done about what is free inside, in one sentence without a period. */
const char *heap_inside_cure(const struct heap_inside *inside);

#endif
