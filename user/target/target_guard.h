/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that are stopped for us, from elsewhere than target_freeze.h: should memprobe end
 * before it has let them go on, in any way, or live and not answer (it may be stopped itself), a
 * child of ours does. It is told beforehand who may be stopped. One that a user has stopped, or
 * wants to stand too, is left as it is.
 */
#ifndef MEMPROBE_TARGET_GUARD_H
#define MEMPROBE_TARGET_GUARD_H

#include <stdint.h>
#include <sys/types.h>

#include <memprobe/limits.h>

struct target_guard {
	pid_t pid; /* 0: none */
	int pipe;  /* its end is ours */
};

/* Who stands for us, as whoever stops them notes it. The child asks too. */
struct target_stops {
	int fd;		  /* which the child keeps open; -1: none */
	uint64_t most_ns; /* so long one stands when its owner does not answer */
	/* By clock_ns(); 0: it does not stand for us. */
	uint64_t (*since_ns)(int fd, pid_t pid);
	void (*forget)(int fd, pid_t pid);
};

/* 0 or -errno. */
int target_guard_begin(const struct target_stops *stops, struct target_guard *ret);
/* Before it can be stopped; MAX_LAST_LOOKS at a time. 0; -errno: the child has ended. */
int target_guard_add(const struct target_guard *guard, pid_t pid);
void target_guard_remove(const struct target_guard *guard, pid_t pid);
/* We are there, and who stands may do so for the same time again. */
void target_guard_answers(const struct target_guard *guard);
/* Lets those go on that still are added, as our end would. */
void target_guard_end(struct target_guard *guard);

#endif
