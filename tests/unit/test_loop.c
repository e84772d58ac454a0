/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop's handlers and timers, and what signals mean while a command runs and while none does.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop.h"
#include "memory.h"
#include "signals.h"

/* ---- The loop ---- */

struct heard {
	int pipe[2];
	unsigned int bytes, rings, rounds;
};

static void on_byte(void *context)
{
	struct heard *heard = context;
	char byte;

	assert_int_equal(read(heard->pipe[0], &byte, 1), 1);
	heard->bytes++;
}

static void on_ring(void *context)
{
	struct heard *heard = context;

	heard->rings++;
}

static bool until_three_rings(void *context)
{
	struct heard *heard = context;

	heard->rounds++;
	return heard->rings < 3 || !heard->bytes;
}

static void calls_handlers(void **state)
{
	struct heard heard = { 0 };
	const struct loop_handler byte = { &heard, on_byte }, ring = { &heard, on_ring };
	struct loop loop;

	assert_int_equal(pipe(heard.pipe), 0);
	assert_int_equal(loop_open(&loop), 0);
	assert_int_equal(loop_watch(&loop, heard.pipe[0], &byte), 0);
	assert_int_equal(loop_add_timer(&loop, 1000, 1000000, &ring), 0);
	assert_int_equal(write(heard.pipe[1], "", 1), 1);
	loop_run(&loop, &heard, until_three_rings);
	assert_int_equal(heard.bytes, 1);
	assert_int_equal(heard.rings, 3);
	assert_true(heard.rounds >= 3);
	loop_close(&loop);
	assert_int_equal(loop.epoll, -1);
	/* Watched descriptors are others'. */
	assert_int_equal(close(heard.pipe[0]), 0);
	close(heard.pipe[1]);
}

static void refuses_too_many(void **state)
{
	struct heard heard = { 0 };
	const struct loop_handler ring = { &heard, on_ring };
	struct loop loop;

	assert_int_equal(loop_open(&loop), 0);
	for (int i = 0; i < MAX_LOOP_HANDLERS; i++)
		assert_int_equal(loop_add_timer(&loop, 1000, 0, &ring), 0);
	assert_int_equal(loop_add_timer(&loop, 1000, 0, &ring), -ENOSPC);
	assert_int_equal(loop_watch(&loop, -1, &ring), -ENOSPC);
	loop_close(&loop);
}

static bool never(void *context)
{
	return false;
}

/* What has happened before the first round counts. */
static void need_not_begin(void **state)
{
	struct loop loop;

	assert_int_equal(loop_open(&loop), 0);
	loop_run(&loop, NULL, never);
	loop_close(&loop);
}

/* ---- Signals ---- */

static struct command command;
static struct signals signals;

static int open_signals(void **state)
{
	command = (struct command){ .status = -1, .gate = -1, .failure = -1 };
	assert_int_equal(signals_open(&signals, &command), 0);
	return 0;
}

static int close_signals(void **state)
{
	if (command.pid > 0) {
		kill(command.pid, SIGKILL);
		waitpid(command.pid, NULL, 0);
	}
	signals_close(&signals);
	return 0;
}

static void run_command(void)
{
	command.pid = fork();
	if (!command.pid) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		for (;;)
			pause();
	}
	assert_true(command.pid > 0);
}

static void send(int number)
{
	assert_int_equal(raise(number), 0);
	signals_take(&signals);
}

static void one_ends_an_attached_capture(void **state)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	assert_false(signals_are_urgent(&signals));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		signals.is_over = false;
		send(numbers[i]);
		assert_true(signals.is_over);
		assert_false(signals.is_hasty);
		assert_true(signals_are_urgent(&signals));
	}
}

/* It has had its own by the terminal, and ends or does not. */
static void interrupts_are_the_commands(void **state)
{
	run_command();
	send(SIGINT);
	assert_false(signals.is_over);
	assert_true(signals_are_urgent(&signals));
	send(SIGINT);
	assert_false(signals.is_over);
	send(SIGINT);
	assert_true(signals.is_over && signals.is_hasty);
	assert_int_equal(signals_last(&signals), SIGINT);
	assert_int_equal(kill(command.pid, 0), 0);
}

static void termination_is_passed_on(void **state)
{
	run_command();
	send(SIGTERM);
	assert_false(signals.is_over);
	while (!signals.has_command_ended) {
		signals_take(&signals);
		usleep(1000);
	}
	assert_int_equal(command.pid, 0);
	assert_true(WIFSIGNALED(command.status) && WTERMSIG(command.status) == SIGTERM);
	send(SIGTERM);
	assert_true(signals.is_hasty);
	assert_int_equal(signals_last(&signals), SIGTERM);
}

static void snapshots_are_only_noted(void **state)
{
	send(SIGUSR1);
	assert_true(signals.wants_snapshot);
	assert_false(signals.is_over || signals_are_urgent(&signals));
}

/* A child that is not the command, as the process that looks at targets. */
static void others_ends_are_none(void **state)
{
	pid_t other = fork();

	if (!other)
		_exit(0);
	run_command();
	while (waitid(P_PID, (id_t)other, &(siginfo_t){ 0 }, WEXITED | WNOWAIT))
		;
	send(SIGCHLD);
	assert_false(signals.has_command_ended);
	assert_int_equal(command.status, -1);
	assert_int_equal(waitpid(other, NULL, 0), other);
}

#define SIGNAL_TEST(name) cmocka_unit_test_setup_teardown(name, open_signals, close_signals)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_handlers),	  cmocka_unit_test(refuses_too_many),
		cmocka_unit_test(need_not_begin),	  SIGNAL_TEST(one_ends_an_attached_capture),
		SIGNAL_TEST(interrupts_are_the_commands), SIGNAL_TEST(termination_is_passed_on),
		SIGNAL_TEST(snapshots_are_only_noted),	  SIGNAL_TEST(others_ends_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
