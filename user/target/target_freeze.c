/* SPDX-License-Identifier: BSD-2-Clause */
/* A tracer that holds and lets go; see target_freeze.h and ptrace(2). */
#include "target_freeze.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"
#include "process_stat.h"

#define MAX_THREADS 16384
#define STOP_NS 2000000000ULL /* for all of them to stand: one may be in the kernel */
#define MOST_MS 60000	      /* then it goes on, whatever we wait for */
#define NAP_US 200

/* ---- The tracer ---- */

struct thread {
	pid_t tid;
	int status; /* that it stands with; 0: it does not yet */
};

struct tracer {
	pid_t pid;
	uint64_t until_ns;
	size_t count;
	struct thread threads[MAX_THREADS];
};

static bool is_held(const struct tracer *tracer, pid_t tid)
{
	for (size_t i = tracer->count; i-- > 0;) {
		if (tracer->threads[i].tid == tid)
			return true;
	}
	return false;
}

/* One that nobody has waited for yet, as a main thread that ended before the others, is refused. */
static bool has_ended(pid_t tid)
{
	struct process_stat stat;

	return !process_stat_read(tid, &stat) && (stat.state == 'Z' || stat.state == 'X');
}

/* One that has ended meanwhile is none. */
static int seize(struct tracer *tracer, pid_t tid)
{
	if (tid <= 0 || is_held(tracer, tid))
		return 0;
	if (tracer->count == MAX_THREADS)
		return -E2BIG;
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) || ptrace(PTRACE_INTERRUPT, tid, 0, 0))
		return errno == ESRCH || has_ended(tid) ? 0 : -errno;
	tracer->threads[tracer->count++].tid = tid;
	return 0;
}

static int seize_all(struct tracer *tracer)
{
	struct dirent *entry;
	char path[64];
	int error = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)tracer->pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!error && (entry = readdir(tasks)))
		error = seize(tracer, (pid_t)strtol(entry->d_name, NULL, 10));
	closedir(tasks);
	return error;
}

static int await(struct tracer *tracer, struct thread *thread)
{
	while (!thread->status) {
		pid_t got = waitpid(thread->tid, &thread->status, __WALL | WNOHANG);

		if (got < 0 || (got && !WIFSTOPPED(thread->status)))
			return 0; /* it has ended */
		if (got)
			break;
		if (clock_ns() > tracer->until_ns)
			return -ETIME;
		usleep(NAP_US);
	}
	return 0;
}

/* Until a look finds none that runs: those that stand begin no others. */
static int hold(struct tracer *tracer)
{
	size_t before;
	int error;

	do {
		before = tracer->count;
		error = seize_all(tracer);
		for (size_t i = before; i < tracer->count && !error; i++)
			error = await(tracer, &tracer->threads[i]);
	} while (!error && tracer->count > before);
	return error ? error : tracer->count ? 0 : -ESRCH;
}

/* A signal that was about to be delivered is. */
static void let_go(const struct tracer *tracer)
{
	for (size_t i = 0; i < tracer->count; i++) {
		int status = tracer->threads[i].status;

		ptrace(PTRACE_DETACH, tracer->threads[i].tid, 0,
		       status >> 16 ? 0 : (long)WSTOPSIG(status));
	}
}

_Noreturn static void trace(pid_t pid, int told, int asked)
{
	struct tracer *tracer = xcalloc(1, sizeof(*tracer));
	struct pollfd ends = { .fd = asked, .events = POLLIN };
	int error;

	tracer->pid = pid;
	tracer->until_ns = clock_ns() + STOP_NS;
	error = hold(tracer);
	if (write(told, &error, sizeof(error)) == sizeof(error) && !error)
		poll(&ends, 1, MOST_MS);
	let_go(tracer);
	_exit(0);
}

/* ---- Who asks for it ---- */

/* Nothing that goes to us is the tracer's, and it ends with us. */
static void part(pid_t parent)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

static int begin_tracer(pid_t pid, struct target_freeze *freeze, int *ret_told)
{
	int told[2], asked[2];
	pid_t parent = getpid();

	if (pipe2(told, O_CLOEXEC))
		return -errno;
	if (pipe2(asked, O_CLOEXEC)) {
		close(told[0]);
		close(told[1]);
		return -errno;
	}
	freeze->tracer = fork();
	if (!freeze->tracer) {
		part(parent);
		close(told[0]);
		close(asked[1]);
		trace(pid, told[1], asked[0]);
	}
	close(told[1]);
	close(asked[0]);
	freeze->pipe = asked[1];
	*ret_told = told[0];
	return freeze->tracer < 0 ? -EAGAIN : 0;
}

int target_freeze_begin(pid_t pid, struct target_freeze *ret)
{
	_cleanup_(closep) int told = -1;
	int error, said = -EIO;

	ret->begin_ns = clock_ns();
	error = begin_tracer(pid, ret, &told);
	if (!error && read(told, &said, sizeof(said)) != sizeof(said))
		said = -EIO;
	if (!error && said) {
		target_freeze_end(ret);
		error = said;
	}
	return error;
}

uint64_t target_freeze_end(struct target_freeze *freeze)
{
	closep(&freeze->pipe);
	while (waitpid(freeze->tracer, NULL, 0) < 0 && errno == EINTR)
		;
	return clock_ns() - freeze->begin_ns;
}
