/* SPDX-License-Identifier: BSD-2-Clause */
/* Work that goes through queues: paths of workers below those that submitted. */
#include <setjmp.h>
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

#define MAX_ITEMS 64

static struct python python;
static struct task_struct *first, *second;
static __u64 item_at; /* where an argument lies that is an item */

static __u64 function(const char *name)
{
	return python_code(&python, "/x.py", name);
}

static void call(const char *name)
{
	python_call(&python, function(name));
}

/* A thread that submits; its frames are kept while the other runs. */
static __u64 leaf_of_first;

static void start(__u32 version)
{
	session_open(SESSION_PERCPU);
	session_ask_submitters(MAX_ITEMS);
	first = session_process(100, "python3");
	python_make(&python, version);
	python_attach_thread(&python, first);
	session_set_python(first->mm, &python.layout, python.bias);
	call("<module>");
	item_at = python_str(&python, "the place of an argument");
}

static void finish(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
	session_check();
	session_close();
}

static void on_each(void (*test)(void), const char *expected)
{
	for (size_t i = 0; i < python_nr_versions; i++) {
		start(python_versions[i]);
		test();
		finish(expected);
	}
}

static void put(__u64 item)
{
	host_user_write(item_at, &item, sizeof(item));
	session_queue_entry(QUEUE_PUT, 0, item_at);
}

static void become_worker(void)
{
	leaf_of_first = python.leaf;
	second = machine_task_new(first->mm, 100, 101, "worker");
	python_attach_thread(&python, second);
	machine_run(second);
	call("_bootstrap");
	call("_worker");
}

static void grow(__s64 pages)
{
	session_change(first->mm, KIND_ANON, pages);
}

static void take(__u64 item)
{
	session_queue_return(item);
}

/* Two callers, one worker at the same frames. */
static void submit_from_two(void)
{
	call("ask");
	put(0x1000);
	python_return(&python);
	call("beg");
	put(0x2000);
	python_return(&python);
	become_worker();
	grow(1);
	take(0x1000);
	call("run");
	grow(10);
	python_return(&python);
	take(0x2000);
	call("run");
	grow(20);
	python_return(&python);
	/* Nobody was seen to put this. */
	take(0x3000);
	call("run");
	grow(40);
}

static void test_simple_queue(void **state)
{
	(void)state;
	on_each(submit_from_two, "<module>;ask;_worker;run anon+10\n"
				 "<module>;beg;_worker;run anon+20\n"
				 "_bootstrap;_worker anon+1\n"
				 "_bootstrap;_worker;run anon+40\n");
}

/* Of an empty queue comes no item, and the work is still the last one's. */
static void find_nothing(void)
{
	call("ask");
	put(0x1000);
	become_worker();
	take(0x1000);
	take(0);
	call("run");
	grow(10);
}

static void test_empty(void **state)
{
	(void)state;
	on_each(find_nothing, "<module>;ask;_worker;run anon+10\n");
}

/* An object that two have put at a time. Once both are taken it is like new. */
static void put_one_twice(void)
{
	call("ask");
	put(0x1000);
	python_return(&python);
	call("beg");
	put(0x1000);
	become_worker();
	take(0x1000);
	grow(10);
	take(0x1000);
	grow(20);
	put(0x1000);
	take(0x1000);
	call("run");
	grow(40);
}

static void test_unclear(void **state)
{
	(void)state;
	on_each(put_one_twice, "_bootstrap;_worker anon+30\n"
			       "_bootstrap;_worker*2;run anon+40\n");
}

/* A worker of the same function whose frame comes to the place of one that has ended, before it has
 * taken anything, cannot be told from it; of another function it can. */
static void end_and_begin(void)
{
	call("ask");
	put(0x1000);
	become_worker();
	take(0x1000);
	python_return(&python);
	call("other");
	call("run");
	grow(10);
}

static void test_reused_frame(void **state)
{
	(void)state;
	on_each(end_and_begin, "_bootstrap;other;run anon+10\n");
}

/* What a worker asks of its own kind hangs where its own work does; of another kind below itself.
 */
static void ask_again(void)
{
	call("ask");
	put(0x1000);
	become_worker();
	for (__u64 item = 0x1000; item < 0x1000 + 20; item++) {
		take(item);
		grow(1);
		put(item + 1);
	}
	python_return(&python);
	call("_other");
	take(0x1000 + 20);
	grow(100);
}

static void test_again(void **state)
{
	(void)state;
	on_each(ask_again, "<module>;ask;_worker anon+20\n"
			   "<module>;ask;_worker;_other anon+100\n");
}

#define NR_WORKERS 12

/* Each in a thread of its own asks the next: paths do not grow without end. */
static void ask_further(void)
{
	static char names[NR_WORKERS][4];

	call("ask");
	put(0x1000);
	for (int i = 0; i < NR_WORKERS; i++) {
		struct task_struct *thread = machine_task_new(first->mm, 100, 101 + i, "worker");

		thread->start_time = 1000 + i;
		python_attach_thread(&python, thread);
		machine_run(thread);
		snprintf(names[i], sizeof(names[i]), "w%d", i);
		call(names[i]);
		take(0x1000 + i);
		grow(1);
		put(0x1001 + i);
	}
}

static void test_further(void **state)
{
	(void)state;
	for (size_t i = 0; i < python_nr_versions; i++) {
		_cleanup_(freep) char *report = NULL;

		start(python_versions[i]);
		ask_further();
		report = session_report();
		assert_non_null(strstr(report, "<module>;ask;w0;w1;w2;w3;w4;w5;w6;w7 anon+1"));
		assert_non_null(strstr(report, "<module>;ask;w0;w1;w2;w3;w4;w5;w6;w11 anon+1"));
		assert_null(strstr(report, "w7;"));
		session_check();
		session_close();
	}
}

/* What a thread takes back of what was done for it is no work for it. */
static void take_result(void)
{
	__u64 leaf;

	call("ask");
	put(0x1000);
	leaf = python.leaf;
	become_worker();
	take(0x1000);
	put(0x2000);
	grow(1);
	python_attach_thread(&python, first);
	python_set_leaf(&python, leaf);
	machine_run(first);
	take(0x2000);
	call("build");
	grow(10);
}

static void test_result(void **state)
{
	(void)state;
	on_each(take_result, "<module>;ask;_worker anon+1\n"
			     "<module>;ask;build anon+10\n");
}

/* A thread that begins where another has ended, and has taken nothing yet. */
static void end_of_thread(void)
{
	struct task_struct *next;
	__u64 leaf;

	call("ask");
	put(0x1000);
	become_worker();
	take(0x1000);
	leaf = python.leaf;
	next = machine_task_new(first->mm, 100, 102, "worker");
	next->start_time = second->start_time + 1;
	python_attach_thread(&python, next);
	python_set_leaf(&python, leaf);
	machine_run(next);
	call("initialize");
	grow(10);
}

static void test_end_of_thread(void **state)
{
	(void)state;
	on_each(end_of_thread, "_bootstrap;_worker;initialize anon+10\n");
}

/* ---- Where it cannot be found out who puts or takes ---- */

/* What the worker had taken before is no more what it works on, until it is seen to take again. */
static void lose_take(void)
{
	call("ask");
	put(0x1000);
	put(0x3000);
	python_return(&python);
	call("beg");
	put(0x2000);
	python_return(&python);
	become_worker();
	take(0x1000);
	session_take_scratches();
	take(0x2000);
	session_give_scratches();
	call("run");
	grow(10);
	python_return(&python);
	take(0x3000);
	grow(20);
}

static void test_lost_take(void **state)
{
	(void)state;
	on_each(lose_take, "<module>;ask;_worker anon+20\n"
			   "_bootstrap;_worker;run anon+10\n"
			   "!submitter_lost 1 event 0 pages\n");
}

/* Of two that put one object one is not known. */
static void lose_put(void)
{
	call("ask");
	put(0x1000);
	python_return(&python);
	call("beg");
	session_take_scratches();
	put(0x1000);
	put(0x2000);
	session_give_scratches();
	become_worker();
	take(0x1000);
	grow(10);
	take(0x2000);
	grow(20);
}

static void test_lost_put(void **state)
{
	(void)state;
	on_each(lose_put, "_bootstrap;_worker anon+30\n!submitter_lost 2 events 0 pages\n");
}

/* ---- Tasks ---- */

#define CO_COROUTINE 0x80

static __u64 coroutine_function(const char *name)
{
	__u64 code = function(name);
	__u32 flags = CO_COROUTINE;

	host_user_write(code + python.layout.code_flags, &flags, sizeof(flags));
	return code;
}

/* A coroutine that has not begun, with a frame of its own. Returns that. */
static __u64 make_coroutine(__u64 code, __u64 *ret_coroutine)
{
	const struct wire_layout *layout = &python.layout;
	__u64 at = python_str(&python,
			      "a place for a coroutine with its frame, of some 300 bytes ....."
			      "................................................................"
			      "................................................................"
			      "................................................................"
			      "...............................................................");
	__u64 head = layout->free_threaded ? 16 : 0, frame = at + 80;

	if (layout->version >= 0x030b)
		frame = at + head + (layout->version == 0x030b ? 80 : 72);
	else
		host_user_write(at + 16, &frame, sizeof(frame));
	python_put_frame(&python, frame, code, 0);
	python_put_generator(&python, frame);
	*ret_coroutine = at;
	return frame;
}

static void make_task(__u64 coroutine)
{
	host_user_write(item_at + python.layout.tuple_items, &coroutine, sizeof(coroutine));
	session_queue_entry(QUEUE_TASK, 0, item_at);
}

/* The loop, or what awaits it, goes on with a coroutine. */
static void resume(__u64 frame, __u64 code, __u64 back)
{
	python_put_frame(&python, frame, code, back);
	python_put_generator(&python, frame);
	python_set_leaf(&python, frame);
}

static void run_task(void)
{
	__u64 code = coroutine_function("part"), outer = coroutine_function("outer"), coroutine,
	      frame;
	__u64 outer_frame, loop, unused;

	frame = make_coroutine(code, &coroutine);
	outer_frame = make_coroutine(outer, &unused);
	call("ask");
	call("create_task");
	make_task(coroutine);
	python_return(&python);
	python_return(&python);
	call("_run");
	loop = python.leaf;
	resume(frame, code, loop);
	grow(10);
	/* It is over, and one that is awaited comes to its place. */
	resume(outer_frame, outer, loop);
	resume(frame, code, outer_frame);
	grow(20);
}

static void test_task(void **state)
{
	(void)state;
	on_each(run_task, "<module>;_run;outer;part anon+20\n"
			  "<module>;ask;create_task;part anon+10\n");
}

/* At the place of a task that is over another is made, by whom is not found out. Who makes a task
 * stays known when a queue's taker does not. */
static void lose_task(void)
{
	__u64 code = coroutine_function("part"), coroutine, frame, loop;

	frame = make_coroutine(code, &coroutine);
	call("ask");
	make_task(coroutine);
	python_return(&python);
	call("_run");
	loop = python.leaf;
	session_take_scratches();
	take(0x1000);
	resume(frame, code, loop);
	grow(10);
	make_task(coroutine);
	session_give_scratches();
	grow(20);
}

static void test_lost_task(void **state)
{
	(void)state;
	on_each(lose_task, "<module>;_run;part anon+20\n<module>;ask;part anon+10\n"
			   "!submitter_lost 2 events 0 pages\n");
}

/* ---- Queues that are Python around a deque ---- */

struct deque {
	__u64 references, type, size, left, right, left_index, right_index;
};

static __u64 make_deque(__u64 size, __u64 item)
{
	__u64 block[4] = { 0, 0, 0, item };
	__u64 head = python.layout.free_threaded ? 16 : 0;
	__u64 at = python_str(&python,
			      "a place for a deque and a block, of more than 104 bytes: xxxxx"
			      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	struct deque deque = { .size = size, .left = at + head + sizeof(deque), .left_index = 2 };

	host_user_write(at + head, &deque, sizeof(deque));
	host_user_write(at + head + sizeof(deque), block, sizeof(block));
	return at;
}

static void append(__u64 item)
{
	session_queue_entry(QUEUE_APPEND, 0, item);
}

static void go_through_queue(void)
{
	__u64 queue;

	call("ask");
	append(0x1000); /* no queue's */
	call("put_nowait");
	call("put");
	call("_put");
	append(0x2000);
	queue = make_deque(1, 0x2000);
	become_worker();
	call("get");
	call("_get");
	session_queue_entry(QUEUE_POPLEFT, queue, 0);
	python_return(&python);
	python_return(&python);
	call("run");
	grow(10);
	python_return(&python);
	/* An empty one, and one that is no queue's: the work goes on. */
	call("_get");
	session_queue_entry(QUEUE_POPLEFT, make_deque(0, 0x2000), 0);
	python_return(&python);
	session_queue_entry(QUEUE_POPLEFT, make_deque(1, 0x1000), 0);
	call("run");
	grow(20);
}

static void test_deque(void **state)
{
	(void)state;
	on_each(go_through_queue, "<module>;ask;_worker;run anon+10\n"
				  "<module>;ask;_worker;run anon+20\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple_queue), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_unclear),	     cmocka_unit_test(test_reused_frame),
		cmocka_unit_test(test_again),	     cmocka_unit_test(test_further),
		cmocka_unit_test(test_result),	     cmocka_unit_test(test_end_of_thread),
		cmocka_unit_test(test_deque),	     cmocka_unit_test(test_task),
		cmocka_unit_test(test_lost_take),    cmocka_unit_test(test_lost_put),
		cmocka_unit_test(test_lost_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
