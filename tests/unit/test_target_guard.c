/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is stopped for a process that is killed goes on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_stat.h"
#include "target_guard.h"

#define NAP_US 1000

static pid_t begin_process(void)
{
	pid_t pid = fork();

	while (!pid)
		pause();
	return pid;
}

static char state_of(pid_t pid)
{
	struct process_stat stat;

	return process_stat_read(pid, &stat) ? '?' : stat.state;
}

static void await_state(pid_t pid, bool is_stopped)
{
	while ((state_of(pid) == 'T') != is_stopped)
		usleep(NAP_US);
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Guards both, forgets the second, and is killed. */
static void end_owner(pid_t guarded, pid_t forgotten)
{
	pid_t owner = fork();
	struct target_guard guard;

	if (!owner) {
		if (target_guard_begin(&guard) || target_guard_add(&guard, forgotten) ||
		    target_guard_add(&guard, guarded))
			_exit(1);
		target_guard_remove(&guard, forgotten);
		raise(SIGKILL);
	}
	waitpid(owner, NULL, 0);
}

static void goes_on_when_its_owner_is_killed(void **state)
{
	pid_t guarded = begin_process(), forgotten = begin_process();

	kill(guarded, SIGSTOP);
	kill(forgotten, SIGSTOP);
	await_state(guarded, true);
	await_state(forgotten, true);
	end_owner(guarded, forgotten);
	await_state(guarded, false);
	assert_int_equal(state_of(forgotten), 'T');
	end_process(guarded);
	end_process(forgotten);
}

/* The stop may be on its way when the owner ends. */
static void goes_on_when_stopped_later(void **state)
{
	pid_t guarded = begin_process();

	end_owner(guarded, getpid());
	kill(guarded, SIGSTOP);
	await_state(guarded, false);
	assert_int_not_equal(state_of(guarded), '?');
	end_process(guarded);
}

static void ends_with_its_owner(void **state)
{
	struct target_guard guard;
	pid_t pid = begin_process();

	assert_int_equal(target_guard_begin(&guard), 0);
	assert_int_equal(target_guard_add(&guard, pid), 0);
	target_guard_remove(&guard, pid);
	target_guard_end(&guard);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* only the other child is left */
	end_process(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_when_its_owner_is_killed),
		cmocka_unit_test(goes_on_when_stopped_later),
		cmocka_unit_test(ends_with_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
