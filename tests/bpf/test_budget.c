/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When does --calls=auto stop? The CPU time of a process is the sum of what its threads spend, and
 * those of two threads have nothing to do with each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "session.h"

#define SECOND 1000000000ULL
#define CALL_NS 750 /* cfg_call_cost_ns */

static struct task_struct *first;

static void open_fixture(void)
{
	session_open(SESSION_PERCPU);
	first = session_process(100, "python3");
	first->start_time = 0; /* before everything */
}

static struct task_struct *add_thread(int tid, __u64 start_time)
{
	struct task_struct *task = machine_task_new(first->mm, first->tgid, tid, "worker");

	task->start_time = start_time;
	return task;
}

/* A thread that runs and makes calls, each after so much CPU time. Returns how many calls it made
 * before counting stopped; all, when it did not. */
static __u64 call(struct task_struct *task, __u64 calls, __u64 cpu_ns)
{
	machine_run(task);
	for (__u64 i = 0; i < calls; i++) {
		task->se.sum_exec_runtime += cpu_ns;
		session_watch_budget(task->mm, 1);
		if (session_image(task->mm)->flags & IMAGE_CALLS_OVER)
			return i;
	}
	return calls;
}

static void test_only_calls(void **state)
{
	__u64 calls;

	(void)state;
	open_fixture();
	/* What is free, and one part in a hundred of 1 us each. */
	calls = call(first, 1000000, 1000);
	assert_in_range(calls, 50000000 / CALL_NS, 51000000 / CALL_NS);
	session_close();
}

static void test_few_calls(void **state)
{
	(void)state;
	open_fixture();
	assert_int_equal(call(first, 1000000, 100 * CALL_NS), 1000000);
	session_close();
}

/* The thread that was looked at first had spent six seconds before, and others begin at nothing. */
static void test_younger_threads(void **state)
{
	__u64 calls = 0;

	(void)state;
	open_fixture();
	first->se.sum_exec_runtime = 6 * SECOND;
	call(first, 2000, 1000);
	for (int tid = 101; tid < 106 && !(session_image(first->mm)->flags & IMAGE_CALLS_OVER);
	     tid++)
		calls += call(add_thread(tid, 0), 1000000, 1000);
	assert_in_range(calls, 40000000 / CALL_NS, 52000000 / CALL_NS);
	session_close();
}

/* One that spent an hour before its first call spent it before its calls were counted. */
static void test_older_thread(void **state)
{
	struct task_struct *old;
	__u64 calls;

	(void)state;
	open_fixture();
	call(first, 300, 1000);
	old = add_thread(101, 0);
	old->se.sum_exec_runtime = 3600 * SECOND;
	calls = call(old, 1000000, 1000);
	assert_in_range(calls, 40000000 / CALL_NS, 52000000 / CALL_NS);
	session_close();
}

/* What two threads spend counts twice, and what one that began later spent before its first call.
 */
static void test_sum_of_threads(void **state)
{
	struct task_struct *second;
	const struct wire_image *image;

	(void)state;
	open_fixture();
	call(first, 300, 1000);
	second = add_thread(101, session_image(first->mm)->calls_since_ns + 1);
	second->se.sum_exec_runtime = SECOND;
	for (int i = 0; i < 100; i++) {
		call(first, 500, 100000);
		call(second, 500, 100000);
	}
	image = session_image(first->mm);
	assert_false(image->flags & IMAGE_CALLS_OVER);
	/* All but what came after each thread's last look. */
	assert_in_range(image->calls_cpu_ns, SECOND + 100000 * 99000ULL,
			SECOND + 100000 * 100500ULL);
	session_close();
}

/* Hits that walk count for four, in whatever steps: no number of calls is waited for. */
static void test_walks(void **state)
{
	__u64 hits = 0;

	(void)state;
	open_fixture();
	session_watch_budget(first->mm, 1);
	session_watch_budget(first->mm, 1);
	for (; hits < 1000000 && !(session_image(first->mm)->flags & IMAGE_CALLS_OVER); hits++)
		session_watch_budget(first->mm, 4);
	assert_in_range(hits, 50000000 / CALL_NS / 4, 51000000 / CALL_NS / 4);
	session_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_calls),	cmocka_unit_test(test_few_calls),
		cmocka_unit_test(test_younger_threads), cmocka_unit_test(test_older_thread),
		cmocka_unit_test(test_sum_of_threads),	cmocka_unit_test(test_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
