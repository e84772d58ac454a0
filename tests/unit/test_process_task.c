/* SPDX-License-Identifier: BSD-2-Clause */
/* A process whose main thread has ended is read, and held, by another of its threads. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap_account.h"
#include "process_maps.h"
#include "process_memory.h"
#include "process_stat.h"
#include "process_task.h"
#include "target_freeze.h"

#define NAP_US 1000

static void *wait_for_end(void *context)
{
	for (;;)
		pause();
	return NULL;
}

static pid_t begin_without_main(void)
{
	struct process_stat stat = { 0 };
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		pthread_create(&thread, NULL, wait_for_end, NULL);
		pthread_exit(NULL);
	}
	while (stat.state != 'Z') {
		assert_int_equal(process_stat_read(pid, &stat), 0);
		usleep(NAP_US);
	}
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_living_thread(void **state)
{
	pid_t pid = begin_without_main(), task = process_task(pid);

	assert_int_not_equal(task, pid);
	assert_true(process_has_lost_main(pid));
	end_process(pid);
	assert_false(process_has_lost_main(pid));
	assert_false(process_has_lost_main(getpid()));
	assert_int_equal(process_task(getpid()), getpid());
}

/* One that has ended as a whole, and waits for us to notice. */
static void test_zombie(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_false(process_has_lost_main(pid));
	end_process(pid);
}

static void test_is_read(void **state)
{
	static const uint64_t word = 0x1234567890abcdef;
	pid_t pid = begin_without_main();
	struct process_memory memory;
	struct process_maps maps = { 0 };
	struct heap_account account;
	uint64_t read = 0;

	assert_int_equal(process_maps_read(pid, &maps), 0);
	assert_true(maps.nr_mappings > 0);
	process_maps_clear(&maps);
	assert_int_equal(process_memory_open(&memory, pid), 0);
	assert_int_equal(
		process_memory_fetch(&memory, (uint64_t)(uintptr_t)&word, &read, sizeof(read)), 0);
	assert_true(read == word);
	process_memory_close(&memory);
	assert_int_equal(heap_account_read(pid, &account), 0);
	assert_true(account.rss > 0);
	end_process(pid);
}

static void test_is_held(void **state)
{
	pid_t pid = begin_without_main();
	struct process_stat stat;
	struct target_freeze freeze;

	assert_int_equal(target_freeze_begin(pid, &freeze), 0);
	assert_int_equal(process_stat_read(process_task(pid), &stat), 0);
	assert_int_equal(stat.state, 't');
	target_freeze_end(&freeze);
	end_process(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_living_thread),
		cmocka_unit_test(test_zombie),
		cmocka_unit_test(test_is_read),
		cmocka_unit_test(test_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
