/* SPDX-License-Identifier: BSD-2-Clause */
/* The user behind sudo; see identity.h. */
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "nothing.h"

#define LOGIN_TIMEOUT_MS 3000

static bool read_id(const char *variable, long *ret)
{
	const char *text = getenv(variable);
	char *end;

	if (!text || !*text)
		return false;
	errno = 0;
	*ret = strtol(text, &end, 10);
	return !*end && !errno && *ret >= 0 && *ret < UINT_MAX;
}

void identity_read(bool keep_root, struct identity *ret)
{
	long uid = 0, gid = 0;
	struct passwd *user;

	*ret = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (geteuid() == 0 && read_id("SUDO_UID", &uid) && read_id("SUDO_GID", &gid)) {
		ret->is_by_sudo = true;
		ret->caller_uid = uid;
	}
	ret->is_as_caller = ret->is_by_sudo && !keep_root;
	if (ret->is_as_caller && uid != 0) {
		ret->uid = uid;
		ret->gid = gid;
		ret->is_other = true;
	}
	user = getpwuid(ret->uid);
	if (!user)
		return;
	ret->name = xstrdup(user->pw_name);
	ret->home = xstrdup(user->pw_dir);
	ret->shell = xstrdup(*user->pw_shell ? user->pw_shell : "/bin/sh");
}

void identity_free(struct identity *identity)
{
	free(identity->name);
	free(identity->home);
	free(identity->shell);
	*identity = (struct identity){ 0 };
}

struct target_user identity_user(const struct identity *identity)
{
	struct target_user user = target_user_of(identity->uid, identity->gid);
	int count = TARGET_GROUPS_MAX;

	if (!identity->name)
		return user;
	/* Too many: the first ones have been filled in. */
	if (getgrouplist(identity->name, identity->gid, user.groups, &count) < 0)
		count = TARGET_GROUPS_MAX;
	user.nr_groups = count;
	return user;
}

int identity_become(const struct identity *identity)
{
	int error;

	if (!identity->is_other)
		return 0;
	error = identity->name ? initgroups(identity->name, identity->gid)
			       : setgroups(1, &identity->gid);
	if (error || setgid(identity->gid) || setuid(identity->uid))
		return -errno;
	if (identity->home)
		setenv("HOME", identity->home, 1);
	if (identity->name) {
		setenv("USER", identity->name, 1);
		setenv("LOGNAME", identity->name, 1);
	}
	return 0;
}

static void login_shell(const struct identity *identity, int out)
{
	/* The marks tell the answer from what login scripts print. */
	char *const arguments[] = { identity->shell, "-lc",
				    "printf '\\n[memprobe[%s]]\\n' \"$PATH\"", NULL };
	int nothing = nothing_open();

	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	if (identity_become(identity))
		_exit(1);
	if (identity->home && chdir(identity->home))
		_exit(1);
	execv(identity->shell, arguments);
	_exit(1);
}

static void read_answer(int fd, char *answer, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t used = 0;
	ssize_t got;

	while (used + 1 < size && poll(&ready, 1, LOGIN_TIMEOUT_MS) > 0) {
		got = read(fd, answer + used, size - 1 - used);
		if (got <= 0)
			break;
		used += got;
	}
	answer[used] = '\0';
}

static char *extract_path(const char *answer)
{
	const char *begin = strstr(answer, "\n[memprobe[");
	const char *end = begin ? strstr(begin, "]]\n") : NULL;

	if (!end)
		return NULL;
	begin += strlen("\n[memprobe[");
	return end > begin ? xstrndup(begin, end - begin) : NULL;
}

char *identity_login_path(const struct identity *identity)
{
	char answer[32768];
	int out[2];
	pid_t child;

	if (!identity->shell || pipe2(out, O_CLOEXEC))
		return NULL;
	child = fork();
	if (child == 0)
		login_shell(identity, out[1]);
	close(out[1]);
	if (child < 0) {
		close(out[0]);
		return NULL;
	}
	read_answer(out[0], answer, sizeof(answer));
	close(out[0]);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return extract_path(answer);
}
