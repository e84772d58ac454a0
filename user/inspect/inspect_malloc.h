/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions about allocators, answered by the inspecting process and checked here: the functions of
 * malloc_place.h, with the errors of inspector_ask() beside theirs.
 */
#ifndef MEMPROBE_INSPECT_MALLOC_H
#define MEMPROBE_INSPECT_MALLOC_H

#include "inspector.h"
#include "malloc_place.h"

/* Up to MAX_MALLOC_FILES. */
int inspect_malloc(struct inspector *inspector, pid_t pid, struct malloc_file *ret,
		   size_t *ret_count);
int inspect_malloc_loading(struct inspector *inspector, pid_t pid, struct malloc_file *ret,
			   size_t *ret_count);
/* -ENAMETOOLONG: of the path. */
int inspect_malloc_foresee(struct inspector *inspector, const char *path, const char *preload,
			   struct malloc_file *ret, size_t *ret_count);
/* Does its Python's own mimalloc serve the objects of a process (python_mimalloc.h)? */
int inspect_mimalloc(struct inspector *inspector, pid_t pid, bool *ret_has);

#endif
