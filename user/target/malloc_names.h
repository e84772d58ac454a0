/* SPDX-License-Identifier: BSD-2-Clause */
/* The names under which allocators export functions, what these are, and what is known of them. */
#ifndef MEMPROBE_MALLOC_NAMES_H
#define MEMPROBE_MALLOC_NAMES_H

#include <stdint.h>

#define NR_MALLOC_NAMES 136
#define NR_MALLOC_PYTHON_NAMES 12

enum malloc_trait {
	MALLOC_IS_HOT = 1,	/* many programs call it often */
	MALLOC_WRAPS = 2,	/* it may do no more than hand on to another of these */
	MALLOC_HAS_CONTEXT = 4, /* another argument comes before those of its wire_alloc_call */
	MALLOC_UNFOLLOWED = 8,	/* its blocks can only be counted */
};

struct malloc_name {
	const char *name;
	uint8_t call;	/* enum wire_alloc_call */
	uint8_t traits; /* enum malloc_trait */
};

extern const struct malloc_name malloc_names[NR_MALLOC_NAMES];
extern const struct malloc_name malloc_python_names[NR_MALLOC_PYTHON_NAMES];

#endif
