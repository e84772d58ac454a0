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
#define CALL_NS 800	 /* cfg_call_cost_ns */
#define FREE_NS 18000000 /* CALLS_FREE_NS */
#define REST_NS 8000000	 /* at most: BUDGET_DETACH_NS */

static struct task_struct *first;

static void open_fixture(void)
{
	session_open(SESSION_PERCPU);
	first = session_process(100, "python3");
	first->start_time = 0; /* before everything */
}

static bool is_over(const struct mm_struct *mm)
{
	return session_image(mm)->flags & IMAGE_CALLS_OVER;
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
		host.now_ns += cpu_ns;
		session_watch_budget(task->mm, 1);
		if (is_over(task->mm))
			return i;
	}
	return calls;
}

static void test_only_calls(void **state)
{
	__u64 calls;

	(void)state;
	open_fixture();
	/* What is free less what detaching will take. */
	calls = call(first, 1000000, CALL_NS);
	assert_in_range(calls, (FREE_NS - REST_NS) / CALL_NS, (FREE_NS - REST_NS) / CALL_NS + 1000);
	session_close();
}

/* What will be hit until the probes are gone is less where hits are fewer. */
static void test_rate(void **state)
{
	__u64 calls;

	(void)state;
	open_fixture();
	calls = call(first, 1000000, 8 * CALL_NS);
	assert_in_range(calls, (FREE_NS - REST_NS / 8) / CALL_NS,
			(FREE_NS - REST_NS / 8) / CALL_NS * 105 / 100);
	session_close();
}

static void test_few_calls(void **state)
{
	(void)state;
	open_fixture();
	assert_int_equal(call(first, 1000000, 200 * CALL_NS), 1000000);
	session_close();
}

/* The thread that was looked at first had spent six seconds before, and others begin at nothing. */
static void test_younger_threads(void **state)
{
	__u64 calls = 0;

	(void)state;
	open_fixture();
	first->se.sum_exec_runtime = 6 * SECOND;
	call(first, 2000, CALL_NS);
	for (int tid = 101; tid < 106 && !is_over(first->mm); tid++)
		calls += call(add_thread(tid, 0), 1000000, CALL_NS);
	assert_in_range(calls + 2000, (FREE_NS - REST_NS) / CALL_NS,
			(FREE_NS - REST_NS) / CALL_NS + 1000);
	session_close();
}

/* One that spent an hour before its first call spent it before its calls were counted. */
static void test_older_thread(void **state)
{
	struct task_struct *old;
	__u64 calls;

	(void)state;
	open_fixture();
	call(first, 300, CALL_NS);
	old = add_thread(101, 0);
	old->se.sum_exec_runtime = 3600 * SECOND;
	calls = call(old, 1000000, CALL_NS);
	assert_in_range(calls, (FREE_NS - REST_NS) / CALL_NS - 300,
			(FREE_NS - REST_NS) / CALL_NS + 1000);
	session_close();
}

/* What two threads spend counts twice, and what one that began later spent before its first call.
 */
static void test_sum_of_threads(void **state)
{
	struct task_struct *second;

	(void)state;
	open_fixture();
	call(first, 300, 1000);
	second = add_thread(101, session_image(first->mm)->calls_since_ns + 1);
	second->se.sum_exec_runtime = SECOND;
	for (int i = 0; i < 100; i++) {
		call(first, 500, 200000);
		call(second, 500, 200000);
	}
	assert_false(is_over(first->mm));
	/* All but what came after each thread's last look. */
	assert_in_range(session_budget_cpu_ns(), SECOND + 200000 * 99000ULL,
			SECOND + 200000 * 100500ULL);
	session_close();
}

/* Hits that walk count for more, in whatever steps: no number of calls is waited for. */
static void test_walks(void **state)
{
	__u64 hits = 0;

	(void)state;
	open_fixture();
	session_watch_budget(first->mm, 1);
	session_watch_budget(first->mm, 1);
	for (; hits < 1000000 && !is_over(first->mm); hits++)
		session_watch_budget(first->mm, 4);
	assert_in_range(hits, (FREE_NS - REST_NS) / CALL_NS / 4,
			(FREE_NS - REST_NS) / CALL_NS / 4 + 300);
	session_close();
}

/* The free part is one for all processes. */
static void test_processes(void **state)
{
	struct task_struct *other;
	__u64 calls;

	(void)state;
	open_fixture();
	other = session_process(200, "python3");
	other->start_time = 0;
	call(other, 5000, CALL_NS);
	assert_false(is_over(other->mm));
	calls = call(first, 1000000, CALL_NS);
	assert_in_range(calls, (FREE_NS - REST_NS) / CALL_NS - 5000,
			(FREE_NS - REST_NS) / CALL_NS - 4000);
	/* The other hears of it when it is looked at next. */
	assert_false(is_over(other->mm));
	assert_in_range(call(other, 1000, CALL_NS), 0, 500);
	session_close();
}

/* A child has its parent's breakpoints, until they are swept out. */
static void test_forks(void **state)
{
	struct task_struct *child;
	int forks = 0;

	(void)state;
	open_fixture();
	call(first, 1000, 200 * CALL_NS);
	session_image(first->mm)->has_calls = 1;
	for (; forks < 100 && !is_over(first->mm); forks++) {
		child = machine_task_new(machine_mm_new(true), 300 + forks, 300 + forks, "python3");
		child->real_parent = first;
		session_fork_event(first, child);
		call(first, 1, 200 * CALL_NS);
	}
	assert_in_range(forks, 3, 5);
	session_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_calls),   cmocka_unit_test(test_rate),
		cmocka_unit_test(test_few_calls),    cmocka_unit_test(test_younger_threads),
		cmocka_unit_test(test_older_thread), cmocka_unit_test(test_sum_of_threads),
		cmocka_unit_test(test_walks),	     cmocka_unit_test(test_processes),
		cmocka_unit_test(test_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
