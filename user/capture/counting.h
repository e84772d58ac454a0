/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes' calls are counted, from when on and why not: says so in their entries. How
 * probes are attached is calls.c's.
 */
#ifndef MEMPROBE_COUNTING_H
#define MEMPROBE_COUNTING_H

#include "capture_base.h"
#include "flush_listener.h"

struct counting;

/* `is_off`: --calls=off, and the entries say so. */
struct counting *counting_new(const struct capture_base *base, bool is_off);
/* Detaches what is still attached; slow. Accepts NULL. */
void counting_free(struct counting *counting);

/* Before the command runs, so that nothing of its calls is missed: of the interpreter that is
 * expected in it. */
void counting_begin_command(struct counting *counting, uint32_t tgid, uint32_t layout);
/* The interpreter of a process is known; NO_LAYOUT: and cannot be walked. */
void counting_plan(struct counting *counting, uint32_t process, uint32_t layout);

/* What it hears of the drain, and of flushes. */
struct drain_listener counting_hear_drain(struct counting *counting);
struct flush_listener counting_hear_flush(struct counting *counting);

#endif
