/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/lifecycle.h: which address spaces are followed, what they begin with, and that their books
 * agree with the kernel's counters when they end.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "memory.h"
#include "python_memory.h"
#include "session.h"

#define MOST_RECORDS 1000000 /* more than a ring holds */

static void on_each(void (*test)(void))
{
	for (int kernel = 0; kernel < NR_SESSION_WAYS; kernel++) {
		session_open(kernel);
		test();
		session_check();
		session_close();
	}
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

/* A change that no program has seen, or is followed for. */
static void add(struct mm_struct *mm, __u32 kind, __s32 pages)
{
	if (session_is_percpu())
		machine_percpu_add(mm, kind, pages, SESSION_BATCH);
	else
		machine_count_add(mm, kind, pages);
}

static __s64 pages_of(const struct mm_struct *mm, __u32 kind)
{
	return session_is_percpu() ? machine_percpu_sum(mm, kind) : machine_count(mm, kind);
}

/* The first event of exit_mmap(): nobody uses the mm any more, and no task has it. */
static void tear_down(struct mm_struct *mm, __u32 kind, __s32 pages)
{
	struct mm_struct *had = host.current->mm;

	mm->mm_users.counter = 0;
	host.current->mm = NULL;
	session_change(mm, kind, -pages);
	host.current->mm = had;
}

static struct task_struct *exec(int tgid, __s32 argument_pages)
{
	struct mm_struct *mm = machine_mm_new(session_is_percpu());
	struct task_struct *task = machine_task_new(mm, tgid, tgid, "cmd");

	add(mm, KIND_ANON, argument_pages);
	machine_run(task);
	session_exec_event(task);
	return task;
}

static void check_exec(void)
{
	static const char arguments[] = "python3\0-c\0pass", path[] = "/usr/bin/python3";
	struct wire_image_begin begin;
	struct task_struct *task;
	struct mm_struct *mm = machine_mm_new(session_is_percpu());

	task = machine_task_new(mm, 100, 100, "cmd");
	mm->arg_start = 0x7ffc00000f00;
	mm->arg_end = mm->arg_start + sizeof(arguments);
	host_user_write(mm->arg_start, arguments, sizeof(arguments));
	mm->env_end = 0x7ffc00001f80;
	host_user_write(mm->env_end, path, sizeof(path));
	add(mm, KIND_ANON, 3);
	session_follow(100, 55);
	machine_run(task);
	session_exec_event(task);
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_int_equal(begin.reason, BEGIN_EXEC);
	assert_int_equal(begin.tgid, 100);
	assert_int_equal(begin.ppid, 55);
	assert_int_equal(begin.args_bytes, sizeof(arguments));
	assert_memory_equal(begin.args, arguments, sizeof(arguments));
	assert_int_equal(begin.path_bytes, sizeof(path));
	assert_string_equal(begin.path, path);
	assert_string_equal(begin.comm, "cmd");
	assert_int_equal(begin.opening[KIND_ANON], 0);
	assert_int_equal(begin.head.image_id, session_image(mm)->image_id);
	assert_int_equal(session_image(mm)->books[KIND_ANON], 3);
	assert_report("[startup] anon+3\n");
}

static void test_exec(void **state)
{
	on_each(check_exec);
}

/* It stands when, and only when, user space will hear of it. */
static void check_finalizing(void)
{
	struct task_struct *task = exec(100, 3);
	struct wire_knock record;

	session_finalizing();
	assert_int_equal(host.sent_signal, 0);
	assert_false(session_stands(100));
	session_follow(100, 55);
	session_exec_event(task);
	session_finalizing();
	assert_int_equal(host.sent_signal, SIGSTOP);
	assert_true(session_stands(100));
	assert_true(session_take(RECORD_FINALIZING, &record, sizeof(record)));
	assert_int_equal(record.tgid, 100);
	assert_int_equal(record.head.image_id, session_image(task->mm)->image_id);
	for (int i = 0; i < MOST_RECORDS && host.sent_signal == SIGSTOP; i++)
		session_finalizing();
	assert_int_equal(host.sent_signal, SIGCONT);
	assert_false(session_stands(100));
	assert_report("[startup] anon+3\n!ring_full 1 event 0 pages\n");
}

static void test_finalizing(void **state)
{
	on_each(check_finalizing);
}

static __u32 signal_at_the_end(void)
{
	host.sent_signal = 0;
	session_finalizing();
	return host.sent_signal;
}

/* When nobody asked for it: large ones, which will not notice. */
static void check_large_finalizing(void)
{
	struct task_struct *task;
	void **handler;

	session_ask_last_looks(100);
	session_follow(100, 55);
	task = exec(100, 3);
	handler = &task->sighand->action[SIGCONT - 1].sa.sa_handler;
	session_change(task->mm, KIND_ANON, 96);
	assert_int_equal(signal_at_the_end(), 0);
	session_change(task->mm, KIND_FILE, 1);
	assert_int_equal(signal_at_the_end(), SIGSTOP);
	task->ptrace = 1;
	assert_int_equal(signal_at_the_end(), 0);
	task->ptrace = 0;
	*handler = handler;
	assert_int_equal(signal_at_the_end(), 0);
	*handler = (void *)1; /* SIG_IGN */
	assert_int_equal(signal_at_the_end(), SIGSTOP);
	session_change(task->mm, KIND_ANON, -1);
	assert_int_equal(signal_at_the_end(), 0);
	session_change(task->mm, KIND_ANON, 1);
	session_stop_last_looks();
	assert_int_equal(signal_at_the_end(), 0);
}

static void test_large_finalizing(void **state)
{
	on_each(check_large_finalizing);
}

/* Others' processes are none of ours. */
static void check_not_followed(void)
{
	struct task_struct *task = exec(100, 3);

	session_change(task->mm, KIND_ANON, 5);
	assert_null(session_image(task->mm));
	assert_report("");
}

static void test_not_followed(void **state)
{
	on_each(check_not_followed);
}

static void check_books_at_the_end(void)
{
	struct wire_balance end;
	struct mm_struct *mm;

	session_follow(100, 1);
	mm = exec(100, 4)->mm;
	for (__s32 i = 0; i < 100; i++)
		session_change(mm, (__u32)i % NR_KINDS, i % 40 - 3);
	tear_down(mm, KIND_ANON, 7);
	assert_true(session_take(RECORD_IMAGE_END, &end, sizeof(end)));
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		assert_int_equal(end.books[kind], end.kernel[kind]);
		assert_int_equal(end.books[kind], pages_of(mm, kind) + (kind == KIND_ANON ? 7 : 0));
	}
	/* The rest of the teardown is nobody's. */
	assert_null(session_image(mm));
	session_change(mm, KIND_ANON, -7);
	assert_false(session_take(RECORD_IMAGE_END, &end, sizeof(end)));
}

static void test_books_at_the_end(void **state)
{
	on_each(check_books_at_the_end);
}

/* An mm and a slot are used again; the image is another, with books of its own. */
static void check_used_again(void)
{
	struct task_struct *task;
	struct wire_balance end;
	__u32 image_id;

	for (__u32 i = 1; i < SESSION_SLOTS; i++) { /* one slot is left */
		session_follow(1000 + i, 1);
		exec(1000 + (int)i, 0);
	}
	session_follow(100, 1);
	task = exec(100, 2);
	image_id = session_image(task->mm)->image_id;
	session_change(task->mm, KIND_ANON, 10);
	tear_down(task->mm, KIND_ANON, 12);
	assert_true(session_take(RECORD_IMAGE_END, &end, sizeof(end)));
	session_free_slot(end.slot);

	task->mm->mm_users.counter = 1;
	add(task->mm, KIND_ANON, 1);
	session_exec_event(task);
	session_change(task->mm, KIND_ANON, 5);
	assert_int_not_equal(session_image(task->mm)->image_id, image_id);
	assert_int_equal(session_image(task->mm)->books[KIND_ANON], 6);
	assert_report("[startup] anon+12\n[startup] anon+6\n");
}

static void test_used_again(void **state)
{
	on_each(check_used_again);
}

static void check_too_many(void)
{
	for (int i = 0; i <= SESSION_SLOTS; i++) {
		session_follow(100 + (__u32)i, 1);
		exec(100 + i, 1);
	}
}

static void test_too_many(void **state)
{
	for (int kernel = 0; kernel < NR_SESSION_WAYS; kernel++) {
		_cleanup_(freep) char *report = NULL;

		session_open(kernel);
		check_too_many();
		report = session_report();
		assert_non_null(strstr(report, "!images_full 1 event 0 pages\n"));
		session_close();
	}
}

/* A process whose begin cannot be sent is a loss of its own, and is not booked without an entry. */
static void test_begin_unsent(void **state)
{
	for (int kernel = 0; kernel < NR_SESSION_WAYS; kernel++) {
		_cleanup_(freep) char *report = NULL;

		session_open(kernel);
		session_limit_ring(8);
		session_follow(100, 1);
		exec(100, 1);
		report = session_report();
		assert_non_null(strstr(report, "!images_unsent 1 event 0 pages\n"));
		assert_null(strstr(report, "!ring_full"));
		session_close();
	}
}

/* A child has what its parent had, and the interpreter too. */
static void check_fork(void)
{
	struct task_struct *parent = session_process(100, "python3"), *child;
	struct wire_image_begin begin;
	struct python python;

	python_make(&python, PYTHON_3_11);
	session_set_python(parent->mm, &python.layout, python.bias);
	session_change(parent->mm, KIND_ANON, 50);
	child = machine_task_new(machine_mm_new(session_is_percpu()), 101, 101, "python3");
	child->real_parent = parent;
	child->THREAD_POINTER = parent->THREAD_POINTER;
	add(child->mm, KIND_ANON, 50);
	session_fork_event(parent, child);
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin))); /* the parent's */
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_int_equal(begin.reason, BEGIN_FORK);
	assert_int_equal(begin.parent_image, session_image(parent->mm)->image_id);
	assert_int_equal(begin.ppid, 100);
	assert_int_equal(begin.opening[KIND_ANON], 50);
	assert_int_equal(session_python(child->mm)->state, PYTHON_KNOWN);
	assert_int_equal(session_python(child->mm)->bias, python.bias);

	python_attach_thread(&python, child);
	python_call(&python, python_code(&python, "/srv/app.py", "child"));
	machine_run(child);
	session_change(child->mm, KIND_ANON, 7);
	assert_int_equal(session_image(child->mm)->books[KIND_ANON], 57);
	assert_report("[startup] anon+50\nchild anon+7\n");
}

static void test_fork(void **state)
{
	on_each(check_fork);
}

/* A new thread, and a vfork child until its exec, are in the parent's address space. */
static void check_same_address_space(void)
{
	struct task_struct *parent = session_process(100, "python3");
	struct task_struct *thread = machine_task_new(parent->mm, 100, 101, "worker");
	struct task_struct *child = machine_task_new(parent->mm, 102, 102, "python3");
	struct wire_image_begin begin;

	session_fork_event(parent, thread);
	session_fork_event(parent, child);
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_false(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	child->mm = machine_mm_new(session_is_percpu());
	machine_run(child);
	session_exec_event(child); /* it is followed all the same */
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_int_equal(begin.tgid, 102);
	assert_int_equal(begin.ppid, 102); /* machine_task_new made it its own parent */
}

static void test_same_address_space(void **state)
{
	on_each(check_same_address_space);
}

static void check_attach(void)
{
	struct mm_struct *mm = machine_mm_new(session_is_percpu());
	struct task_struct *task = machine_task_new(mm, 100, 100, "old");
	struct wire_image_begin begin;
	struct wire_balance balance;

	for (__u32 kind = 0; kind < NR_KINDS; kind++)
		add(mm, kind, 70 + (__s32)kind);
	session_follow(100, 1);
	machine_run(task);
	session_attach(&task, 1);
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_int_equal(begin.reason, BEGIN_ATTACH);
	session_change(mm, KIND_ANON, 2);
	session_settle(&task, 1);
	session_balance(task, &balance);
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		assert_int_equal(begin.opening[kind], 70 + kind);
		assert_int_equal(balance.books[kind], pages_of(mm, kind));
		assert_int_equal(balance.kernel[kind], pages_of(mm, kind));
	}
}

static void test_attach(void **state)
{
	on_each(check_attach);
}

/* What was attached to has its parent, also in the programs that it begins later. */
static void check_attached_exec(void)
{
	struct task_struct *task = machine_task_new(machine_mm_new(session_is_percpu()), 100, 100,
						    "python3");
	struct task_struct *parent = machine_task_new(machine_mm_new(session_is_percpu()), 55, 55,
						      "sh");
	struct wire_image_begin begin;

	task->real_parent = parent;
	session_follow(100, 0);
	machine_run(task);
	session_attach(&task, 1);
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_int_equal(begin.ppid, 55);
	task->real_parent = task; /* whoever took it on when its parent ended */
	task->mm = machine_mm_new(session_is_percpu());
	session_exec_event(task);
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_int_equal(begin.reason, BEGIN_EXEC);
	assert_int_equal(begin.ppid, 55);
}

static void test_attached_exec(void **state)
{
	on_each(check_attached_exec);
}

/* The end of a process is that of its last thread. */
static void check_exit(void)
{
	struct task_struct *task = session_process(100, "cmd");
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");
	struct wire_process_end end;
	struct wire_thread_end thread;

	session_change(task->mm, KIND_ANON, 10);
	machine_run(worker);
	for (__u32 cpu = 0; cpu < HOST_CPUS; cpu++) {
		host.cpu = cpu;
		session_change(task->mm, KIND_ANON, 10);
	}
	worker->signal->live.counter = 1;
	session_exit_event(worker);
	assert_false(session_take(RECORD_PROCESS_END, &end, sizeof(end)));
	assert_true(session_take(RECORD_THREAD_END, &thread, sizeof(thread)));
	assert_int_equal(thread.thread.tid, 101);
	assert_int_equal(thread.thread.growth, 10 * HOST_CPUS);
	assert_string_equal(thread.thread.comm, "worker");
	assert_null(session_thread(101));

	machine_run(task);
	task->exit_code = 3 << 8;
	session_exit_event(task);
	assert_true(session_take(RECORD_THREAD_END, &thread, sizeof(thread)));
	assert_int_equal(thread.thread.growth, 10);
	assert_true(session_take(RECORD_PROCESS_END, &end, sizeof(end)));
	assert_int_equal(end.tgid, 100);
	assert_int_equal(end.exit_code, 3 << 8);
	session_exit_event(task);
	assert_false(session_take(RECORD_PROCESS_END, &end, sizeof(end)));
}

static void test_exit(void **state)
{
	on_each(check_exit);
}

/* User space hears that the main thread has ended and others have not, and whether one of them
 * takes its place. */
static void check_main_end(void)
{
	struct task_struct *task = session_process(100, "cmd");
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");
	struct wire_main_end end;
	struct wire_thread_end thread = { .thread.tid = 0 };

	session_change(task->mm, KIND_ANON, 10);
	task->signal->live.counter = 1;
	task->signal->flags = SIGNAL_GROUP_EXIT; /* all end */
	session_exit_event(task);
	assert_false(session_take(RECORD_MAIN_END, &end, sizeof(end)));
	task->signal->flags = 0;
	session_exit_event(task);
	assert_true(session_take(RECORD_MAIN_END, &end, sizeof(end)));
	assert_int_equal(end.tgid, 100);
	assert_int_equal(end.is_exec, 0);
	task->signal->group_exec_task = worker;
	session_exit_event(task);
	assert_true(session_take(RECORD_MAIN_END, &end, sizeof(end)));
	assert_int_equal(end.is_exec, 1);

	machine_run(worker);
	session_change(task->mm, KIND_ANON, 5);
	assert_non_null(session_thread(101));
	worker->pid = 100;
	session_exec_event_of(worker, 101);
	assert_null(session_thread(101));
	while (thread.thread.tid != 101)
		assert_true(session_take(RECORD_THREAD_END, &thread, sizeof(thread)));
	assert_int_equal(thread.thread.growth, 5);
}

static void test_main_end(void **state)
{
	on_each(check_main_end);
}

/* An executable whose file is known needs nobody to look for its interpreter. */
static void check_known_file(void)
{
	const struct wire_file file = {
		.ino = 4711,
		.dev = 8 << 20 | 1,
		.changed_ns = MACHINE_FILE_NS,
	};
	const struct wire_file_layout known = { .text_vaddr = 0x1000, .text_bytes = 0x1000 };
	struct mm_struct *mm = machine_mm_new(session_is_percpu());
	struct task_struct *task = machine_task_new(mm, 100, 100, "python3");
	struct python python;

	mm->exe_file = machine_file_new(file.ino, file.dev);
	python_make(&python, PYTHON_3_13);
	mm->start_code = python.bias + 0x1000;
	session_set_file(&file, &known, &python.layout);
	session_follow(100, 1);
	machine_run(task);
	session_exec_event(task);
	assert_int_equal(session_python(mm)->state, PYTHON_KNOWN);
	assert_int_equal(session_python(mm)->bias, python.bias);
	python_attach_thread(&python, task);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
	session_change(mm, KIND_ANON, 1);
	assert_report("<module> anon+1\n");
}

static void test_known_file(void **state)
{
	on_each(check_known_file);
}

/* One that has been written anew since is unknown, until user space has looked at it again. */
static void check_changed_program(void)
{
	const struct wire_file file = {
		.ino = 4711,
		.dev = 8 << 20 | 1,
		.changed_ns = MACHINE_FILE_NS - 1,
	};
	const struct wire_file_layout known = { .text_vaddr = 0x1000, .text_bytes = 0x1000 };
	struct mm_struct *mm = machine_mm_new(session_is_percpu());
	struct task_struct *task = machine_task_new(mm, 100, 100, "python3");
	struct wire_image_begin begin;
	struct python python;

	mm->exe_file = machine_file_new(file.ino, file.dev);
	python_make(&python, PYTHON_3_13);
	session_set_file(&file, &known, &python.layout);
	session_follow(100, 1);
	machine_run(task);
	session_exec_event(task);
	assert_int_equal(session_python(mm)->state, PYTHON_UNKNOWN);
	assert_true(session_take(RECORD_IMAGE_BEGIN, &begin, sizeof(begin)));
	assert_int_equal(begin.program.ino, file.ino);
	assert_int_equal(begin.program.dev, file.dev);
	assert_int_equal(begin.program.changed_ns, MACHINE_FILE_NS);
}

static void test_changed_program(void **state)
{
	on_each(check_changed_program);
}

/* What user space found for the image that had the slot before. */
static void check_stale_python(void)
{
	struct task_struct *task = session_process(100, "python3");
	struct python python;

	python_make(&python, PYTHON_3_11);
	python_attach_thread(&python, task);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
	session_set_python(task->mm, &python.layout, python.bias);
	session_python(task->mm)->image_id--;
	session_change(task->mm, KIND_ANON, 1);
	session_python(task->mm)->image_id++;
	session_change(task->mm, KIND_ANON, 2);
	assert_report("<module> anon+2\n[startup] anon+1\n!found_late 1 event 1 page\n");
}

static void test_stale_python(void **state)
{
	on_each(check_stale_python);
}

/* While an interpreter is not known, user space is asked at event 16, 32, 64... */
static void check_knock(void)
{
	struct task_struct *task = session_process(100, "cmd");
	struct wire_knock record;
	int knocks = 0;

	for (int i = 0; i < 100; i++)
		session_change(task->mm, KIND_ANON, 1);
	while (session_take(RECORD_KNOCK, &record, sizeof(record)))
		knocks++;
	assert_int_equal(knocks, 3);
	session_set_python(task->mm, NULL, 0);
	for (int i = 0; i < 100; i++)
		session_change(task->mm, KIND_ANON, 1);
	assert_false(session_take(RECORD_KNOCK, &record, sizeof(record)));
	assert_report("[native cmd] anon+100\n[startup] anon+100\n");
}

static void test_knock(void **state)
{
	on_each(check_knock);
}

static void check_samples(void)
{
	struct task_struct *task = session_process(100, "cmd");
	struct wire_sample sample;

	session_change(task->mm, KIND_ANON, 255);
	session_change(task->mm, KIND_SWAP, 1000);
	assert_false(session_take(RECORD_SAMPLE, &sample, sizeof(sample)));
	session_change(task->mm, KIND_FILE, 1);
	assert_true(session_take(RECORD_SAMPLE, &sample, sizeof(sample)));
	assert_int_equal(sample.rss, 256);
	session_change(task->mm, KIND_ANON, -255);
	assert_false(session_take(RECORD_SAMPLE, &sample, sizeof(sample)));
	session_change(task->mm, KIND_SHMEM, -2);
	assert_true(session_take(RECORD_SAMPLE, &sample, sizeof(sample)));
	assert_int_equal(session_image(task->mm)->peak, 256);
}

static void test_samples(void **state)
{
	on_each(check_samples);
}

static void fill_ring(void)
{
	session_drain();
	session_limit_ring(8);
}

/* Each record that is not sent again is a loss: here a sample of the curve. */
static void check_sample_unsent(void)
{
	struct task_struct *task = session_process(100, "cmd");

	session_set_python(task->mm, NULL, 0);
	session_change(task->mm, KIND_ANON, 1);
	fill_ring();
	session_change(task->mm, KIND_ANON, 256);
	assert_report("[native cmd] anon+257\n!ring_full 1 event 0 pages\n");
}

static void test_sample_unsent(void **state)
{
	on_each(check_sample_unsent);
}

/* What a thread has grown, and how a process ended. */
static void check_ends_unsent(void)
{
	struct task_struct *task = session_process(100, "cmd");

	session_set_python(task->mm, NULL, 0);
	session_change(task->mm, KIND_ANON, 1);
	fill_ring();
	session_exit_event(task);
	assert_report("[native cmd] anon+1\n!ring_full 1 event 0 pages\n"
		      "!ring_full 1 event 0 pages\n");
}

static void test_ends_unsent(void **state)
{
	on_each(check_ends_unsent);
}

/* A question to user space. */
static void check_knock_unsent(void)
{
	struct task_struct *task = session_process(100, "cmd");

	session_change(task->mm, KIND_ANON, 1);
	fill_ring();
	for (int i = 0; i < 15; i++)
		session_change(task->mm, KIND_ANON, 1);
	assert_report("[startup] anon+16\n!ring_full 1 event 0 pages\n");
}

static void test_knock_unsent(void **state)
{
	on_each(check_knock_unsent);
}

/* The kernel's counters beside the books. */
static void check_balance_unsent(void)
{
	struct task_struct *task = session_process(100, "cmd");

	session_set_python(task->mm, NULL, 0);
	session_change(task->mm, KIND_ANON, 1);
	fill_ring();
	session_ask_balance(task);
	assert_report("[native cmd] anon+1\n!ring_full 1 event 0 pages\n");
}

static void test_balance_unsent(void **state)
{
	on_each(check_balance_unsent);
}

/* An object is sent once. */
static void check_object_unsent(void)
{
	struct task_struct *task = session_process(100, "cmd");

	session_set_python(task->mm, NULL, 0);
	session_change(task->mm, KIND_ANON, 1);
	session_set_python(task->mm, &(struct wire_layout){ 0 }, 0);
	fill_ring();
	session_note_object(task->mm, session_find_named(task->mm, "cmd"), 0x7f0000001000);
	assert_int_equal(session_image(task->mm)->loss_events[LOSS_ring_full], 1);
}

static void test_object_unsent(void **state)
{
	on_each(check_object_unsent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_finalizing),
		cmocka_unit_test(test_large_finalizing),
		cmocka_unit_test(test_not_followed),
		cmocka_unit_test(test_books_at_the_end),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_begin_unsent),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_same_address_space),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_attached_exec),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_main_end),
		cmocka_unit_test(test_known_file),
		cmocka_unit_test(test_changed_program),
		cmocka_unit_test(test_stale_python),
		cmocka_unit_test(test_knock),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_sample_unsent),
		cmocka_unit_test(test_ends_unsent),
		cmocka_unit_test(test_knock_unsent),
		cmocka_unit_test(test_balance_unsent),
		cmocka_unit_test(test_object_unsent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
