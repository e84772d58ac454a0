/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting the command; see command.h. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"

/* With the rights that the thread opens files with, which under sudo are the caller's. */
static int check_executable(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return -errno;
	if (S_ISDIR(status.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return -EACCES;
	return 0;
}

static bool is_there(const char *path)
{
	struct stat status;

	return !stat(path, &status);
}

int command_find(const char *name, const char *path_variable, char **ret_path)
{
	_cleanup_(freep) char *denied = NULL;
	const char *directory = path_variable, *end;
	int error;

	if (strchr(name, '/')) {
		error = check_executable(name);
		if (!error || error == -EACCES)
			*ret_path = xstrdup(name);
		return error == -ENOTDIR ? -ENOENT : error;
	}
	for (; directory && *name; directory = *end ? end + 1 : NULL) {
		char *path;

		end = strchrnul(directory, ':');
		path = end == directory
			       ? xasprintf("./%s", name)
			       : xasprintf("%.*s/%s", (int)(end - directory), directory, name);
		error = check_executable(path);
		if (!error) {
			*ret_path = path;
			return 0;
		}
		if (error == -EACCES && !denied && is_there(path))
			denied = TAKE(path);
		free(path);
	}
	if (!denied)
		return -ENOENT;
	*ret_path = TAKE(denied);
	return -EACCES;
}

static void fail_child(int fd, int error)
{
	ssize_t unused = write(fd, &error, sizeof(error));

	(void)unused;
	_exit(127);
}

static void child(struct command *command, char *const argv[], const struct identity *identity,
		  const struct inherited *inherited, const int ends[2])
{
	char go;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* until exec: never run unprofiled */
	if (read(ends[0], &go, 1) != 1)
		_exit(127);
	inherited_restore_limits(inherited);
	inherited_restore_priority(inherited);
	error = identity_become(identity);
	if (error)
		fail_child(ends[1], -error);
	if (command->search_path)
		setenv("PATH", command->search_path, 1);
	if (command->is_as_caller)
		caller_shell_export(&command->shell);
	signal(SIGUSR1, SIG_IGN); /* asked of all named memprobe while it waited: for a snapshot */
	inherited_restore_signals(inherited);
	execv(command->path, argv);
	fail_child(ends[1], errno);
}

int command_start(struct command *command, char *const argv[], const struct identity *identity,
		  const struct inherited *inherited)
{
	int gate[2], failure[2], ends[2];
	sigset_t all, mask;

	if (pipe2(gate, O_CLOEXEC))
		return -errno;
	if (pipe2(failure, O_CLOEXEC)) {
		int error = -errno;

		close(gate[0]);
		close(gate[1]);
		return error;
	}
	/* A signal ends the command once it runs, not the child that waits at the gate. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	command->pid = fork();
	if (command->pid == 0) {
		close(gate[1]);
		close(failure[0]);
		ends[0] = gate[0];
		ends[1] = failure[1];
		child(command, argv, identity, inherited, ends);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	close(gate[0]);
	close(failure[1]);
	command->gate = gate[1];
	command->failure = failure[0];
	return command->pid < 0 ? -errno : 0;
}

int command_release(struct command *command)
{
	int error = 0;
	ssize_t got;

	if (write(command->gate, "", 1) != 1)
		return -errno;
	close(command->gate);
	command->gate = -1;
	do {
		got = read(command->failure, &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	if (got != sizeof(error))
		return 0;
	waitpid(command->pid, NULL, 0);
	command->pid = 0;
	return -error;
}

bool command_reap(struct command *command)
{
	pid_t reaped;
	int status;

	if (command->pid <= 0)
		return false;
	reaped = waitpid(command->pid, &status, WNOHANG);
	if (reaped == 0 || (reaped < 0 && errno != ECHILD))
		return false;
	command->pid = 0;
	command->status = reaped > 0 ? status : 0;
	return true;
}

void command_abort(struct command *command)
{
	if (command->pid <= 0 || command->gate < 0)
		return;
	kill(command->pid, SIGKILL);
	waitpid(command->pid, NULL, 0);
	command->pid = 0;
}

void command_free(struct command *command)
{
	free(command->path);
	free(command->search_path);
	free(command->otherwise);
	caller_shell_clear(&command->shell);
	closep(&command->gate);
	closep(&command->failure);
	*command = (struct command){ .status = -1, .gate = -1, .failure = -1 };
}
