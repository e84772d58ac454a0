/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what a program is started with: signals, descriptors, limits, priority, ids. In C, because
 * Python ignores SIGPIPE and SIGXFSZ, and closes what it was not asked to keep.
 */
#include <fcntl.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DESCRIPTORS 64

static void print_signals(void)
{
	struct sigaction action;
	sigset_t blocked;
	int death = -1;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int number = 1; number < NSIG; number++) {
		if (!sigaction(number, NULL, &action))
			printf("signal %d: ignored %d, blocked %d\n", number,
			       action.sa_handler == SIG_IGN, sigismember(&blocked, number));
	}
	prctl(PR_GET_PDEATHSIG, &death);
	printf("death signal: %d\n", death);
}

static void print_descriptors(void)
{
	struct stat status;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		if (!fstat(fd, &status))
			printf("descriptor %d: %o %lx, flags %x %x\n", fd, status.st_mode & S_IFMT,
			       (unsigned long)status.st_rdev, fcntl(fd, F_GETFD),
			       fcntl(fd, F_GETFL));
	}
}

static void print_limits(void)
{
	struct rlimit limit;

	for (int number = 0; number < RLIM_NLIMITS; number++) {
		if (!getrlimit(number, &limit))
			printf("limit %d: %ld %ld\n", number, (long)limit.rlim_cur,
			       (long)limit.rlim_max);
	}
}

static void print_file(const char *path)
{
	char text[256] = "";
	FILE *file = fopen(path, "r");

	if (file && fgets(text, sizeof(text), file))
		printf("%s: %s", path, text);
	if (file)
		fclose(file);
}

/* A fair task's slice (since 6.12); glibc has no call for it until 2.41. */
static void print_slice(void)
{
	struct sched_attr scheduling = { 0 };

	if (!syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0))
		printf("slice: %llu\n", (unsigned long long)scheduling.sched_runtime);
}

int main(void)
{
	mode_t mask = umask(0);

	print_signals();
	print_descriptors();
	print_limits();
	print_file("/proc/self/oom_score_adj");
	print_file("/proc/self/coredump_filter");
	print_file("/proc/self/timerslack_ns");
	printf("umask: %o, nice: %d, scheduler: %d\n", mask, getpriority(PRIO_PROCESS, 0),
	       (int)syscall(SYS_sched_getscheduler, 0));
	printf("group: %d, session: %d, terminal: %d\n", getpgrp(), getsid(0), tcgetpgrp(0));
	printf("ids: %d %d %d %d, dumpable: %d, no new privileges: %d, secure bits: %d\n", getuid(),
	       geteuid(), getgid(), getegid(), prctl(PR_GET_DUMPABLE),
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_SECUREBITS));
	return 0;
}
