/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which moment `live` is of: when a runtime comes to its end, before what is given back there goes,
 * by whomever. For every version of CPython that is walked differently.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "memory.h"
#include "python_memory.h"
#include "session.h"

#define BASE 0x7f1200000000ULL
#define PAGE 4096ULL
#define NR_munmap 11
#define MAX_REGIONS 64
#define GOING_ON_PAGES 256 /* as in bpf/book.h */

static struct python python;
static struct task_struct *task, *worker;

static void open_fixture(__u32 version)
{
	session_open(SESSION_PERCPU);
	session_ask_owners(MAX_REGIONS);
	task = session_process(100, "python3");
	worker = machine_task_new(task->mm, 100, 101, "worker");
	session_fork_event(task, worker);
	python_make(&python, version);
	session_set_python(task->mm, &python.layout, python.bias);
	python_attach_thread(&python, worker);
	python_call(&python, python_code(&python, "/srv/app.py", "run"));
	python.stack += 16 * HOST_PAGE;
	python_attach_thread(&python, task);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
}

static void on_each(void (*test)(void))
{
	for (size_t i = 0; i < python_nr_versions; i++) {
		open_fixture(python_versions[i]);
		test();
		session_check();
		session_close();
	}
}

static void take(struct task_struct *by, __u64 first, __s32 pages)
{
	machine_run(by);
	for (__s32 i = 0; i < pages; i++) {
		session_touch(BASE + (first + i) * PAGE);
		session_change(task->mm, KIND_ANON, 1);
	}
}

static void give_back(struct task_struct *by, __u64 first, __s32 pages)
{
	machine_run(by);
	session_enter(NR_munmap, BASE + first * PAGE, pages * PAGE, 0);
	session_change(task->mm, KIND_ANON, -pages);
	session_enter(-1, 0, 0, 0);
}

static void set_flag(bool is_set)
{
	const __u64 none = 0;

	if (is_set)
		python_set_finalizing(&python);
	else
		host_user_write(python.bias + python.layout.finalizing_vaddr, &none, sizeof(none));
}

/* What a path held then, as user space takes it. */
static __s32 held_at_the_end(const char *name)
{
	const struct wire_image *image = session_image(task->mm);
	const struct wire_held *held = session_held(session_find_named(task->mm, name));

	return image->final_moment && held->final_moment == image->final_moment
		       ? held->at_final[KIND_ANON]
		       : held->live[KIND_ANON];
}

static void assert_end(__u32 moment, __s64 pages, __s32 of_module)
{
	const struct wire_image *image = session_image(task->mm);

	assert_int_equal(image->final_moment, moment);
	assert_int_equal(image->final_books[KIND_ANON], pages);
	assert_int_equal(held_at_the_end("<module>"), of_module);
}

/* `__del__` has a frame, and no event came before without one. */
static void check_released_by_frame(void)
{
	take(task, 0, 40);
	give_back(task, 0, 8);
	assert_int_equal(session_image(task->mm)->final_moment, 0);
	set_flag(true);
	give_back(task, 8, 30);
	assert_end(1, 32, 32);
	take(task, 100, 50);
	give_back(task, 100, 50);
	python_return(&python);
	give_back(task, 38, 2);
	assert_end(1, 32, 32);
}

static void test_released_by_frame(void **state)
{
	(void)state;
	on_each(check_released_by_frame);
}

/* What `atexit` gives back, before the runtime says so. Nothing is to be stopped for it. */
static void check_released_at_exit(void)
{
	session_ask_last_looks(1000);
	take(task, 0, 40);
	session_finalizing();
	assert_end(1, 40, 40);
	give_back(task, 0, 30);
	python_return(&python);
	take(task, 50, 5);
	set_flag(true);
	give_back(task, 30, 10);
	assert_end(1, 40, 40);
	assert_true(session_image(task->mm)->flags & IMAGE_FINALIZING);
}

static void test_released_at_exit(void **state)
{
	(void)state;
	on_each(check_released_at_exit);
}

/* The main thread waits there for others, of which some go on. */
static void check_others_go_on(void)
{
	take(task, 0, 40);
	take(worker, 1000, 10);
	session_finalizing();
	take(worker, 1010, GOING_ON_PAGES / 2);
	give_back(worker, 1010, GOING_ON_PAGES / 2);
	assert_end(1, 50, 40);
	take(worker, 1010, 1);
	assert_int_equal(session_image(task->mm)->final_moment, 0);
	take(worker, 1011, 500);
	give_back(task, 0, 10);
	set_flag(true);
	give_back(task, 10, 20);
	assert_end(2, 541, 30);
	assert_int_equal(held_at_the_end("run"), 511);
	/* Whoever still runs then has no say. */
	give_back(worker, 1000, 511);
	assert_end(2, 541, 30);
}

static void test_others_go_on(void **state)
{
	(void)state;
	on_each(check_others_go_on);
}

/* A program that begins another Python has another end. */
static void check_second_python(void)
{
	take(task, 0, 40);
	session_finalizing();
	set_flag(true);
	give_back(task, 0, 10);
	python_return(&python);
	give_back(task, 10, 10);
	assert_end(1, 40, 40);
	set_flag(false);
	take(task, 0, 1);
	assert_int_equal(session_image(task->mm)->final_moment, 0);
	python_call(&python, python_code(&python, "/srv/app.py", "again"));
	take(task, 1, 9);
	session_finalizing();
	give_back(task, 20, 20);
	assert_end(2, 30, 20);
	assert_int_equal(held_at_the_end("again"), 9);
}

static void test_second_python(void **state)
{
	(void)state;
	on_each(check_second_python);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_released_by_frame),
		cmocka_unit_test(test_released_at_exit),
		cmocka_unit_test(test_others_go_on),
		cmocka_unit_test(test_second_python),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
