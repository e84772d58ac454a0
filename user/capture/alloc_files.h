/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocators' files of a run, by number. */
#ifndef MEMPROBE_ALLOC_FILES_H
#define MEMPROBE_ALLOC_FILES_H

#include "inspect_malloc.h"
#include "inspector.h"

#define MAX_ALLOC_FILES 64 /* that are known; more have no system's processes */

struct alloc_file {
	struct malloc_file found;
	int fd; /* as a process maps it, -1: it is at found.path */
};

/* Begins as { 0 }. What a number leads to stays where it is. */
struct alloc_files {
	struct alloc_file *all[MAX_ALLOC_FILES];
	size_t count;
};

void alloc_files_clear(struct alloc_files *files);

/* Its number, of this build of it, or MAX_ALLOC_FILES where it cannot be had. pid 0: it is at its
 * path in our own root. */
size_t alloc_files_know(struct alloc_files *files, struct inspector *inspector,
			const struct malloc_file *found, uint32_t pid);

/* Two builds that one file was, or is. */
bool alloc_files_are_one(const struct alloc_files *files, size_t one, size_t other);

/* Is it the same build yet, as a process that maps it shows? */
bool alloc_files_renew(struct alloc_files *files, size_t file, struct inspector *inspector,
		       uint32_t pid);

#endif
