/* SPDX-License-Identifier: BSD-2-Clause */
/* A child that outlives us for a moment; see target_guard.h. */
#include "target_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "process_stat.h"
#include "process_task.h"

#define LAST_LOOKS 20 /* after our end: what stops them may have been on its way */
#define NAP_US 10000

struct message {
	pid_t pid;
	bool is_added;
};

/* ---- The child ---- */

struct guarded {
	pid_t pid;
	int pidfd;
};

struct watch {
	size_t count;
	struct guarded all[TARGET_GUARD_MAX];
};

static void forget(struct watch *watch, pid_t pid)
{
	for (size_t i = watch->count; i-- > 0;) {
		if (watch->all[i].pid != pid)
			continue;
		close(watch->all[i].pidfd);
		watch->all[i] = watch->all[--watch->count];
	}
}

static void take(struct watch *watch, const struct message *message)
{
	int pidfd;

	forget(watch, message->pid);
	if (!message->is_added || watch->count == TARGET_GUARD_MAX)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, message->pid, 0);
	if (pidfd >= 0)
		watch->all[watch->count++] = (struct guarded){ message->pid, pidfd };
}

static bool has_ended(const struct guarded *guarded)
{
	struct pollfd end = { .fd = guarded->pidfd, .events = POLLIN };

	return poll(&end, 1, 0) == 1;
}

/* SIGCONT does nothing to one that runs, but it may have a handler for it. */
static void let_go(const struct guarded *guarded)
{
	struct process_stat stat;

	if (!process_stat_read(process_task(guarded->pid), &stat) && stat.state == 'T')
		syscall(SYS_pidfd_send_signal, guarded->pidfd, SIGCONT, NULL, 0);
}

/* Of all that we have open it needs its end of the pipe: programs end when their last descriptor
 * is closed. */
static void keep_only(int fd)
{
	dup2(fd, 0);
	if (syscall(SYS_close_range, 1, ~0U, 0)) {
		for (int i = (int)sysconf(_SC_OPEN_MAX); i-- > 1;)
			close(i);
	}
}

_Noreturn static void watch_over(int fd)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));
	struct message message;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid(); /* who ends our group does not end it */
	keep_only(fd);
	while (read(0, &message, sizeof(message)) == sizeof(message))
		take(watch, &message);
	for (int looks = 0; watch->count && looks < LAST_LOOKS; looks++) {
		for (size_t i = watch->count; i-- > 0;) {
			if (has_ended(&watch->all[i]))
				forget(watch, watch->all[i].pid);
			else
				let_go(&watch->all[i]);
		}
		usleep(NAP_US);
	}
	_exit(0);
}

/* ---- Who is guarded against ---- */

int target_guard_begin(struct target_guard *ret)
{
	int ends[2];

	*ret = (struct target_guard){ .pipe = -1 };
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	ret->pid = fork();
	if (!ret->pid) {
		close(ends[1]);
		watch_over(ends[0]);
	}
	close(ends[0]);
	ret->pipe = ends[1];
	if (ret->pid > 0)
		return 0;
	target_guard_end(ret);
	return -EAGAIN;
}

static int tell(const struct target_guard *guard, pid_t pid, bool is_added)
{
	const struct message message = { pid, is_added };

	return write(guard->pipe, &message, sizeof(message)) == sizeof(message) ? 0 : -EPIPE;
}

int target_guard_add(const struct target_guard *guard, pid_t pid)
{
	return tell(guard, pid, true);
}

void target_guard_remove(const struct target_guard *guard, pid_t pid)
{
	tell(guard, pid, false);
}

void target_guard_end(struct target_guard *guard)
{
	closep(&guard->pipe);
	while (guard->pid > 0 && waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
		;
	guard->pid = 0;
}
