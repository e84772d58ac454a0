/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispositions, mask, limits and priority of memprobe's own start; see inherited.h. */
#include "inherited.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RAISED_BY 10
#define SLICE_NS 100000 /* the least that the kernel takes */

/* By the kernel's headers, because glibc has no call for it until 2.41. A fair task's runtime is
 * its slice, a deadline task's is not. */
static bool read_scheduling(struct sched_attr *ret)
{
	*ret = (struct sched_attr){ .size = sizeof(*ret) };
	return !syscall(SYS_sched_getattr, 0, ret, sizeof(*ret), 0) &&
	       (ret->sched_policy == SCHED_NORMAL || ret->sched_policy == SCHED_BATCH);
}

static void set_slice(uint64_t slice_ns)
{
	struct sched_attr scheduling;

	if (!slice_ns || !read_scheduling(&scheduling))
		return;
	scheduling.sched_runtime = slice_ns;
	syscall(SYS_sched_setattr, 0, &scheduling, 0);
}

void inherited_read(struct inherited *ret)
{
	struct sched_attr scheduling;
	struct sigaction action;

	*ret = (struct inherited){ .death_signal = 0 };
	sigprocmask(SIG_BLOCK, NULL, &ret->mask);
	sigemptyset(&ret->ignored);
	for (int number = 1; number < NSIG; number++) {
		if (!sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN)
			sigaddset(&ret->ignored, number);
	}
	getrlimit(RLIMIT_MEMLOCK, &ret->locked);
	getrlimit(RLIMIT_NOFILE, &ret->files);
	getrlimit(RLIMIT_DATA, &ret->data);
	getrlimit(RLIMIT_AS, &ret->addresses);
	prctl(PR_GET_PDEATHSIG, &ret->death_signal);
	ret->nice = getpriority(PRIO_PROCESS, 0);
	if (read_scheduling(&scheduling))
		ret->slice_ns = scheduling.sched_runtime;
}

void inherited_raise_priority(const struct inherited *inherited)
{
	setpriority(PRIO_PROCESS, 0, inherited->nice - RAISED_BY);
	if (inherited->slice_ns)
		set_slice(SLICE_NS);
}

void inherited_restore_priority(const struct inherited *inherited)
{
	setpriority(PRIO_PROCESS, 0, inherited->nice);
	set_slice(inherited->slice_ns);
}

void inherited_raise_memory(const struct inherited *inherited)
{
	const struct rlimit data = { inherited->data.rlim_max, inherited->data.rlim_max };
	const struct rlimit addresses = { inherited->addresses.rlim_max,
					  inherited->addresses.rlim_max };

	setrlimit(RLIMIT_DATA, &data);
	setrlimit(RLIMIT_AS, &addresses);
}

void inherited_restore_limits(const struct inherited *inherited)
{
	setrlimit(RLIMIT_MEMLOCK, &inherited->locked);
	setrlimit(RLIMIT_NOFILE, &inherited->files);
	setrlimit(RLIMIT_DATA, &inherited->data);
	setrlimit(RLIMIT_AS, &inherited->addresses);
}

void inherited_restore_signals(const struct inherited *inherited)
{
	/* SIGKILL, SIGSTOP and glibc's own two are refused, and nobody has changed them. */
	for (int number = 1; number < NSIG; number++)
		signal(number, sigismember(&inherited->ignored, number) == 1 ? SIG_IGN : SIG_DFL);
	prctl(PR_SET_PDEATHSIG, inherited->death_signal);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
}
