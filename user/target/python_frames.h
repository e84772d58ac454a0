/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frames that stand in a running process: of all threads of all interpreters. Read while it
 * runs, so frames that come or go in these microseconds may be there or not.
 */
#ifndef MEMPROBE_PYTHON_FRAMES_H
#define MEMPROBE_PYTHON_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <memprobe/wire.h>

#include "process_memory.h"

/* Of what a task runs: CO_COROUTINE, CO_ITERABLE_COROUTINE (types.coroutine). */
#define CODE_COROUTINE (0x80 | 0x100)

struct python_frame {
	uint64_t frame;
	uint64_t code;	 /* 0: a shim, no Python */
	uint64_t thread; /* PyThreadState *: frames of one stand together, the leaf first */
	uint64_t tid;	 /* of that, as gettid() says it there; 0: not known */
};

/*
 * Fills in frames, `max` at most, and returns how many. For CPython 3.11 to 3.14 with
 * the GIL, where calls are counted when frames end; 0 for others and for what cannot be read.
 */
size_t python_frames_read(struct process_memory *memory, const struct wire_layout *layout,
			  uint64_t bias, struct python_frame *ret_frames, size_t max);

#endif
