/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What works on this machine and for one interpreter, by what means, and what is missing: tried
 * out, as far as that can be done without running or attaching to anything.
 */
#ifndef MEMPROBE_CHECK_H
#define MEMPROBE_CHECK_H

#include <stdbool.h>
#include <sys/types.h>

#include "sink.h"

/* Each writes lines and returns whether all that it looked at works. */
bool check_machine(struct sink *sink);
/* A program, or a script that will lead to one, by path or as a shell finds it. NULL: python3, if
 * there is one. */
bool check_program(const char *name, struct sink *sink);
bool check_process(pid_t pid, struct sink *sink);

#endif
