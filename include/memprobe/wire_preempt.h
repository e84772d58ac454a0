/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Marks in our programs where preemption is to be held off: helpers that no kernel has. */
#ifndef MEMPROBE_WIRE_PREEMPT_H
#define MEMPROBE_WIRE_PREEMPT_H

#define PREEMPT_MARK_HOLD 0x6d700001
#define PREEMPT_MARK_END 0x6d700002

/* Which of a task's events two programs are offered. */
enum turn { TURN_OWN, TURN_FORK, TURN_EXIT, NR_TURNS };

#define MAX_PREEMPTED 1024 /* tasks preempted between two programs of one tracepoint */

#endif
