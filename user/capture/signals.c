/* SPDX-License-Identifier: BSD-2-Clause */
/* One function a signal; see signals.h. */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"

#define HASTY_SIGINT_NS 2000000000ULL /* so many within that */
#define HASTY_SIGTERMS 2
/* A command that has been asked to end may heed it or not; so long it is waited for. */
#define URGENT_NS 5000000000ULL

void signals_hold(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

int signals_open(struct signals *ret, struct command *command)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGUSR1);
	if (signal(SIGHUP, SIG_DFL) == SIG_IGN) /* nohup */
		signal(SIGHUP, SIG_IGN);
	else
		sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	*ret = (struct signals){
		.fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK),
		.command = command,
	};
	return ret->fd < 0 ? -errno : 0;
}

void signals_close(struct signals *signals)
{
	closep(&signals->fd);
}

static void on_sigint(struct signals *signals)
{
	uint64_t now = clock_ns(), *times = signals->sigint_ns;

	signals->asked_ns = now;
	/* The terminal has sent it to the command too; without one, it is for us. */
	if (signals->command->pid <= 0)
		signals->is_over = true;
	for (int i = SIGINTS_NOTED - 1; i > 0; i--)
		times[i] = times[i - 1];
	times[0] = now;
	if (times[SIGINTS_NOTED - 1] && now - times[SIGINTS_NOTED - 1] < HASTY_SIGINT_NS)
		signals->is_over = signals->is_hasty = true;
}

static void on_sigterm(struct signals *signals)
{
	signals->asked_ns = clock_ns();
	if (++signals->nr_sigterms >= HASTY_SIGTERMS)
		signals->is_over = signals->is_hasty = true;
	else if (signals->command->pid > 0)
		kill(signals->command->pid, SIGTERM);
	else
		signals->is_over = true;
}

/* A shell tells its jobs, us and the command alike. Started without one (`ssh HOST memprobe ...`)
 * we are the session's leader, and the kernel tells nobody else. */
static void on_sighup(struct signals *signals)
{
	signals->asked_ns = clock_ns();
	if (signals->command->pid <= 0)
		signals->is_over = true;
	else if (getsid(0) == getpid())
		kill(signals->command->pid, SIGHUP);
}

static void on_sigchld(struct signals *signals)
{
	signals->has_command_ended |= command_reap(signals->command);
}

static void on_sigusr1(struct signals *signals)
{
	signals->wants_snapshot = true;
}

static const struct {
	uint32_t number;
	void (*note)(struct signals *signals);
} noted[] = {
	{ SIGINT, on_sigint },	 { SIGTERM, on_sigterm }, { SIGHUP, on_sighup },
	{ SIGCHLD, on_sigchld }, { SIGUSR1, on_sigusr1 },
};

void signals_take(struct signals *signals)
{
	struct signalfd_siginfo info;

	while (read(signals->fd, &info, sizeof(info)) == sizeof(info)) {
		for (size_t i = 0; i < ARRAY_SIZE(noted); i++)
			if (noted[i].number == info.ssi_signo)
				noted[i].note(signals);
	}
}

bool signals_are_urgent(struct signals *signals)
{
	signals_take(signals);
	return signals->is_over ||
	       (signals->asked_ns && clock_ns() - signals->asked_ns < URGENT_NS);
}

int signals_last(const struct signals *signals)
{
	return signals->nr_sigterms >= HASTY_SIGTERMS ? SIGTERM : SIGINT;
}
