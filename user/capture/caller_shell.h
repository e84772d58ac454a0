/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment of the shell that sudo was called from, as far as it decides which Python a name
 * means: sudo gives memprobe another PATH, and nothing of an activated venv. All of it is the
 * caller's to choose, so it is for looking a name up with the caller's rights, and for a command
 * that runs as the caller.
 */
#ifndef MEMPROBE_CALLER_SHELL_H
#define MEMPROBE_CALLER_SHELL_H

#include <sys/types.h>

#include "inspector.h"

#define NR_CALLER_VARIABLES 7

/* Owns its texts. Each is NULL when the caller had none, or when it is not known. */
struct caller_shell {
	char *path;
	char *variables[NR_CALLER_VARIABLES];
};

void caller_shell_read(struct caller_shell *shell, uid_t uid, struct inspector *inspector);
void caller_shell_clear(struct caller_shell *shell);

/* In a forked child: sets those variables that sudo has not passed on. PATH is not among them. */
void caller_shell_export(const struct caller_shell *shell);

#endif
