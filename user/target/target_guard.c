/* SPDX-License-Identifier: BSD-2-Clause */
/* A child that outlives us for a moment, and does not stop with us; see target_guard.h. */
#include "target_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"
#include "process_stat.h"
#include "process_status.h"
#include "process_task.h"

#define LAST_LOOKS 20 /* after our end: what stops them may have been on its way */
#define NAP_US 10000
#define LOOK_MS 1000 /* between looks at who stands, while nothing is heard */

/* Where the child has what it keeps of ours. */
enum { OWNER_FD, STOPS_FD, NR_KEPT };

struct message {
	pid_t pid; /* 0: nothing but that we answer */
	bool is_added;
};

/* ---- The child ---- */

struct guarded {
	pid_t pid;
	int pidfd;
};

struct watch {
	struct target_stops stops;
	uint64_t heard_ns;
	size_t count;
	struct guarded all[MAX_LAST_LOOKS];
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

	watch->heard_ns = clock_ns();
	forget(watch, message->pid);
	if (!message->is_added || watch->count == MAX_LAST_LOOKS)
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

static uint64_t since_ns(const struct watch *watch, const struct guarded *guarded)
{
	return watch->stops.since_ns(watch->stops.fd, guarded->pid);
}

/* What stops one that stands already waits until it goes on; SIGCONT would throw it away. */
static bool is_to_stand_on(pid_t pid)
{
	const unsigned long long stops = 1ULL << (SIGSTOP - 1) | 1ULL << (SIGTSTP - 1) |
					 1ULL << (SIGTTIN - 1) | 1ULL << (SIGTTOU - 1);
	unsigned long long of_thread = 0, of_process = 0;
	_cleanup_(freep) char *status = NULL;

	if (process_status_read(pid, &status))
		return false;
	sscanf(process_status_field(status, "SigPnd"), "%llx", &of_thread);
	sscanf(process_status_field(status, "ShdPnd"), "%llx", &of_process);
	return (of_thread | of_process) & stops;
}

/* SIGCONT does nothing to one that runs, but it may have a handler for it. */
static void let_go(const struct guarded *guarded)
{
	pid_t task = process_task(guarded->pid);
	struct process_stat stat;

	if (!process_stat_read(task, &stat) && stat.state == 'T' && !is_to_stand_on(task))
		syscall(SYS_pidfd_send_signal, guarded->pidfd, SIGCONT, NULL, 0);
}

/* Those that stand for longer than a look takes: nobody comes to look. */
static void let_late_go(const struct watch *watch)
{
	uint64_t now_ns = clock_ns();

	for (size_t i = 0; i < watch->count; i++) {
		const struct guarded *guarded = &watch->all[i];
		uint64_t since = since_ns(watch, guarded);

		if (!since)
			continue;
		if (since < watch->heard_ns)
			since = watch->heard_ns;
		if (now_ns < since + watch->stops.most_ns)
			continue;
		let_go(guarded);
		watch->stops.forget(watch->stops.fd, guarded->pid);
	}
}

/* Until our end, or a failure. */
static void heed(struct watch *watch)
{
	struct pollfd owner = { .fd = OWNER_FD, .events = POLLIN };
	struct message message;

	while (true) {
		if (!poll(&owner, 1, watch->count ? LOOK_MS : -1))
			let_late_go(watch);
		else if (read(OWNER_FD, &message, sizeof(message)) == sizeof(message))
			take(watch, &message);
		else
			return;
	}
}

static void let_all_go(struct watch *watch)
{
	for (int looks = 0; watch->count && looks < LAST_LOOKS; looks++) {
		for (size_t i = watch->count; i-- > 0;) {
			if (has_ended(&watch->all[i]))
				forget(watch, watch->all[i].pid);
			else if (since_ns(watch, &watch->all[i]))
				let_go(&watch->all[i]);
		}
		usleep(NAP_US);
	}
}

/* Of all that we have open it needs its end of the pipe, and who stands: programs end when their
 * last descriptor is closed, which that of a table is not. */
static void keep_only(int owner, int stops)
{
	int kept[NR_KEPT] = { fcntl(owner, F_DUPFD, NR_KEPT), fcntl(stops, F_DUPFD, NR_KEPT) };

	for (int i = 0; i < NR_KEPT; i++) {
		if (dup2(kept[i], i) < 0)
			close(i);
	}
	if (syscall(SYS_close_range, NR_KEPT, ~0U, 0)) {
		for (int i = (int)sysconf(_SC_OPEN_MAX); i-- > NR_KEPT;)
			close(i);
	}
}

_Noreturn static void watch_over(int fd, const struct target_stops *stops)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid(); /* who ends or stops our group does not do it to this one */
	keep_only(fd, stops->fd);
	watch->stops = *stops;
	watch->stops.fd = STOPS_FD;
	heed(watch);
	let_all_go(watch);
	_exit(0);
}

/* ---- Who is guarded against ---- */

int target_guard_begin(const struct target_stops *stops, struct target_guard *ret)
{
	int ends[2];

	*ret = (struct target_guard){ .pipe = -1 };
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	ret->pid = fork();
	if (!ret->pid) {
		close(ends[1]);
		watch_over(ends[0], stops);
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

void target_guard_answers(const struct target_guard *guard)
{
	tell(guard, 0, false);
}

void target_guard_end(struct target_guard *guard)
{
	closep(&guard->pipe);
	while (guard->pid > 0 && waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
		;
	guard->pid = 0;
}
