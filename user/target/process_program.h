/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a process still run the program that it ran? An exec keeps its number and its beginning, and
 * may keep its file and its command; what it never keeps is its memory. Nothing of it is read.
 */
#ifndef MEMPROBE_PROCESS_PROGRAM_H
#define MEMPROBE_PROCESS_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

struct process_program {
	int memory; /* of the program; -1: none. Holds none of its pages */
};

/* What it runs now. 0; -ESRCH: it has ended; other -errno: it may not be looked at. */
int process_program_open(pid_t pid, struct process_program *ret);
/* It runs another one, or has ended. False of one that is not open. */
bool process_program_is_gone(const struct process_program *program);
void process_program_close(struct process_program *program);

#endif
