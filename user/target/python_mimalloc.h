/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether CPython's own mimalloc serves its objects and their buffers, from 3.13 on. */
#ifndef MEMPROBE_PYTHON_MIMALLOC_H
#define MEMPROBE_PYTHON_MIMALLOC_H

#include <stdbool.h>
#include <sys/types.h>

#include "process_maps.h"

/* In a free-threaded build it always does. By the names of what the process maps. */
bool python_mimalloc_is_built_in(const struct process_maps *maps);

/*
 * In other builds by PYTHONMALLOC in the environment that the process was executed with. It says
 * nothing of a program that chooses by PyPreConfig, and -E and -I make Python pass over it: then
 * the answer is wrong. The same of what runs no Python. -errno when that cannot be read.
 */
int python_mimalloc_is_asked_for(pid_t pid, bool *ret);

/* Either, as far as it can be read, of a process that maps a file with a Python's name. */
bool python_mimalloc_is_likely(pid_t pid, const struct process_maps *maps);

#endif
