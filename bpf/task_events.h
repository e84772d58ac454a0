/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of tasks, and the programs for that where tracepoints can be preempted: preempt.h.
 */
#ifndef MEMPROBE_TASK_EVENTS_H
#define MEMPROBE_TASK_EVENTS_H

#include "last_paths.h"
#include "preempt.h"
#include "unwind_files.h"

static __always_inline void on_begun_program(__u64 former_tid)
{
	on_own_exec(former_tid);
	if (cfg_native)
		expect_program();
}

/* Room was found for a mapping. */
static __always_inline void on_room(__u64 address, __u64 info)
{
	if (cfg_owners)
		note_mapping(address, info);
	if (cfg_native)
		expect_library(address);
}

/* sched_process_exit, sched_prepare_exec or sched_process_exec: the current task exits, is about to
 * begin a program, which the kernel has at `detail`, or has begun one, before which its number was
 * `detail`. */
static __always_inline void on_own_event(__u64 detail)
{
	if (!(READ_CURRENT(flags) & PF_EXITING) && (__s64)detail >= 0)
		on_begun_program(detail);
	else if (cfg_last_paths)
		note_last_path();
}

/* The same events where tracepoints can be preempted: who is in one of them keeps no other kind. */
SEC("?raw_tp")
int BPF_PROG(mapping_percpu, __u64 address, __u64 info)
{
	hold_preemption();
	if (IS_USER_ADDRESS(address))
		on_room(address, info);
	end_hold();
	return 0;
}

/* By way of perf's events: preempt.h. */
SEC("?tp")
int exec_traced(struct trace_event_raw_sched_process_exec *context)
{
	take_turn(TURN_OWN);
	on_begun_program(context->old_pid);
	return 0;
}

SEC("?tp")
int left_traced(void *context)
{
	take_turn(TURN_OWN);
	note_last_path();
	return 0;
}

SEC("?tp")
int exit_traced(void *context)
{
	take_turn(TURN_EXIT);
	on_exit(bpf_get_current_task_btf(), true);
	return 0;
}

/* What those were kept from. */
SEC("?raw_tp")
int BPF_PROG(own_again, __u64 unused, __u64 detail)
{
	hold_preemption();
	if (is_second_turn(TURN_OWN))
		on_own_event(detail);
	end_hold();
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_again, struct task_struct *parent, struct task_struct *child)
{
	hold_preemption();
	if (is_second_turn(TURN_FORK))
		on_fork(parent, child, true);
	end_hold();
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(exit_again, struct task_struct *task)
{
	hold_preemption();
	if (is_second_turn(TURN_EXIT))
		on_exit(task, true);
	end_hold();
	return 0;
}

#endif
