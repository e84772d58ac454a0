/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command that memprobe runs: found, forked, held at a gate until the programs are attached,
 * then exec'd as the caller.
 */
#ifndef MEMPROBE_COMMAND_H
#define MEMPROBE_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "caller_shell.h"
#include "identity.h"
#include "inherited.h"

struct command {
	char *path;	   /* what will be exec'd */
	char *search_path; /* what becomes its PATH; NULL: it stays as it is */
	char *otherwise;   /* what the name means in the list that was not taken: sudo's, or the
			    * caller's; NULL: the same, or nothing */
	bool is_as_caller; /* found as in the shell that sudo was called from */
	struct caller_shell shell;
	pid_t pid;   /* 0: it does not run */
	int status;  /* as waitpid tells, once it has ended; -1: it has not */
	int gate;    /* write end: one byte opens it */
	int failure; /* read end: errno of a failed exec; closed by a successful one */
};

/* The file that `name` stands for: itself with a slash, else the first hit in `path_variable`.
 * 0; -ENOENT not found; -EACCES found but not executable, or a directory (*ret_path is set then).
 * The caller owns *ret_path. */
int command_find(const char *name, const char *path_variable, char **ret_path);

/* Forks the child, which waits at the gate. It execs with what memprobe itself was started with. */
int command_start(struct command *command, char *const argv[], const struct identity *identity,
		  const struct inherited *inherited);
/* Opens the gate. 0 when the exec succeeded, else its -errno; the child is reaped then. */
int command_release(struct command *command);
/* Has it ended since the last look? Its status is known then. */
bool command_reap(struct command *command);
/* Ends a child that still waits at the gate. */
void command_abort(struct command *command);
void command_free(struct command *command);

#endif
