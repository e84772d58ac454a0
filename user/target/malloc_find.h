/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a C library, or a program that glibc is linked into, has the variables of glibc's malloc,
 * and how they are laid out. No symbol names them in a stripped file.
 */
#ifndef MEMPROBE_MALLOC_FIND_H
#define MEMPROBE_MALLOC_FIND_H

#include <stdint.h>

struct elf_file;

#define MALLOC_NO_FIELD UINT16_MAX

enum malloc_lists {
	LISTS_PLAIN,
	LISTS_MANGLED, /* 2.32: a fast bin's pointers are (place >> 12) ^ pointer */
	LISTS_EITHER,  /* the file does not say */
};

/* Offsets in struct malloc_state and in struct malloc_par. */
struct malloc_layout {
	uint64_t main_arena; /* file addresses */
	uint64_t parameters; /* 0: not found */
	uint16_t fastbins;   /* MALLOC_NO_FIELD: it has none */
	uint16_t top, bins, next, system_mem;
	uint16_t mmapped_mem, sbrk_base; /* MALLOC_NO_FIELD: not known */
	uint16_t thp_pagesize;		 /* MALLOC_NO_FIELD: it has none */
	uint16_t heap_info_bytes;	 /* before what a thread's heap holds */
	enum malloc_lists lists;
	uint32_t minor; /* of glibc 2; 0: the file does not say */
};

/* -ENOENT: there is no malloc of glibc in it; other -errno when it cannot be read. */
int malloc_find(struct elf_file *file, struct malloc_layout *ret);

#endif
