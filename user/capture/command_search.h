/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which file a command's name stands for. Under sudo as in the shell that sudo was called from,
 * whose PATH sudo hides: what it hides is the venv, pyenv or conda that was meant.
 */
#ifndef MEMPROBE_COMMAND_SEARCH_H
#define MEMPROBE_COMMAND_SEARCH_H

#include "command.h"
#include "inspector.h"

struct command_search {
	const char *name;
	const struct identity *identity;
	const struct target_user *user; /* the same, for looking files up under sudo */
	struct inspector *inspector;
};

/* Sets the command's path, and what of its environment comes from the caller. As command_find. */
int command_search(const struct command_search *search, struct command *command);

/* PATH, or without it the list that execvp(3) has then. */
const char *command_own_path(void);

/* Whether PATH, as sudo gave it, was set by hand (`sudo env PATH=... memprobe`): it has a directory
 * that is neither the system's nor the caller's. */
bool command_path_is_given(const char *path, const char *callers_path);

#endif
