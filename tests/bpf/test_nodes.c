/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/nodes.h: where a path stands in the table of nodes, and where its growth goes when a table or
 * the ring buffer has no room. Whatever happens, nodes and losses sum up to what was booked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <memprobe/wire_hash.h>

#include "host/host.h"
#include "memory.h"
#include "python_memory.h"
#include "session.h"

#define ROUNDS 300
#define STEPS 100
#define NAMES 12

static struct python python;
static struct task_struct *task;
static unsigned int seed;

static __u32 below(__u32 limit)
{
	return (__u32)rand_r(&seed) % limit;
}

/* After session_open() and the limits. */
static void start(__u32 version)
{
	task = session_process(100, "python3");
	python_make(&python, version);
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
}

static void finish(void)
{
	session_check();
	session_close();
}

static void call(const char *name)
{
	python_call(&python, python_code(&python, "/srv/app.py", name));
}

static void touch(__s32 pages)
{
	session_change(task->mm, KIND_ANON, pages);
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

static void test_keys(void **state)
{
	for (int i = 0; i < 10000; i++) {
		__u64 parent = hash_mix(below(1U << 31)), site = hash_mix(below(1U << 31));

		assert_int_equal(path_parent(path_child(parent, site), site), parent);
		assert_int_equal(path_child(0, site), site);
		assert_int_not_equal(path_child(parent, site), path_child(site, parent));
	}
}

/* Two callers whose callee has the same frame, at the same address, with the same code. */
static void check_twins(void)
{
	__u64 leaf = python_code(&python, "/srv/app.py", "leaf"), first, second;

	call("<module>");
	call("one");
	first = python_call(&python, leaf);
	touch(3);
	python_return(&python);
	python_return(&python);
	call("two");
	python_put_frame(&python, first, leaf, python.leaf);
	python_set_leaf(&python, first);
	second = python.leaf;
	touch(5);
	assert_int_equal(first, second);
	assert_report("<module>;one;leaf anon+3\n<module>;two;leaf anon+5\n");
}

static void test_twins(void **state)
{
	for (int kernel = 0; kernel < NR_SESSION_KERNELS; kernel++)
		for (size_t i = 0; i < python_nr_versions; i++) {
			session_open(kernel);
			start(python_versions[i]);
			check_twins();
			finish();
		}
}

/* Parents are laid down with a path, and hold nothing of their own. */
static void test_parents(void **state)
{
	session_open(SESSION_PERCPU);
	start(PYTHON_3_11);
	call("<module>");
	call("f");
	call("g");
	touch(1);
	python_return(&python);
	call("h");
	touch(1);
	assert_report("<module>;f;g anon+1\n<module>;f;h anon+1\n");
	python_return(&python);
	python_return(&python);
	touch(1);
	assert_report("<module> anon+1\n<module>;f;g anon+1\n<module>;f;h anon+1\n");
	finish();
}

static void test_kinds(void **state)
{
	session_open(SESSION_PERCPU);
	start(PYTHON_3_11);
	call("<module>");
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		session_change(task->mm, kind, 10 + (__s32)kind);
		session_change(task->mm, kind, -1 - (__s32)kind);
	}
	assert_report("<module> file+10-1 anon+11-2 swap+12-3 shmem+13-4\n");
	assert_int_equal(session_thread(100)->image_id, session_image(task->mm)->image_id);
	finish();
}

static void test_nodes_full(void **state)
{
	session_open(SESSION_PERCPU);
	session_limit_nodes(2, 1);
	start(PYTHON_3_11);
	call("<module>");
	call("f");
	touch(1);
	call("g");
	touch(2); /* no room: below the nearest ancestor */
	call("h");
	touch(-4); /* the same */
	python_return(&python);
	python_return(&python);
	python_return(&python);
	call("k");
	touch(8); /* another ancestor: no room for its row either */
	assert_report("<module>;f anon+1\n"
		      "<module>;f;[deeper] anon+2-4\n"
		      "(lost) anon+8\n"
		      "!nodes_full 3 events 14 pages (4 released)\n");
	finish();
}

/* Not even the root has room; rows that are no Python have. */
static void test_no_node_at_all(void **state)
{
	session_open(SESSION_PERCPU);
	session_limit_nodes(1, 4);
	start(PYTHON_3_11);
	touch(1);
	call("<module>"); /* takes it */
	touch(4);
	python_return(&python);
	call("other");
	touch(2);
	machine_run(machine_task_new(machine_mm_new(true), 7, 7, "kswapd0"));
	touch(-1);
	assert_report("<module> anon+4\n[kernel] anon-1\n[startup] anon+1\n(lost) anon+2\n"
		      "!nodes_full 1 event 2 pages\n");
	finish();
}

static void test_sites_full(void **state)
{
	session_open(SESSION_PERCPU);
	session_limit_sites(2);
	start(PYTHON_3_11);
	call("<module>");
	call("f");
	call("g");
	touch(1);
	python_return(&python);
	touch(2);
	assert_report("<module>;f anon+2\n"
		      "<module>;f;[deeper] anon+1\n"
		      "!sites_full 1 event 1 page\n");
	finish();
}

/* A site that did not fit into the ring buffer is sent when there is room again. */
static void test_ring_full(void **state)
{
	session_open(SESSION_PERCPU);
	session_limit_ring(sizeof(struct wire_image_begin) + 8 + 136);
	start(PYTHON_3_11);
	call("<module>"); /* sent */
	call("f");	  /* not sent */
	touch(1);
	touch(2);
	session_drain();
	touch(4);
	assert_report("<module>;[deeper] anon+3\n"
		      "<module>;f anon+4\n"
		      "!ring_full 2 events 3 pages\n");
	finish();
}

static void test_ring_full_at_the_root(void **state)
{
	session_open(SESSION_PERCPU);
	session_limit_ring(sizeof(struct wire_image_begin) + 8 + 16);
	start(PYTHON_3_11);
	touch(1);
	session_drain();
	touch(2);
	assert_report("[startup] anon+2\n(lost) anon+1\n!ring_full 1 event 1 page\n");
	finish();
}

/* No room for threads: only how much each grew is lost. */
static void test_threads_full(void **state)
{
	session_open(SESSION_PERCPU);
	session_limit_threads(1);
	start(PYTHON_3_11);
	touch(1);
	machine_run(machine_task_new(task->mm, 100, 101, "worker"));
	touch(2);
	assert_report("[native worker] anon+2\n[startup] anon+1\n!threads_full 1 event 0 pages\n");
	finish();
}

/* Random programs. */
static __u64 codes[NAMES];

static void random_step(void)
{
	static const __s32 amounts[] = { 1, 1, 1, 2, 16, 512, -1, -5, -512 };

	switch (below(10)) {
	case 0:
	case 1:
	case 2:
		python_call(&python, codes[below(NAMES)]);
		break;
	case 3:
	case 4:
		if (python.leaf)
			python_return(&python);
		break;
	case 5:
		host.cpu = below(HOST_CPUS);
		break;
	case 6:
		task->flags = below(4) ? 0 : PF_MEMALLOC;
		break;
	case 7:
		if (!below(4))
			session_drain();
		break;
	default:
		session_change(task->mm, below(NR_KINDS), amounts[below(ARRAY_SIZE(amounts))]);
	}
}

static void make_codes(void)
{
	char name[16];

	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		codes[i] = python_code(&python, "/srv/app.py", name);
	}
}

static __s64 really_added(__u32 kind)
{
	return session_is_percpu() ? machine_percpu_sum(task->mm, kind)
				   : machine_count(task->mm, kind);
}

static void play(enum session_kernel kernel, __u32 version)
{
	session_open(kernel);
	session_limit_nodes(1 + below(40), 1 + below(10));
	session_limit_sites(1 + below(NAMES + 4));
	session_limit_ring(sizeof(struct wire_image_begin) + 64 + below(1500));
	start(version);
	make_codes();
	for (int step = 0; step < STEPS; step++) {
		random_step();
		session_check();
	}
	for (__u32 kind = 0; kind < NR_KINDS; kind++)
		assert_int_equal(session_image(task->mm)->books[kind], really_added(kind));
	free(session_report());
	finish();
}

static void test_sums(void **state)
{
	for (int round = 0; round < ROUNDS; round++)
		play(below(NR_SESSION_KERNELS), python_versions[below((__u32)python_nr_versions)]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_parents),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_nodes_full),
		cmocka_unit_test(test_no_node_at_all),
		cmocka_unit_test(test_sites_full),
		cmocka_unit_test(test_ring_full),
		cmocka_unit_test(test_ring_full_at_the_root),
		cmocka_unit_test(test_threads_full),
		cmocka_unit_test(test_sums),
	};

	seed = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 0) : (unsigned int)time(NULL);
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
