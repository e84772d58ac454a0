/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of frames that never end: who dies on them, or begins another program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calls_fixture.h"
#include "host/host.h"
#include "memory.h"

/* A function runs from its start to its end. */
static void call(__u64 code)
{
	python_call(&python, code);
	session_call(python.leaf, python.tstate);
	python_return(&python);
}

/* A thread that is killed in frames which cannot be read: their calls are missing. */
static void check_killed_unreadable(void)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");

	if (python.layout.version < 0x30b) /* frames are objects: what else is in their page goes */
		return;
	python_attach_thread(&python, worker);
	machine_run(worker);
	python_call(&python, function("f"));
	session_change(task->mm, KIND_ANON, 1);
	host_user_drop(python.leaf);
	worker->signal->live.counter = 1;
	session_exit_event(worker);
	assert_int_equal(session_image(task->mm)->loss_events[LOSS_frame_unreadable],
			 is_by_ends && session_is_percpu());
	machine_run(task);
}

static void test_killed_unreadable(void **state)
{
	(void)state;
	on_each(check_killed_unreadable);
}

/* The node on which a thread has ended, 0: on none. */
static __u32 take_last_node(int tid)
{
	struct wire_thread_end end;

	while (session_take(RECORD_THREAD_END, &end, sizeof(end))) {
		if (end.thread.tid == (__u32)tid)
			return end.thread.node.value;
	}
	return 0;
}

/* The node on which a thread dies that has caused an event or none. */
static __u32 die(struct task_struct *thread, __s32 pages)
{
	machine_run(thread);
	if (pages)
		session_change(task->mm, KIND_ANON, pages);
	thread->signal->live.counter = thread->tgid == task->tgid;
	session_exit_event(thread);
	machine_run(task);
	return take_last_node(thread->pid);
}

/* A thread dies on a path; a vfork child that has its parent's thread pointer does on none. */
static void check_vfork_child(void)
{
	struct task_struct *child = machine_task_new(task->mm, 200, 200, "python3");
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");

	python_call(&python, function("f"));
	child->THREAD_POINTER = task->THREAD_POINTER;
	assert_int_equal(die(child, 1), 0);
	worker->THREAD_POINTER = task->THREAD_POINTER;
	assert_int_equal(die(worker, 1) != 0, is_by_ends && session_is_percpu());
}

static void test_vfork_child(void **state)
{
	(void)state;
	on_each(check_vfork_child);
}

/* A thread dies that took no memory of its own. */
static void check_killed_unseen(void)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");

	python_call(&python, function("f"));
	worker->THREAD_POINTER = task->THREAD_POINTER;
	assert_int_equal(die(worker, 0) != 0, is_by_ends && session_is_percpu());
}

static void test_killed_unseen(void **state)
{
	(void)state;
	on_each(check_killed_unseen);
}

/* How a thread ends after another has taken the runtime down. */
enum left_way {
	LEFT_KILLED, /* a daemon thread */
	LEFT_ENDS,   /* the same, which wanted to run Python: the C library has emptied its slots */
	LEFT_ENDS_KILLED, /* and before its end the process ends */
	LEFT_RETURNED,
	LEFT_RETURNED_QUICKLY, /* on a path that is known by then */
	LEFT_NATIVE,
	LEFT_NATIVE_KILLED, /* it had a state */
	NR_LEFT_WAYS
};

/* A thread has no state any more. */
static void detach(const struct task_struct *thread)
{
	const __u64 none = 0;

	if (python.layout.tstate_by == TSTATE_BY_TLS)
		host_user_write(thread->THREAD_POINTER +
					(__u64)(__s64)python.layout.tls_bound.offset,
				&none, sizeof(none));
	else
		python_put_slot(&python, thread, python.key, 1, 0);
}

static void end_left(struct task_struct *worker, enum left_way way, __u64 outermost)
{
	bool is_tls = python.layout.tstate_by == TSTATE_BY_TLS;

	machine_run(worker);
	session_change(task->mm, KIND_ANON, 1);
	if (way != LEFT_NATIVE)
		python_attach_thread(&python, worker);
	if (way == LEFT_NATIVE_KILLED)
		detach(worker);
	if (way == LEFT_ENDS_KILLED) {
		python_call(&python, outermost);
		session_change(task->mm, KIND_ANON, 1);
	}
	if (way == LEFT_RETURNED || way == LEFT_RETURNED_QUICKLY) {
		call(outermost);
		detach(worker);
	}
	if ((way == LEFT_ENDS || way == LEFT_ENDS_KILLED) && !is_tls)
		detach(worker);
	python_set_finalizing(&python);
	if (way == LEFT_KILLED || way == LEFT_ENDS_KILLED || way == LEFT_NATIVE_KILLED)
		worker->signal->flags = SIGNAL_GROUP_EXIT;
	die(worker, 0);
}

/* Frames of daemon threads go with their states, before the threads end: whether they were in calls
 * nobody knows then. */
static void check_left(void)
{
	const __u64 none = 0;
	__u64 outermost = function("outermost");

	for (enum left_way way = 0; way < NR_LEFT_WAYS; way++) {
		struct task_struct *worker = machine_task_new(task->mm, 100, 101 + (int)way,
							      "worker");
		struct wire_image *image = session_image(task->mm);

		image->flags &= ~(__u32)IMAGE_LEFT_CALLS;
		end_left(worker, way, outermost);
		assert_int_equal(!!(image->flags & IMAGE_LEFT_CALLS),
				 is_by_ends && session_is_percpu() && way <= LEFT_ENDS_KILLED);
		host_user_write(python.bias + python.layout.finalizing_vaddr, &none, sizeof(none));
	}
}

static void test_left(void **state)
{
	(void)state;
	on_each(check_left);
}

/* A worker dies while there are `nr` interpreters, in one of them. Returns whether it may have left
 * frames of others. */
static bool leaves_outer(struct python *const interpreters[], int nr, struct python *runs)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");
	struct wire_image *image = session_image(task->mm);

	python_list_interpreters(interpreters, nr);
	session_set_python(task->mm, &python.layout, python.bias);
	image->flags &= ~(__u32)(IMAGE_OUTER_CALLS | IMAGE_SUBINTERPRETERS);
	if (runs)
		python_attach_thread(runs, worker);
	die(worker, 0);
	return image->flags & IMAGE_OUTER_CALLS;
}

/* Frames of a thread that runs one interpreter from another are on two states. Up to 3.11 the slot
 * does not tell which it runs. */
static void check_outer(void)
{
	bool is_seen = is_by_ends && session_is_percpu();
	struct python other = python;
	struct python *const both[] = { &other, &python };

	if (python.layout.version < 0x30b)
		return;
	python_make_interpreter(&other, task->THREAD_POINTER);
	assert_false(leaves_outer(both + 1, 1, &python));
	assert_int_equal(leaves_outer(both, 2, &python), is_seen && python.layout.version < 0x30c);
	assert_int_equal(leaves_outer(both, 2, &other), is_seen);
	assert_false(leaves_outer(both, 2, NULL));
}

static void test_outer(void **state)
{
	(void)state;
	on_each(check_outer);
}

/* What calls exec never returns. Nor does it where it fails from then on: the thread dies. */
static void check_exec(void)
{
	struct mm_struct *next = machine_mm_new(session_is_percpu());
	bool is_found = is_by_ends && session_is_percpu();

	python_call(&python, function("f"));
	session_change(task->mm, KIND_ANON, 1);
	session_prepare_exec_event(task);
	task->mm = next;
	session_exec_event(task);
	session_change(next, KIND_ANON, 1);
	assert_int_equal(take_last_node(task->pid) != 0, is_found);
}

static void check_failed_exec(void)
{
	python_call(&python, function("f"));
	session_change(task->mm, KIND_ANON, 1);
	session_prepare_exec_event(task);
	task->mm = NULL;
	session_exit_event(task);
	assert_int_equal(take_last_node(task->pid) != 0, is_by_ends && session_is_percpu());
}

static void test_exec(void **state)
{
	(void)state;
	on_each(check_exec);
	on_each(check_failed_exec);
}

/* A vfork child begins a program in its parent's memory. */
static void check_exec_of_child(void)
{
	struct task_struct *child = machine_task_new(task->mm, 200, 200, "python3");

	python_call(&python, function("f"));
	child->THREAD_POINTER = task->THREAD_POINTER;
	machine_run(child);
	session_change(task->mm, KIND_ANON, 1);
	session_prepare_exec_event(child);
	child->mm = NULL;
	session_exit_event(child);
	assert_int_equal(take_last_node(child->pid), 0);
	machine_run(task);
}

static void test_exec_of_child(void **state)
{
	(void)state;
	on_each(check_exec_of_child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_unreadable),
		cmocka_unit_test(test_vfork_child),
		cmocka_unit_test(test_killed_unseen),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_of_child),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_outer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
