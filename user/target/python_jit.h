/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a process's CPython runs with its JIT on. */
#ifndef MEMPROBE_PYTHON_JIT_H
#define MEMPROBE_PYTHON_JIT_H

#include <sys/types.h>

enum python_jit {
	PYTHON_JIT_OFF,
	PYTHON_JIT_ON,
	PYTHON_JIT_UNKNOWN, /* its environment may not be read */
};

/*
 * By PYTHON_JIT in the environment that the process was executed with. It says nothing of a build
 * whose JIT is on without it, and -E and -I make Python pass over it: then the answer is a wrong
 * PYTHON_JIT_ON. Of a process that has ended, PYTHON_JIT_OFF.
 */
enum python_jit python_jit_read(pid_t pid);

#endif
