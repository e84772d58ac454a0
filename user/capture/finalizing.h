/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Last censuses (--objects): of each Python that ends, right before its runtime is taken down. The
 * BPF side stops it there (SIGSTOP), and it goes on once its objects and what is inside its
 * allocators have been read; also when memprobe ends in the middle of it.
 */
#ifndef MEMPROBE_FINALIZING_H
#define MEMPROBE_FINALIZING_H

#include "capture_base.h"
#include "censuses.h"
#include "drain_listener.h"

struct finalizing;

/* NULL where it cannot be; all others then do nothing. Borrows both. */
struct finalizing *finalizing_new(const struct capture_base *base, const struct censuses *censuses);
void finalizing_free(struct finalizing *finalizing);

/* A process's interpreter has been found. layout: NO_LAYOUT when it cannot be walked. */
void finalizing_plan(struct finalizing *finalizing, uint32_t process, uint32_t layout);
/* The command, before it runs, when its interpreter is expected: it may be a short one. */
void finalizing_begin_command(struct finalizing *finalizing, uint32_t tgid, uint32_t layout);

/* Nothing is stopped any more; of what was the records are still to be drained. */
void finalizing_stop(struct finalizing *finalizing);

struct drain_listener finalizing_hear_drain(struct finalizing *finalizing);

#endif
