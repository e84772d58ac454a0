/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has the BPF side see where code objects end in the processes of a run, so that what it knows of
 * one holds until then. The paths of allocations need it: without, a read of user memory or two for
 * each frame of each walk tells whether another code object is there by now, because the counter
 * that would say so moves with every change of a dict up to 3.11.
 */
#ifndef MEMPROBE_CODE_WATCH_H
#define MEMPROBE_CODE_WATCH_H

#include "capture_base.h"

struct code_watch;

/* NULL where no allocations are followed, which all here accept. */
struct code_watch *code_watch_new(const struct capture_base *base);
/* Leaves to the kernel what is still attached. */
void code_watch_free(struct code_watch *watch);

/* The interpreter of a process is known; NO_LAYOUT: and cannot be walked. */
void code_watch_plan(struct code_watch *watch, uint32_t process, uint32_t layout);

struct drain_listener code_watch_hear_drain(struct code_watch *watch);

#endif
