/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has the BPF side see where code objects end in the processes of a run, so that what it knows of
 * one holds until then. Without, four or five reads of user memory for each frame of each walk tell
 * whether another code object is there by now, because the counter that would say so moves with
 * every change of a dict up to 3.11. Where allocations are followed every process is watched, else
 * one that has walked so often that the BPF side asks for it.
 */
#ifndef MEMPROBE_CODE_WATCH_H
#define MEMPROBE_CODE_WATCH_H

#include "capture_base.h"

struct code_watch;

/* NULL where the kernel has no multi links, which all here accept. */
struct code_watch *code_watch_new(const struct capture_base *base);
/* Leaves to the kernel what is still attached. */
void code_watch_free(struct code_watch *watch);

/* The interpreter of a process is known; NO_LAYOUT: and cannot be walked. */
void code_watch_plan(struct code_watch *watch, uint32_t process, uint32_t layout);

struct drain_listener code_watch_hear_drain(struct code_watch *watch);

#endif
