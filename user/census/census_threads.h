/* SPDX-License-Identifier: BSD-2-Clause */
/* What the threads of a Python hold: locals of their frames, and what their states refer to. */
#ifndef MEMPROBE_CENSUS_THREADS_H
#define MEMPROBE_CENSUS_THREADS_H

#include <sys/types.h>

#include "census_walk.h"

/* Puts the locals of all frames of an interpreter's threads in the queue; `pid` is its process. */
void census_threads_put_frames(struct census_walk *walk, uint64_t interpreter, pid_t pid);
/* The threads' states themselves: exceptions, dicts of thread-local values. */
void census_threads_put_states(struct census_walk *walk, uint64_t interpreter, pid_t pid);

#endif
