/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment that a process was executed with, out of its own memory. What it has set since
 * is not in there.
 */
#ifndef MEMPROBE_ENVIRONMENT_H
#define MEMPROBE_ENVIRONMENT_H

#include <stddef.h>
#include <sys/types.h>

/* Owns its text: strings NAME=VALUE, each with a NUL behind it. */
struct environment {
	char *text;
	size_t bytes;
};

/* What exceeds that which an exec takes is left out. -errno as process_memory_open(): it cannot be
 * read, and is empty. */
int environment_read(pid_t pid, struct environment *ret);
void environment_clear(struct environment *environment);

/* The string behind `string`, the first one for NULL; NULL at the end. */
const char *environment_next(const struct environment *environment, const char *string);
/* The value of the first string with this name, as getenv(3) has it; NULL: there is none. */
const char *environment_find(const struct environment *environment, const char *name);

#endif
