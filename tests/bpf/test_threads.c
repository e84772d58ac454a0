/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths that begin at their threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/host.h"
#include "memory.h"
#include "python_memory.h"
#include "session.h"

static struct python python;
static struct task_struct *first;
static __u64 module, work;

static void start(enum session_kernel kernel, __u32 version)
{
	session_open(kernel);
	session_ask_threads();
	first = session_process(100, "python3");
	python_make(&python, version);
	python_attach_thread(&python, first);
	session_set_python(first->mm, &python.layout, python.bias);
	module = python_code(&python, "/x.py", "<module>");
	work = python_code(&python, "/x.py", "work");
}

/* A thread whose frames are where those of the last one are. */
static struct task_struct *next_thread(int tid, __u64 start_time)
{
	struct task_struct *thread = machine_task_new(first->mm, 100, tid, "worker");
	__u64 leaf = python.leaf;

	thread->start_time = start_time;
	python_attach_thread(&python, thread);
	python_set_leaf(&python, leaf);
	return thread;
}

static void grow(struct task_struct *thread, __s64 pages)
{
	machine_run(thread);
	session_change(first->mm, KIND_ANON, pages);
}

static void finish(void)
{
	session_check();
	session_close();
}

/* One after the other, at the same addresses of frames and even with the same tid. */
static void test_same_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < python_nr_versions; i++) {
		struct task_struct *second, *third;

		start(SESSION_PERCPU, python_versions[i]);
		python_call(&python, module);
		python_call(&python, work);
		grow(first, 1);
		second = next_thread(101, 7);
		grow(second, 2);
		third = next_thread(102, 8);
		grow(third, 4);
		third->start_time = 9; /* another of that number */
		grow(third, 8);
		session_assert_row("[thread 100];<module>;work anon+1\n");
		session_assert_row("[thread 101];<module>;work anon+2\n");
		session_assert_row("[thread 102];<module>;work anon+4\n");
		session_assert_row("[thread 102];<module>;work anon+8\n");
		finish();
	}
}

static void test_calls(void **state)
{
	struct task_struct *second;

	(void)state;
	start(SESSION_PERCPU, PYTHON_3_12);
	python_call(&python, module);
	for (int i = 0; i < 3; i++) {
		python_call(&python, work);
		session_call(python.leaf, python.tstate);
		python_return(&python);
	}
	second = next_thread(101, 7);
	machine_run(second);
	python_call(&python, work);
	session_call(python.leaf, python.tstate);
	session_assert_row("[thread 100];<module>;work calls 3\n");
	session_assert_row("[thread 101];<module>;work calls 1\n");
	finish();
}

/* A stack whose root is not reached stands below its thread, too. */
static void test_truncated(void **state)
{
	static const enum session_kernel kernels[] = { SESSION_PERCPU, SESSION_OLDEST };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		start(kernels[i], PYTHON_3_12);
		python_call(&python, module);
		for (int depth = 0; depth < MAX_FRAMES; depth++)
			python_call(&python, work);
		machine_run(first);
		session_change(first->mm, KIND_ANON, 1);
		session_change(first->mm, KIND_ANON, 1);
		session_assert_row("[thread 100];[truncated];work*");
		session_assert_row("stack_truncated");
		finish();
	}
}

/* More than have rows: one row for all others, counted. */
static void test_many(void **state)
{
	struct task_struct *thread;

	(void)state;
	start(SESSION_PERCPU, PYTHON_3_12);
	python_call(&python, module);
	thread = next_thread(1000, 7);
	for (int i = 0; i < MAX_THREAD_ROWS + 10; i++) {
		thread->start_time = 8 + i; /* another of that number */
		grow(thread, 1);
	}
	session_assert_row("[thread 1000];<module> anon+1\n");
	session_assert_row("[thread 0];<module> anon+10\n");
	session_assert_row("threads_joined 10");
	finish();
}

/* What vfork children do in the memory of the thread that waits for them is that thread's, however
 * many there are; also what a child of a child does. */
static void check_vfork_children(enum session_kernel kernel)
{
	struct task_struct *worker, *child, *grandchild;

	start(kernel, PYTHON_3_12);
	python_call(&python, module);
	python_call(&python, work);
	worker = next_thread(101, 7);
	child = machine_task_new(first->mm, 200, 200, "worker");
	child->real_parent = worker;
	child->THREAD_POINTER = worker->THREAD_POINTER;
	for (int i = 0; i < MAX_THREAD_ROWS + 10; i++) {
		child->tgid = child->pid = 200 + i;
		child->start_time++;
		grow(child, 1);
	}
	grandchild = machine_task_new(first->mm, 900, 900, "worker");
	grandchild->real_parent = child;
	grandchild->THREAD_POINTER = worker->THREAD_POINTER;
	grow(grandchild, 1);
	session_assert_row("[thread 101];<module>;work anon+267\n");
	if (session_is_percpu()) {
		assert_null(session_thread(200));
		assert_null(session_thread(900));
		assert_int_equal(session_thread(101)->start_ns, worker->start_time);
		grow(first, 1); /* what this CPU kept for the other is added up */
		assert_int_equal(session_thread(101)->growth, 267);
	}
	finish();
}

static void test_vfork_children(void **state)
{
	(void)state;
	check_vfork_children(SESSION_PERCPU);
	check_vfork_children(SESSION_OLDEST);
}

/* What runs no Python is no part of a Python thread's tree. */
static void test_native(void **state)
{
	struct task_struct *native;

	(void)state;
	start(SESSION_PERCPU, PYTHON_3_12);
	session_ask_owners(64);
	python_call(&python, module);
	grow(first, 1);
	native = machine_task_new(first->mm, 100, 101, "pool-1");
	machine_run(first);
	session_fork_event(first, native);
	grow(native, 3);
	session_assert_row("[native pool-1] anon+3\n[thread 100];<module> anon+1\n");
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_frames), cmocka_unit_test(test_calls),
		cmocka_unit_test(test_truncated),   cmocka_unit_test(test_many),
		cmocka_unit_test(test_native),	    cmocka_unit_test(test_vfork_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
