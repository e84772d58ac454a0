/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc/PID/stat says of a process or thread; see proc(5). */
#ifndef MEMPROBE_PROCESS_STAT_H
#define MEMPROBE_PROCESS_STAT_H

#include <sys/types.h>

/* Of the kernel (include/linux/sched.h): it has run no other program since it was forked. */
#define PF_FORKNOEXEC 0x40

struct process_stat {
	char state; /* 'Z' is a zombie, 'T' one that a signal has stopped */
	pid_t ppid, group, session;
	unsigned int flags;	  /* PF_* of the kernel */
	unsigned long faults;	  /* pages that were read in */
	unsigned long ticks;	  /* CPU time, user and system */
	unsigned long long began; /* when it was forked: ticks of CLOCK_BOOTTIME, rounded down */
};

/* 0; -ENOENT: there is none; other -errno. */
int process_stat_read(pid_t pid, struct process_stat *ret);

#endif
