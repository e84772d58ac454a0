/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files a process has its allocators in, or a command will have: the C library, and what
 * takes its place. What is inside a file is left to malloc_plan.c.
 */
#ifndef MEMPROBE_MALLOC_PLACE_H
#define MEMPROBE_MALLOC_PLACE_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include "hash_table.h"
#include "malloc_plan.h"
#include "process_maps.h"

#define MAX_MALLOC_FILES 4 /* of one process */

struct malloc_file {
	struct file_identity file;
	int64_t changed_ns;	 /* as of which the plan is true (file_change.h) */
	struct malloc_plan plan; /* there is one */
	char path[PATH_MAX];	 /* as maps prints it, or as it was found; "" if that is too long */
};

/* Remembers which files export no allocator, as they were then. Begins as { 0 }. */
struct malloc_places {
	struct hash_table others;
};

/*
 * The files with an allocator among the executable mappings of a process, as many as there is room
 * for; 0 of them: none (yet). 0; -ESRCH; -EACCES; other -errno.
 */
int malloc_place_find(struct malloc_places *places, pid_t pid, struct malloc_file *ret,
		      size_t *ret_count);

/*
 * Those that an exec of `path` is going to map, as far as can be foreseen: itself when it is
 * static, its C library, what it needs beside that, and what `preload` (LD_PRELOAD, NULL) names. Of
 * a script, the machine's usual C library.
 */
void malloc_place_foresee(const char *path, const char *preload, struct malloc_file *ret,
			  size_t *ret_count);

/* The same of a process whose loader may still be at work; its paths are looked up in its root. */
void malloc_place_foresee_process(pid_t pid, struct malloc_file *ret, size_t *ret_count);

#endif
