/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and texts that the inspecting process finds, in a target's memory and in source files.
 */
#ifndef MEMPROBE_INSPECT_TEXTS_H
#define MEMPROBE_INSPECT_TEXTS_H

#include <memprobe/wire.h>

#include "inspect_request.h"
#include "inspector.h"
#include "python_jit.h"

#define INSPECT_LATER "\xff" /* no text is, for they are UTF-8 */

/*
 * Names that `count` objects of a process bear, up to INSPECT_OBJECT_BATCH: the first of the
 * attributes, parted by commas, that holds a str. ret_names[i] is owned by the caller; NULL: it has
 * none of them, or another object is there by now; INSPECT_LATER: one of them holds no name yet.
 */
int inspect_object_names(struct inspector *inspector, const struct inspect_objects_request *request,
			 char **ret_names);

/* The qualified name of what begins on a line of a source, owned by the caller. -ENOENT: the source
 * has nothing of that name there; -ESTALE: it has changed since the process began; -ENODATA: it
 * cannot be read. */
int inspect_qualified_name(struct inspector *inspector, const struct inspect_name_request *request,
			   char **ret_name);

/* Texts of lines, which ascend: as many as `request` has numbers; and how much of the file was read
 * for them. -ESTALE as above. */
int inspect_source_lines(struct inspector *inspector, const struct inspect_lines_request *request,
			 struct source_line *ret, uint64_t *ret_bytes);

/* Command line and JIT of a process: reading them touches its memory. */
int inspect_process(struct inspector *inspector, pid_t pid, struct inspect_process *ret);

/* python_jit_read; PYTHON_JIT_UNKNOWN also when there is no answer. */
enum python_jit inspect_jit(struct inspector *inspector, pid_t pid);

/* The value of a variable in the environment that a process was executed with, owned by the caller.
 * -ENOENT: it has none, or an empty one. */
int inspect_variable(struct inspector *inspector, pid_t pid, const char *name, char **ret_value);

#endif
