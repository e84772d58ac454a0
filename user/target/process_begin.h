/* SPDX-License-Identifier: BSD-2-Clause */
/* Since when a process has run its program. */
#ifndef MEMPROBE_PROCESS_BEGIN_H
#define MEMPROBE_PROCESS_BEGIN_H

#include <stdint.h>
#include <sys/types.h>

/*
 * The wall clock when it was begun, or before: the kernel does not tell when a process executed
 * what it runs, only when it was forked. One that was only forked runs what its parent does, which
 * may be older by months; of a parent that has ended, what took its child over is older. 0: it is
 * not known.
 */
uint64_t process_program_began(pid_t pid);

#endif
