/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the calls of an allocator's functions can be seen, in a file that exports them: a C
 * library, an allocator that takes its place, a program that either was linked into. And in a
 * CPython that was not stripped, those of its own mimalloc. Attaching is capture's work.
 */
#ifndef MEMPROBE_MALLOC_PLAN_H
#define MEMPROBE_MALLOC_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file;

#define MAX_MALLOC_SITES 160 /* all functions that are known */

struct malloc_site {
	/* In the file, of an instruction that runs once a call, of free once a call that frees. The
	 * arguments that the call's
	 * wire_alloc_call tells of are in their registers there, and with a result the return
	 * address is where it is at the entry. */
	uint64_t offset;
	uint32_t call;	       /* enum wire_alloc_call */
	uint8_t has_return;    /* it returns a block: the same place also takes a return probe */
	uint8_t is_slow;       /* the kernel single-steps there */
	uint8_t has_context;   /* another argument comes before these */
	uint8_t is_unfollowed; /* its blocks are counted there, and no more is known of them */
};

struct malloc_plan {
	struct malloc_site sites[MAX_MALLOC_SITES];
	size_t nr_sites;
	char what[256];	     /* for people: "glibc: 9 functions, single-stepped: reallocarray" */
	bool is_slow;	     /* malloc, calloc, realloc or free is single-stepped */
	bool has_unfollowed; /* of some functions blocks are only counted */
	bool has_malloc;     /* it serves malloc */
	bool has_python;     /* CPython's own mimalloc, which serves objects where it is asked to */
	const char *reason;  /* static text: why there is none; NULL with one */
};

/*
 * 0; -ENOENT: the file exports no allocator, or none that can be followed, ret->reason says why;
 * other -errno. Borrows fd.
 */
int malloc_plan_find(int fd, struct malloc_plan *ret);
/* The same of a file that is open, for whatever machine it is. */
int malloc_plan_find_in(struct elf_file *file, struct malloc_plan *ret);

#endif
