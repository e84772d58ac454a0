/* SPDX-License-Identifier: BSD-2-Clause */
/* A process's program by its memory: until an exec of the same command, or the end. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "process_begin.h"
#include "process_program.h"

/* Execs itself at each byte. */
static pid_t begin_process(int *ret_pipe)
{
	const char script[] = "read line; exec /bin/sh -c \"$0\" \"$0\"";
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		dup2(ends[0], 0);
		close(ends[1]);
		execl("/bin/sh", "/bin/sh", "-c", script, script, NULL);
		_exit(1);
	}
	close(ends[0]);
	*ret_pipe = ends[1];
	return pid;
}

static void await_gone(const struct process_program *program)
{
	while (!process_program_is_gone(program))
		usleep(1000);
}

static void tells_exec_and_end(void **state)
{
	struct process_program program;
	pid_t pid;
	int pipe;

	pid = begin_process(&pipe);
	assert_int_equal(process_program_open(pid, &program), 0);
	usleep(100000); /* our own exec of it may be the first */
	process_program_close(&program);
	assert_int_equal(process_program_open(pid, &program), 0);
	assert_false(process_program_is_gone(&program));
	assert_int_equal(write(pipe, "\n", 1), 1);
	await_gone(&program);
	process_program_close(&program);
	assert_false(process_program_is_gone(&program));
	assert_int_equal(process_program_open(pid, &program), 0);
	assert_false(process_program_is_gone(&program));
	kill(pid, SIGKILL);
	await_gone(&program);
	process_program_close(&program);
	assert_int_equal(process_program_open(pid, &program), -ESRCH);
	waitpid(pid, NULL, 0);
	assert_int_equal(process_program_open(pid, &program), -ESRCH);
	close(pipe);
}

/* What was only forked runs what it was forked from: that is older than the fork. */
static void a_fork_begins_no_program(void **state)
{
	uint64_t before_ns, began_ns;
	pid_t pid;
	int pipe;

	usleep(50000); /* more than the tick in which we began */
	before_ns = clock_wall_ns();
	pid = fork();
	if (!pid)
		_exit(pause());
	began_ns = process_program_began(pid);
	assert_true(began_ns && began_ns < before_ns);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(process_program_began(pid), 0);
	pid = begin_process(&pipe);
	while (process_program_began(pid) < before_ns) /* until it executes */
		usleep(1000);
	close(pipe);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_exec_and_end),
		cmocka_unit_test(a_fork_begins_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
