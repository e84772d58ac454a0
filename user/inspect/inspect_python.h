/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions about interpreters, answered by the inspecting process and checked here. As the
 * functions of python_place.h, whose work is done there; beside their errors those of
 * inspector_ask().
 */
#ifndef MEMPROBE_INSPECT_PYTHON_H
#define MEMPROBE_INSPECT_PYTHON_H

#include "inspector.h"
#include "interpreter_cache.h"
#include "python_frames.h"
#include "python_place.h"

/* python_place_find; the interpreter goes into our own cache. */
int inspect_place(struct inspector *inspector, pid_t pid, struct interpreter_cache *cache,
		  struct python_place *ret);
/* python_place_foresee; the same. -ESRCH: what is at `path` is not `program` (NULL: whatever). */
int inspect_foresee(struct inspector *inspector, const char *path, const char *path_list,
		    const struct file_identity *program, struct interpreter_cache *cache);
/* python_place_open: an open regular file. -EOPNOTSUPP: attaching to it could block. */
int inspect_file(struct inspector *inspector, pid_t pid, struct file_identity file);
/* The same, or at its path in the process's root, where it is not mapped yet. */
int inspect_file_at(struct inspector *inspector, pid_t pid, struct file_identity file,
		    const char *path);
/* python_frames_read: owned by the caller. Returns how many, MAX_STANDING at most; -EACCES and
 * -EPERM as process_memory_open(). */
int inspect_frames(struct inspector *inspector, pid_t pid, uint64_t bias,
		   const struct wire_layout *layout, struct python_frame **ret);

/* What a code object in a process says of itself. Texts are UTF-8, "" where they cannot be read. */
struct inspected_code {
	int32_t line;
	uint32_t flags;	   /* co_flags */
	char *file, *name; /* owned */
};

int inspect_code(struct inspector *inspector, pid_t pid, const struct wire_layout *layout,
		 uint64_t code, struct inspected_code *ret);
/* Frees what it owns, and leaves it empty. */
void inspected_code_clear(struct inspected_code *code);

#endif
