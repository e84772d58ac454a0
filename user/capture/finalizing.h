/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Last looks: into each Python that ends, right before its runtime is taken down. The BPF side
 * stops it there (SIGSTOP), and it goes on once what is inside its allocators, and with --objects
 * its objects, have been read; also when memprobe ends in the middle of it. When nobody asked for
 * it (--allocs, --objects) only those that have become large are: attaching costs more than a small
 * one has to tell.
 */
#ifndef MEMPROBE_FINALIZING_H
#define MEMPROBE_FINALIZING_H

#include <stdbool.h>

#include "capture_base.h"
#include "censuses.h"
#include "drain_listener.h"
#include "flush_listener.h"

struct finalizing;

/* is_asked: all processes, however small. Borrows both. */
struct finalizing *finalizing_new(const struct capture_base *base, const struct censuses *censuses,
				  bool is_asked);
void finalizing_free(struct finalizing *finalizing); /* accepts NULL */

/* A process's interpreter has been found. layout: NO_LAYOUT when it cannot be walked. */
void finalizing_plan(struct finalizing *finalizing, uint32_t process, uint32_t layout);
/* The command, before it runs, when its interpreter is expected: it may be a short one. */
void finalizing_begin_command(struct finalizing *finalizing, uint32_t tgid, uint32_t layout);

struct drain_listener finalizing_hear_drain(struct finalizing *finalizing);
struct flush_listener finalizing_hear_flush(struct finalizing *finalizing);

#endif
