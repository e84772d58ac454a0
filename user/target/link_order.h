/* SPDX-License-Identifier: BSD-2-Clause */
/* The files in which a process's dynamic loader looks symbols up, in that order: glibc's link map.
 */
#ifndef MEMPROBE_LINK_ORDER_H
#define MEMPROBE_LINK_ORDER_H

#include <stdbool.h>

#include "process_maps.h"
#include "process_memory.h"

/* Is it glibc's loader, by the name of its file? */
bool link_order_is_loader(const char *name);

/*
 * Calls visit with a mapping of each file until it returns false: the program, what is preloaded,
 * what these need, and what was opened later. 0; -ENOENT: no loader that is known; other -errno:
 * its list cannot be read, or not to its end.
 */
int link_order_visit(struct process_memory *memory, const struct process_maps *maps,
		     bool (*visit)(const struct process_mapping *mapping, void *context),
		     void *context);

#endif
