/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches the programs that follow allocations to the allocators of the processes of a run, one at
 * a time and never system-wide, as calls.h does with calls. Where they go is target's malloc_plan.
 */
#ifndef MEMPROBE_ALLOCS_H
#define MEMPROBE_ALLOCS_H

#include "capture_base.h"
#include "flush_listener.h"

struct allocs;

/* NULL where they are not followed, which all here accept. */
struct allocs *allocs_new(const struct capture_base *base);
/* Leaves to the kernel what is still attached. */
void allocs_free(struct allocs *allocs);

/* Before the command runs, so that none of its allocations is missed: in the files that its exec of
 * `path` will map. */
void allocs_begin_command(struct allocs *allocs, uint32_t tgid, const char *path);

struct drain_listener allocs_hear_drain(struct allocs *allocs);
struct flush_listener allocs_hear_flush(struct allocs *allocs);

#endif
