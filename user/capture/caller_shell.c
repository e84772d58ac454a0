/* SPDX-License-Identifier: BSD-2-Clause */
/* What was exported where sudo was called; see caller_shell.h. */
#include "caller_shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "inspect_texts.h"
#include "memory.h"

#define MAX_ANCESTORS 32

/* Which Python a name leads to, and where that looks for modules. */
static const char *const names[NR_CALLER_VARIABLES] = {
	"VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT",	 "PYENV_VERSION",
	"PYTHONHOME",  "PYTHONPATH",   "PYTHONUSERBASE",
};

struct ancestor {
	pid_t pid, parent;
	uid_t uid; /* the real one */
};

static bool read_ancestor(pid_t pid, struct ancestor *ret)
{
	char path[64], line[256];
	int parent = 0, found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && found < 2 && fgets(line, sizeof(line), file)) {
		found += sscanf(line, "PPid: %d", &parent) == 1;
		found += sscanf(line, "Uid: %u", &ret->uid) == 1;
	}
	if (file)
		fclose(file);
	ret->pid = pid;
	ret->parent = parent;
	return found == 2;
}

/*
 * The nearest process above us that the caller began. That is sudo itself, or its monitor: both
 * keep the caller's real uid (1.9.13), and the environment that they were executed with is what the
 * shell had exported. The shell's own would not do: what a process was executed with does not
 * change when it activates a venv later.
 */
static pid_t find_caller(uid_t uid)
{
	struct ancestor ancestor = { .parent = getppid() };

	for (int i = 0; i < MAX_ANCESTORS && ancestor.parent > 1; i++) {
		if (!read_ancestor(ancestor.parent, &ancestor))
			return 0;
		if (ancestor.uid == uid)
			return ancestor.pid;
	}
	return 0;
}

void caller_shell_read(struct caller_shell *shell, uid_t uid, struct inspector *inspector)
{
	pid_t pid = find_caller(uid);

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
