/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in use and what is free inside the allocators of processes: of those that still run when
 * a report is made, at a snapshot or at the end of a capture that ends before they do, and of large
 * ones that end (finalizing.h).
 */
#ifndef MEMPROBE_INSIDES_H
#define MEMPROBE_INSIDES_H

#include "capture_base.h"
#include "flush_listener.h"

#define INSIDES_ONE_NS 500000000ULL /* for one process */

/* Of one that stands still for it. */
void insides_read_one(const struct capture_base *base, uint32_t process, uint64_t budget_ns);
/* Reads those of all that run, for a second at most: the largest first. */
void insides_read(const struct capture_base *base);

/* At the end, before the dump is written. */
struct flush_listener insides_hear_flush(const struct capture_base *base);

#endif
