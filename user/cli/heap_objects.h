/* SPDX-License-Identifier: BSD-2-Clause */
/* The censuses of `memprobe heap --objects`: the first and the last are kept, for what grew. */
#ifndef MEMPROBE_HEAP_OBJECTS_H
#define MEMPROBE_HEAP_OBJECTS_H

#include "census_diff.h"
#include "inspector.h"

/* Zeroed is empty. */
struct heap_objects {
	struct census first, last;
	unsigned int count; /* 1: only the first is there */
};

/* Takes one, with the process stopped for it where that is wanted. 0, or -errno after printing why
 * not; -ESRCH says nothing. */
int heap_objects_take(struct heap_objects *objects, struct inspector *inspector, pid_t pid,
		      bool is_frozen);
/* The one that was taken last. */
const struct census *heap_objects_last(const struct heap_objects *objects);
/* false: there are no two that were counted. */
bool heap_objects_diff(const struct heap_objects *objects, struct census_diff *ret);
/* It is empty then. */
void heap_objects_free(struct heap_objects *objects);

#endif
