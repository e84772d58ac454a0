/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that are stopped for us, from elsewhere than target_freeze.h: should memprobe end
 * before it has let them go on, in any way, a child of ours does. It is told beforehand who may be
 * stopped.
 */
#ifndef MEMPROBE_TARGET_GUARD_H
#define MEMPROBE_TARGET_GUARD_H

#include <sys/types.h>

#define TARGET_GUARD_MAX 1024 /* processes at a time; more are not guarded */

struct target_guard {
	pid_t pid; /* 0: none */
	int pipe;  /* its end is ours */
};

/* 0 or -errno. */
int target_guard_begin(struct target_guard *ret);
/* Before it can be stopped. 0; -errno: the child has ended. */
int target_guard_add(const struct target_guard *guard, pid_t pid);
void target_guard_remove(const struct target_guard *guard, pid_t pid);
/* Lets those go on that still are added, as our end would. */
void target_guard_end(struct target_guard *guard);

#endif
