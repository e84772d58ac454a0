/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispositions, mask, limits and priority of memprobe's own start; see inherited.h. */
#include "inherited.h"

#include <sys/prctl.h>

#define RAISED_BY 10

void inherited_read(struct inherited *ret)
{
	struct sigaction action;

	*ret = (struct inherited){ .death_signal = 0 };
	sigprocmask(SIG_BLOCK, NULL, &ret->mask);
	sigemptyset(&ret->ignored);
	for (int number = 1; number < NSIG; number++) {
		if (!sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN)
			sigaddset(&ret->ignored, number);
	}
	getrlimit(RLIMIT_MEMLOCK, &ret->locked);
	prctl(PR_GET_PDEATHSIG, &ret->death_signal);
	ret->nice = getpriority(PRIO_PROCESS, 0);
}

void inherited_raise_priority(const struct inherited *inherited)
{
	setpriority(PRIO_PROCESS, 0, inherited->nice - RAISED_BY);
}

void inherited_restore_priority(const struct inherited *inherited)
{
	setpriority(PRIO_PROCESS, 0, inherited->nice);
}

void inherited_restore_limits(const struct inherited *inherited)
{
	setrlimit(RLIMIT_MEMLOCK, &inherited->locked);
}

void inherited_restore_signals(const struct inherited *inherited)
{
	/* SIGKILL, SIGSTOP and glibc's own two are refused, and nobody has changed them. */
	for (int number = 1; number < NSIG; number++)
		signal(number, sigismember(&inherited->ignored, number) == 1 ? SIG_IGN : SIG_DFL);
	prctl(PR_SET_PDEATHSIG, inherited->death_signal);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
}
