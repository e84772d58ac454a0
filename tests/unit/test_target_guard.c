/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is stopped for a process that is killed, or does not answer, goes on; whom a user has stopped
 * does not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "memory.h"
#include "process_stat.h"
#include "target_guard.h"

#define NAP_US 1000
#define LONG_NS 3600000000000ULL

/* Shared with the guard, as the BPF side's table is. */
static struct standing {
	pid_t pid;
	uint64_t since_ns;
} * standing;
#define MOST_STANDING 4

static struct standing *find(pid_t pid)
{
	for (int i = 0; i < MOST_STANDING; i++) {
		if (standing[i].pid == pid)
			return &standing[i];
	}
	return NULL;
}

static uint64_t since_of(int fd, pid_t pid)
{
	return find(pid) ? find(pid)->since_ns : 0;
}

static void forget(int fd, pid_t pid)
{
	if (find(pid))
		find(pid)->since_ns = 0;
}

static void stops_for_us(pid_t pid)
{
	*find(0) = (struct standing){ pid, clock_ns() };
}

static int begin_guard(uint64_t most_ns, struct target_guard *ret)
{
	const struct target_stops stops = { -1, most_ns, since_of, forget };

	return target_guard_begin(&stops, ret);
}

static int set_up(void **state)
{
	size_t bytes = MOST_STANDING * sizeof(*standing);

	standing = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return standing == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
	return munmap(standing, MOST_STANDING * sizeof(*standing));
}

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

static void await_note_gone(pid_t pid)
{
	while (((volatile struct standing *)find(pid))->since_ns)
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
		if (begin_guard(LONG_NS, &guard) || target_guard_add(&guard, forgotten) ||
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
	stops_for_us(guarded);
	stops_for_us(forgotten);
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
	stops_for_us(guarded);
	kill(guarded, SIGSTOP);
	await_state(guarded, false);
	assert_int_not_equal(state_of(guarded), '?');
	end_process(guarded);
}

static void ends_with_its_owner(void **state)
{
	struct target_guard guard;
	pid_t pid = begin_process();

	assert_int_equal(begin_guard(LONG_NS, &guard), 0);
	assert_int_equal(target_guard_add(&guard, pid), 0);
	target_guard_remove(&guard, pid);
	target_guard_end(&guard);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* only the other child is left */
	end_process(pid);
}

/* Its owner lives, and does nothing. */
static void goes_on_when_nobody_answers(void **state)
{
	pid_t ours = begin_process(), users = begin_process(), both = begin_process();
	const pid_t all[] = { users, both, ours };
	struct target_guard guard;

	assert_int_equal(begin_guard(1, &guard), 0);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		assert_int_equal(target_guard_add(&guard, all[i]), 0);
		kill(all[i], SIGSTOP);
		await_state(all[i], true);
	}
	stops_for_us(both);
	kill(both, SIGTSTP); /* waits behind our stop */
	stops_for_us(ours);
	await_state(ours, false);
	await_note_gone(ours);
	assert_int_equal(state_of(users), 'T');
	assert_int_equal(state_of(both), 'T');
	target_guard_end(&guard);
	assert_int_equal(state_of(users), 'T');
	assert_int_equal(state_of(both), 'T');
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		end_process(all[i]);
}

/* A message says that there is an owner, who has its time anew. */
static void stands_while_its_owner_answers(void **state)
{
	pid_t pid = begin_process();
	struct target_guard guard;

	assert_int_equal(begin_guard(LONG_NS, &guard), 0);
	assert_int_equal(target_guard_add(&guard, pid), 0);
	kill(pid, SIGSTOP);
	await_state(pid, true);
	*find(0) = (struct standing){ pid, 1 };
	target_guard_answers(&guard);
	usleep(1500000); /* a look of the guard's and a half */
	assert_int_equal(state_of(pid), 'T');
	target_guard_end(&guard);
	await_state(pid, false);
	end_process(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_on_when_its_owner_is_killed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(goes_on_when_stopped_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_with_its_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(goes_on_when_nobody_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stands_while_its_owner_answers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
