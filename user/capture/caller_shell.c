/* SPDX-License-Identifier: BSD-2-Clause */
/* What was exported where sudo was called; see caller_shell.h. */
#include "caller_shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect_texts.h"
#include "memory.h"
#include "process_status.h"

#define MAX_ANCESTORS 32

/* Which Python a name leads to, and where that looks for modules. */
static const char *const names[NR_CALLER_VARIABLES] = {
	"VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT",	 "PYENV_VERSION",
	"PYTHONHOME",  "PYTHONPATH",   "PYTHONUSERBASE",
};

struct ancestor {
	pid_t pid, parent;
	uid_t uid, effective_uid;
};

static bool read_ancestor(pid_t pid, struct ancestor *ret)
{
	_cleanup_(freep) char *status = NULL;

	ret->pid = pid;
	return !process_status_read(pid, &status) &&
	       sscanf(process_status_field(status, "PPid"), "%d", &ret->parent) == 1 &&
	       sscanf(process_status_field(status, "Uid"), "%u%u", &ret->uid,
		      &ret->effective_uid) == 2;
}

/*
 * The process above us that was executed with what the caller's shell had exported: sudo. The
 * shell's own environment would not do, which does not change when it activates a venv.
 *
 * sudo 1.9.13 and its monitor keep the caller's real uid, with root's as the effective one. One
 * that gives it up stands below the nearest process that is wholly the caller's. One that is not
 * there any more was replaced by us: then that process has to do, and where none above us is the
 * caller's, our parent.
 */
static pid_t find_sudo(uid_t uid)
{
	struct ancestor ancestor = { .parent = getppid() };
	pid_t below = 0;

	for (int i = 0; i < MAX_ANCESTORS && ancestor.parent > 1; i++) {
		if (!read_ancestor(ancestor.parent, &ancestor))
			break;
		if (ancestor.uid == uid)
			return below && ancestor.effective_uid == uid ? below : ancestor.pid;
		below = ancestor.pid;
	}
	return getppid();
}

/*
 * root's own processes have the same ids as sudo's. But sudo tells what it executes which command
 * that is: above those that were told the same as we is sudo, with what its caller had exported;
 * or, where it was replaced by us, its caller. 0: none, also where that is not wholly root's, whose
 * name of a command root must not run.
 */
static pid_t find_roots_sudo(struct inspector *inspector)
{
	const char *command = getenv("SUDO_COMMAND");
	struct ancestor ancestor = { .parent = getppid() };

	for (int i = 0; command && i < MAX_ANCESTORS && ancestor.parent > 0; i++) {
		_cleanup_(freep) char *told = NULL;

		if (!read_ancestor(ancestor.parent, &ancestor) || ancestor.uid ||
		    ancestor.effective_uid)
			break;
		if (inspect_variable(inspector, ancestor.pid, "SUDO_COMMAND", &told) ||
		    strcmp(told, command) != 0)
			return ancestor.pid;
	}
	return 0;
}

void caller_shell_read(struct caller_shell *shell, uid_t uid, struct inspector *inspector)
{
	pid_t pid = uid ? find_sudo(uid) : find_roots_sudo(inspector);

	*shell = (struct caller_shell){ 0 };
	if (!pid || inspect_variable(inspector, pid, "PATH", &shell->path))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		inspect_variable(inspector, pid, names[i], &shell->variables[i]);
}

void caller_shell_clear(struct caller_shell *shell)
{
	free(shell->path);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		free(shell->variables[i]);
	*shell = (struct caller_shell){ 0 };
}

void caller_shell_export(const struct caller_shell *shell)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (shell->variables[i])
			setenv(names[i], shell->variables[i], 0);
	}
}
