/* SPDX-License-Identifier: BSD-2-Clause */
/* What people have to know of an allocator that is followed: each once a run. */
#ifndef MEMPROBE_ALLOC_LIMITS_H
#define MEMPROBE_ALLOC_LIMITS_H

#include <stdbool.h>

#include "malloc_place.h"

/* What was said. Begins as { 0 }. */
struct alloc_limits {
	bool is_slow, has_unfollowed;
};

/* `waits`: what is said has to wait for the run's end. */
void alloc_limits_tell(struct alloc_limits *told, bool waits, const struct malloc_file *file);

#endif
