/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows that are no Python: threads by their names, as long as these are few; and room for them in
 * tables that Python has filled.
 */
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

#include <memprobe/wire_comm.h>

static struct python python;
static struct task_struct *task;
static struct task_struct *helper; /* one object is all threads, one after the other */

static void start(void)
{
	task = session_process(100, "python3");
	helper = machine_task_new(task->mm, 100, 1000, "");
	python_make(&python, PYTHON_3_12);
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
}

static void finish(void)
{
	session_check();
	session_close();
}

static void assert_pattern(const char *comm, const char *expected)
{
	__u64 words[2] = { 0 }, pattern[2];

	memcpy(words, comm, strlen(comm));
	for (__u32 word = 0; word < 2; word++)
		pattern[word] = comm_pattern(words[0], words[1], word);
	assert_string_equal((const char *)pattern, expected);
}

static void test_patterns(void **state)
{
	(void)state;
	assert_pattern("", "");
	assert_pattern("python3", "pythonN");
	assert_pattern("kworker", "kworker");
	assert_pattern("Thread-17 (work", "Thread-N (work");
	assert_pattern("Thread-1 (work)", "Thread-N (work)");
	assert_pattern("0123456789abcde", "Nabcde");
	assert_pattern("a1b2c3d4e5f6g7h", "aNbNcNdNeNfNgNh");
	assert_pattern("1-22-333", "N-N-N");
}

/* A thread of this name, without a frame, takes a page. */
static void grow_as(const char *name)
{
	helper->pid++;
	memset(helper->comm, 0, sizeof(helper->comm));
	memcpy(helper->comm, name, strnlen(name, sizeof(helper->comm) - 1));
	machine_run(helper);
	session_change(task->mm, KIND_ANON, 1);
}

static void grow_numbered(const char *format, int first, int last)
{
	char name[64];

	for (int number = first; number <= last; number++) {
		snprintf(name, sizeof(name), format, number);
		grow_as(name);
	}
}

static size_t count_rows(void)
{
	_cleanup_(freep) char *report = session_report();
	size_t rows = 0;

	for (const char *at = report; (at = strstr(at, "[native ")); at++)
		rows++;
	return rows;
}

static void test_few_names(void **state)
{
	(void)state;
	session_open(SESSION_PERCPU);
	start();
	for (int round = 0; round < 3; round++)
		grow_numbered("pool-%d", 0, 7);
	session_assert_row("[native pool-0] anon+3\n");
	session_assert_row("[native pool-7] anon+3\n");
	assert_int_equal(count_rows(), 8);
	finish();
}

static void test_numbered_names(void **state)
{
	(void)state;
	session_open(SESSION_PERCPU);
	start();
	grow_numbered("Thread-%d", 1, 20000);
	/* The first are kept, and stay the rows of those that have their names. */
	grow_numbered("Thread-%d", 1, 1);
	session_assert_row("[native Thread-1] anon+2\n");
	session_assert_row("[native Thread-64] anon+1\n");
	session_assert_row("[native Thread-N] anon+19936\n");
	assert_int_equal(count_rows(), MAX_NATIVE_NAMES + 1);
	finish();
}

/* Names without numbers that never end. */
static void test_all_others(void **state)
{
	char name[COMM_BYTES] = "";

	(void)state;
	session_open(SESSION_PERCPU);
	start();
	for (int i = 0; i < 1000; i++) {
		for (int letter = 0; letter < 10; letter++)
			name[letter] = (char)('a' + (i >> letter & 1));
		grow_as(name);
	}
	session_assert_row("[native \xe2\x80\xa6] anon+872\n");
	assert_int_equal(count_rows(), MAX_NATIVE_NAMES + MAX_NATIVE_PATTERNS + 1);
	finish();
}

/* Python has filled both tables; what is no Python has rows all the same. */
static void check_reserve(__u32 nodes, __u32 sites)
{
	char name[16];

	session_open(SESSION_PERCPU);
	session_limit_nodes(nodes, 4);
	session_limit_sites(sites);
	start();
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		python_call(&python, python_code(&python, "/srv/app.py", name));
		session_change(task->mm, KIND_ANON, 1);
		python_return(&python);
	}
	python_set_finalizing(&python);
	python_set_leaf(&python, 0);
	session_change(task->mm, KIND_ANON, 2);
	session_assert_row("[shutdown] anon+2\n");
	grow_as("helper");
	session_assert_row("[native helper] anon+1\n");
	machine_run(machine_task_new(machine_mm_new(true), 7, 7, "kswapd0"));
	session_change(task->mm, KIND_ANON, -1);
	session_assert_row("[kernel] anon-1\n");
	finish();
}

static void test_reserve(void **state)
{
	(void)state;
	check_reserve(8, 100);
	check_reserve(100, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),       cmocka_unit_test(test_few_names),
		cmocka_unit_test(test_numbered_names), cmocka_unit_test(test_all_others),
		cmocka_unit_test(test_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
