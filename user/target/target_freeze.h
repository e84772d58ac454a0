/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stops a process for a while. A child of ours traces all of its threads: should memprobe or the
 * child be killed, at any moment and in any way, the kernel lets them go on. A SIGSTOP would stay,
 * and be seen by the process's parent.
 */
#ifndef MEMPROBE_TARGET_FREEZE_H
#define MEMPROBE_TARGET_FREEZE_H

#include <stdint.h>
#include <sys/types.h>

/* While it stands: who traces, and the pipe whose end lets go. */
struct target_freeze {
	pid_t tracer;
	int pipe;
	uint64_t begin_ns;
};

/* 0: all of its threads stand. -EPERM: it is being traced, or the right is missing; -ESRCH, or what
 * failed. It goes on by itself after some time, whatever we do. */
int target_freeze_begin(pid_t pid, struct target_freeze *ret);

/* Lets it go on; how long it stood. */
uint64_t target_freeze_end(struct target_freeze *freeze);

#endif
