/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a process's CPython runs with its JIT on. */
#ifndef MEMPROBE_PYTHON_JIT_H
#define MEMPROBE_PYTHON_JIT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * By PYTHON_JIT in the environment that the process was executed with. It says nothing of a build
 * whose JIT is on without it, and -E and -I make Python pass over it: then the answer is a wrong
 * yes.
 */
bool python_jit_is_on(pid_t pid);

#endif
