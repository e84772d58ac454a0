/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernels whose tracepoints can be preempted: from 7.0 on SRCU protects them, no longer preemption
 * that is off (include/linux/tracepoint.h, include/linux/srcu.h: class_srcu_fast_notrace_t).
 *
 * Two programs that are in use on the same CPU at once would share the memory that each CPU has for
 * them. So they hold preemption off while they run, by two kfuncs of 6.10 that libbpf would read
 * all of the kernel's BTF for; here stand marks that the loader replaces, on other kernels by
 * nothing (user/capture/loader_preempt.c). Within a tracepoint that fires under a spinlock, or in
 * code that keeps to what is the task's own, there is no need: note_fault, note_wake.
 *
 * A program that is preempted between the kernel's mark that it runs on this CPU and our hold, or
 * as it ends the hold, keeps the mark for as long as others run there: their events the kernel
 * keeps back from it (bpf_prog_get_recursion_context, include/linux/bpf.h). An event of a counter
 * mostly comes under the lock of a page table, with preemption off. What is rare, and wrong for
 * good when it is lost, the begins and ends of tasks, is offered to two programs: the second takes
 * what the first was kept from, and mostly has nothing to do.
 *
 * Of begins of programs and of ends the first is an event of perf's, which has preemption off
 * itself, the mark included (perf_trace_*, include/trace/perf.h; trace_call_bpf). That is not used
 * alone: whoever looks into a map by a system call has the same mark (bpf_disable_instrumentation),
 * and can be preempted; and its tracepoints have to be found in tracefs. Of forks it does not tell
 * enough.
 */
#ifndef MEMPROBE_PREEMPT_H
#define MEMPROBE_PREEMPT_H

#include <memprobe/wire_preempt.h>

#include "compat.h"

/* Tracepoints can be preempted. */
const volatile bool cfg_preemptible = false;

#ifndef MEMPROBE_HOLD_MARK
#define MEMPROBE_HOLD_MARK(mark) \
	asm volatile("call %0" ::"i"(mark) : "r0", "r1", "r2", "r3", "r4", "r5", "memory")
#endif

/* In a program itself, once, before it touches what the CPU has; balanced at each of its ends. */
static __always_inline void hold_preemption(void)
{
	MEMPROBE_HOLD_MARK(PREEMPT_MARK_HOLD);
}

static __always_inline void end_hold(void)
{
	MEMPROBE_HOLD_MARK(PREEMPT_MARK_END);
}

/* Tasks whose event the first program has, by address of the task, and which event it is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries,
	       1); /* MAX_PREEMPTED where tracepoints can be preempted: set by loader */
	__type(key, __u64);
	__type(value, __u8);
} turns SEC(".maps");

__u64 second_turns[NR_TURNS]; /* events that the second programs took */

/* Tasks are aligned to far more than that. */
static __always_inline __u64 turn_key(enum turn turn)
{
	return bpf_get_current_task() | turn;
}

/* The first program has the event. */
static __always_inline void take_turn(enum turn turn)
{
	__u64 key;
	__u8 taken = 1;

	if (!cfg_preemptible)
		return;
	key = turn_key(turn);
	bpf_map_update_elem(&turns, &key, &taken, BPF_ANY);
}

/* The second program: was the first one kept from it? */
static __always_inline bool is_second_turn(enum turn turn)
{
	__u64 key = turn_key(turn);

	if (!bpf_map_delete_elem(&turns, &key))
		return false;
	__sync_fetch_and_add(&second_turns[turn], 1);
	return true;
}

#endif
