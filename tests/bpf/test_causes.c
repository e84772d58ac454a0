/* SPDX-License-Identifier: BSD-2-Clause */
/* Native threads below the path of the Python thread that is behind what they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/host.h"
#include "python_memory.h"
#include "session.h"

#define PAGE 4096ULL
#define BLOCK 0x7f0000000000ULL
#define MUNMAP 11

static struct python python;
static struct task_struct *first; /* runs Python */
static __u64 next_page;

static struct task_struct *make_thread(struct task_struct *parent, int tid, const char *name)
{
	struct task_struct *thread = machine_task_new(first->mm, first->tgid, tid, name);

	machine_run(parent);
	session_fork_event(parent, thread);
	return thread;
}

static void grow(struct task_struct *thread)
{
	machine_run(thread);
	session_touch(BLOCK + next_page++ * PAGE);
	session_change(first->mm, KIND_ANON, 1);
}

static void release(struct task_struct *thread, __u64 page)
{
	machine_run(thread);
	session_enter(MUNMAP, BLOCK + page * PAGE, PAGE, 0);
	session_change(first->mm, KIND_ANON, -1);
}

/* The first thread is in a call, and has taken a page itself. */
static void start(__u32 version)
{
	session_open(SESSION_PERCPU);
	session_ask_owners(64);
	next_page = 0;
	first = session_process(100, "python3");
	python_make(&python, version);
	python_attach_thread(&python, first);
	session_set_python(first->mm, &python.layout, python.bias);
	python_call(&python, python_code(&python, "/x.py", "<module>"));
	python_call(&python, python_code(&python, "/x.py", "load"));
	grow(first);
}

static void finish(void)
{
	session_check();
	session_close();
}

static void test_below_the_maker(void **state)
{
	(void)state;
	for (size_t i = 0; i < python_nr_versions; i++) {
		struct task_struct *worker;

		start(python_versions[i]);
		worker = make_thread(first, 101, "pool-1");
		grow(worker);
		grow(worker);
		session_assert_row("<module>;load;[native pool-1] anon+2\n");
		finish();
	}
}

/* Where the first thread is when the page comes, not where it was when it made the thread. */
static void test_follows_the_maker(void **state)
{
	struct task_struct *worker;

	(void)state;
	start(PYTHON_3_12);
	worker = make_thread(first, 101, "pool-1");
	python_return(&python);
	python_call(&python, python_code(&python, "/x.py", "join"));
	grow(worker);
	session_assert_row("<module>;join;[native pool-1] anon+1\n");
	python_return(&python);
	python_return(&python);
	grow(worker); /* there is no path now */
	session_assert_row("\n[native pool-1] anon+1\n");
	finish();
}

static void test_through_native_threads(void **state)
{
	struct task_struct *worker;

	(void)state;
	start(PYTHON_3_12);
	worker = make_thread(make_thread(first, 101, "pool-1"), 102, "helper");
	grow(worker);
	session_assert_row("<module>;load;[native helper] anon+1\n");
	finish();
}

/* What another thread runs Python for is not known from who made the pool. */
static void test_second_python_thread(void **state)
{
	struct task_struct *worker, *second;
	struct python of_second;

	(void)state;
	start(PYTHON_3_12);
	worker = make_thread(first, 101, "pool-1");
	second = make_thread(first, 102, "python3");
	grow(worker);
	of_second = python;
	python_attach_thread(&of_second, second);
	python_call(&of_second, python_code(&of_second, "/x.py", "serve"));
	grow(second);
	grow(worker);
	session_assert_row("<module>;load;[native pool-1] anon+1\n");
	session_assert_row("\n[native pool-1] anon+1\n");
	finish();
}

/* Where the interpreter keeps its list of thread states, newest first; all are threads of it. */
#define INTERPRETERS 0x7000
#define NR_STATES 2

static void list_states(const __u64 states[NR_STATES])
{
	const __u64 interpreters[2] = { python.interp, python.interp };
	struct wire_layout *layout = &python.layout;

	layout->interpreters_vaddr = INTERPRETERS;
	host_user_write(INTERPRETERS + python.bias, interpreters, sizeof(interpreters));
	host_user_write(python.interp + layout->interp_threads, &states[0], sizeof(states[0]));
	for (int i = 0; i < NR_STATES; i++) {
		__u64 next = i + 1 < NR_STATES ? states[i + 1] : 0;

		host_user_write(states[i] + layout->tstate_next, &next, sizeof(next));
	}
	session_set_python(first->mm, layout, python.bias);
}

/* A native thread has a state while it holds the GIL, as Arrow's that read what Python has opened:
 * it is of a pool all the same, and asks for nothing. */
static void test_state_without_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < python_nr_versions; i++) {
		struct task_struct *reader, *worker;
		struct python of_reader;

		if (python_versions[i] < PYTHON_3_8) /* 3.6's list is not found */
			continue;
		start(python_versions[i]);
		reader = make_thread(first, 101, "pool-1");
		worker = make_thread(first, 102, "pool-2");
		of_reader = python;
		python_attach_thread(&of_reader, reader);
		list_states((const __u64[]){ of_reader.tstate, python.tstate });
		grow(reader);
		grow(worker);
		session_assert_row("<module>;load;[native pool-1] anon+1\n");
		session_assert_row("<module>;load;[native pool-2] anon+1\n");
		python_call(&of_reader, python_code(&of_reader, "/x.py", "serve"));
		grow(worker);
		session_assert_row("\n[native pool-2] anon+1\n");
		finish();
	}
}

/* What was its task is another's. */
static void test_maker_has_ended(void **state)
{
	struct task_struct *worker;

	(void)state;
	start(PYTHON_3_12);
	worker = make_thread(first, 101, "pool-1");
	first->start_time++;
	grow(worker);
	session_assert_row("\n[native pool-1] anon+1\n");
	finish();
}

/* What a native thread gives back was the owner's. */
static void test_gives_back(void **state)
{
	struct task_struct *worker;

	(void)state;
	start(PYTHON_3_12);
	worker = make_thread(first, 101, "pool-1");
	grow(worker);
	python_return(&python);
	release(worker, 0);
	release(worker, 1);
	session_assert_row("<module>;load anon+1-1\n");
	session_assert_row("<module>;load;[native pool-1] anon+1-1\n");
	release(worker, 5); /* nobody's */
	session_assert_row("\n[native pool-1] anon-1\n");
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_below_the_maker),
		cmocka_unit_test(test_follows_the_maker),
		cmocka_unit_test(test_through_native_threads),
		cmocka_unit_test(test_second_python_thread),
		cmocka_unit_test(test_state_without_frames),
		cmocka_unit_test(test_maker_has_ended),
		cmocka_unit_test(test_gives_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
