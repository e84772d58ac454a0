/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memprobe was started with and changes for itself: the command gets it as it was, so that it
 * behaves as in a plain run. All else (descriptors, umask, groups of processes) goes through
 * fork and exec untouched.
 */
#ifndef MEMPROBE_INHERITED_H
#define MEMPROBE_INHERITED_H

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

struct inherited {
	sigset_t mask;
	sigset_t ignored; /* signals whose disposition was SIG_IGN: only that survives an exec */
	struct rlimit locked, files;   /* RLIMIT_MEMLOCK, RLIMIT_NOFILE: the loader raises them */
	struct rlimit data, addresses; /* RLIMIT_DATA, RLIMIT_AS */
	int death_signal;	       /* PR_GET_PDEATHSIG */
	int nice;
	uint64_t slice_ns; /* what the scheduler gives in one go; 0: not told, as before 6.12 */
};

/* To be called before anything of it is changed. */
void inherited_read(struct inherited *ret);

/* A process of 20 ms on a busy machine has ended before one that waits its turn has looked at it.
 * Who asks for a short slice is let in at once when it wakes up (6.12, 85e511df3cec), though for no
 * more of the CPU in all. Does nothing where that is not allowed. */
void inherited_raise_priority(const struct inherited *inherited);
void inherited_restore_priority(const struct inherited *inherited);

/* A soft limit of memory is the command's: what is kept of it takes memory of its own, and without
 * any more the dump is lost. Hard ones stay. */
void inherited_raise_memory(const struct inherited *inherited);

/* In a forked child, as the user who memprobe is: the limits, which only root may lower and
 * raise at will. */
void inherited_restore_limits(const struct inherited *inherited);
/* In a forked child, as whom it is to run: a change of user clears the death signal. */
void inherited_restore_signals(const struct inherited *inherited);

#endif
