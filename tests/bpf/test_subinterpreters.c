/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/subinterpreters.h on memory made by hand: which interpreter's state the current thread runs,
 * up to 3.11, on kernels with bpf_loop and without.
 */
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
static struct task_struct *task;

static void touch(__s32 pages)
{
	session_change(task->mm, KIND_ANON, pages);
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

static void call(struct python *of_thread, const char *name)
{
	python_call(of_thread, python_code(of_thread, "/srv/app.py", name));
}

/* Two threads, each with its own state, and an interpreter that the first has made; their stacks
 * end where their thread pointers lead. */
#define STACK_BELOW 0x4000
#define FAR_UP 0x2800	/* further than is looked through up to 3.9 */
#define ROOT_CFRAME 200 /* in a thread state */

struct stacks {
	struct task_struct *worker;
	struct python of_worker, other;
	__u64 sp; /* of the worker */
};

static struct stacks stacks;

static void run_at(struct task_struct *thread, __u64 sp)
{
	static const char zeroes[HOST_PAGE];
	__u64 end = thread->THREAD_POINTER & -HOST_PAGE;

	for (__u64 page = end - STACK_BELOW; page < end; page += HOST_PAGE)
		host_user_write(page, zeroes, sizeof(zeroes));
	machine_run(thread);
	host.registers = (struct pt_regs){ .SYSCALL_NUMBER = NO_SYSCALL, .sp = sp };
}

static void make_stacks(void)
{
	struct python *const interpreters[] = { &stacks.other, &python };

	call(&python, "<module>");
	stacks.worker = machine_task_new(task->mm, 100, 101, "worker");
	stacks.of_worker = python;
	python_attach_thread(&stacks.of_worker, stacks.worker);
	call(&stacks.of_worker, "run");
	stacks.other = stacks.of_worker;
	python_make_interpreter(&stacks.other, task->THREAD_POINTER);
	python_list_interpreters(interpreters, 2);
	session_set_python(task->mm, &python.layout, python.bias);
	session_image(task->mm)->flags |= IMAGE_SUBINTERPRETERS;
	stacks.sp = (stacks.worker->THREAD_POINTER & -HOST_PAGE) - STACK_BELOW + 0x208;
	run_at(stacks.worker, stacks.sp);
}

/* On each version that takes another interpreter's state without binding it to the thread. */
static void on_each(void (*test)(void))
{
	for (int kernel = 0; kernel < NR_SESSION_KERNELS; kernel++)
		for (size_t i = 0; i < python_nr_versions; i++) {
			if (python_versions[i] < PYTHON_3_8 || python_versions[i] >= PYTHON_3_12)
				continue;
			session_open(kernel);
			task = session_process(100, "python3");
			python_make(&python, python_versions[i]);
			python_attach_thread(&python, task);
			make_stacks();
			test();
			session_check();
			session_close();
		}
}

/* The worker runs what the first thread has made, and later its own again. */
static void check_made_elsewhere(void)
{
	python_put_cframe(&stacks.of_worker, stacks.sp + 0x800);
	touch(1);
	call(&stacks.other, "inside");
	python_put_cframe(&stacks.other, stacks.sp + 0x100);
	touch(2);
	python_return(&stacks.other);
	python_put_cframe(&stacks.other, stacks.other.tstate + ROOT_CFRAME);
	touch(4);
	assert_report("inside anon+2\nrun anon+5\n");
}

static void test_made_elsewhere(void **state)
{
	on_each(check_made_elsewhere);
}

/* The first thread runs the main interpreter meanwhile, without the GIL and with it. */
static void check_maker_beside(void)
{
	call(&stacks.other, "inside");
	python_put_cframe(&stacks.of_worker, stacks.sp + 0x800);
	python_put_cframe(&stacks.other, stacks.sp + 0x100);
	run_at(task, (task->THREAD_POINTER & -HOST_PAGE) - STACK_BELOW);
	python_put_cframe(&python, host.registers.sp + 0x1100);
	touch(1);
	python_hold_gil(&python);
	host_user_drop(host.registers.sp);
	touch(2);
	assert_report("<module> anon+3\n");
}

static void test_maker_beside(void **state)
{
	on_each(check_maker_beside);
}

/* The evaluating function's frame pointer is in a register, up to 3.9. */
static void check_leaf_in_register(void)
{
	if (python.layout.tstate_cframe != NO_OFFSET)
		return;
	call(&stacks.other, "inside");
	host.registers.VARIABLE3 = stacks.other.leaf;
	touch(1);
	assert_report("inside anon+1\n");
}

static void test_leaf_in_register(void **state)
{
	on_each(check_leaf_in_register);
}

/* The page to which the stack grows is not there yet. */
static void check_growing_stack(void)
{
	call(&stacks.other, "inside");
	python_put_cframe(&stacks.other, stacks.sp + 0x1100);
	host_user_drop(stacks.sp);
	touch(1);
	assert_report("inside anon+1\n");
}

static void test_growing_stack(void **state)
{
	on_each(check_growing_stack);
}

/* Neither state is on the stack, as far as it is looked through. */
static void check_state_nowhere(void)
{
	__u64 place;

	place = stacks.sp + FAR_UP;
	call(&stacks.other, "inside");
	if (python.layout.tstate_cframe != NO_OFFSET)
		place = stacks.worker->THREAD_POINTER + 2 * HOST_PAGE; /* another's stack */
	python_put_cframe(&stacks.of_worker, place);
	python_put_cframe(&stacks.other, place + 0x100);
	touch(1);
	assert_report("[lost] anon+1\n!thread_unclear 1 event 1 page\n");
}

static void test_state_nowhere(void **state)
{
	on_each(check_state_nowhere);
}

/* A callback into the main interpreter (PyGILState_Ensure) from the other. */
static void check_callback(void)
{
	call(&stacks.other, "inside");
	python_put_cframe(&stacks.other, stacks.sp + 0x400);
	call(&stacks.of_worker, "back");
	python_put_cframe(&stacks.of_worker, stacks.sp + 0x100);
	python_hold_gil(&stacks.of_worker);
	touch(1);
	assert_report("run;back anon+1\n");
}

static void test_callback(void **state)
{
	on_each(check_callback);
}

/* Another thread's event comes, and is done, on the same CPU. */
static void preempt(void)
{
	struct pt_regs registers = host.registers;

	machine_run(task);
	host.registers.sp = (task->THREAD_POINTER & -HOST_PAGE) - STACK_BELOW;
	touch(1);
	machine_run(stacks.worker);
	host.registers = registers;
}

/* A probe's program is preempted while it looks for the state: the other's look is not its own. */
static void check_preempted(void)
{
	call(&stacks.other, "inside");
	python_put_cframe(&stacks.of_worker, stacks.sp + 0x800);
	python_put_cframe(&stacks.other, stacks.sp + 0x100);
	python_put_cframe(&python, (task->THREAD_POINTER & -HOST_PAGE) - STACK_BELOW + 0x1100);
	assert_int_equal(session_probe_leaf(task->mm), stacks.other.leaf);
	host.on_lookup = preempt;
	assert_int_equal(session_probe_leaf(task->mm), stacks.other.leaf);
	host.on_lookup = NULL;
}

static void test_preempted(void **state)
{
	on_each(check_preempted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_elsewhere),	 cmocka_unit_test(test_maker_beside),
		cmocka_unit_test(test_leaf_in_register), cmocka_unit_test(test_growing_stack),
		cmocka_unit_test(test_state_nowhere),	 cmocka_unit_test(test_callback),
		cmocka_unit_test(test_preempted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
