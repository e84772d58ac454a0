/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/walk.h on frames made by hand, for every version of CPython that is walked differently, on
 * kernels with bpf_loop and without: which path is an event booked on? The whole way is taken,
 * from the event to the names that reach the ring buffer.
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

struct fixture {
	struct python python;
	struct task_struct *task;
};

static struct fixture fixture;

static void open_fixture(enum session_kernel kernel, __u32 version)
{
	session_open(kernel);
	fixture.task = session_process(100, "python3");
	python_make(&fixture.python, version);
	python_attach_thread(&fixture.python, fixture.task);
	session_set_python(fixture.task->mm, &fixture.python.layout, fixture.python.bias);
}

static void close_fixture(void)
{
	session_check();
	session_close();
}

static __u64 code(const char *name)
{
	return python_code(&fixture.python, "/srv/app.py", name);
}

static __u64 call(const char *name)
{
	return python_call(&fixture.python, code(name));
}

static void touch(__s32 pages)
{
	session_change(fixture.task->mm, KIND_ANON, pages);
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

/* Runs a test on all kernels and from one version of CPython on. */
static void on_each(void (*test)(void), __u32 first_version)
{
	for (int kernel = 0; kernel < NR_SESSION_KERNELS; kernel++)
		for (size_t i = 0; i < python_nr_versions; i++) {
			if (python_versions[i] < first_version)
				continue;
			open_fixture(kernel, python_versions[i]);
			test();
			close_fixture();
		}
}

static void check_nested(void)
{
	struct wire_site site;

	call("<module>");
	touch(1);
	call("outer");
	call("inner");
	touch(5);
	python_return(&fixture.python);
	touch(-2);
	assert_report("<module> anon+1\n"
		      "<module>;outer anon-2\n"
		      "<module>;outer;inner anon+5\n");
	assert_true(session_find_site("inner", &site));
	assert_int_equal(site.version, fixture.python.layout.version);
	assert_int_equal(site.firstlineno, 10);
	assert_int_equal(site.filename.bytes, strlen("/srv/app.py"));
	assert_int_equal(site.linetable_bytes, 0);
	assert_int_equal(site.name.ascii, 1);
	assert_int_equal(site.name.kind, 1);
}

static void test_nested(void **state)
{
	on_each(check_nested, 0);
}

/* Line tables are sent where lines are asked for. */
static void check_line_tables(void)
{
	struct wire_site site;

	session_ask_lines();
	call("<module>");
	touch(1);
	assert_true(session_find_site("<module>", &site));
	assert_int_equal(site.linetable_bytes, strlen("lines"));
	assert_false(site.linetable_missing);
}

static void test_line_tables(void **state)
{
	on_each(check_line_tables, 0);
}

static void check_shims(void)
{
	python_call_shim(&fixture.python);
	call("<module>");
	python_call_shim(&fixture.python);
	python_call_shim(&fixture.python);
	call("f");
	python_call_shim(&fixture.python);
	touch(1);
	assert_report("<module>;f anon+1\n");
}

static void test_shims(void **state)
{
	on_each(check_shims, PYTHON_3_12);
}

/* A C function called with nothing but shims below it is no Python. */
static void check_only_shims(void)
{
	python_call_shim(&fixture.python);
	touch(1);
	assert_report("[startup] anon+1\n");
}

static void test_only_shims(void **state)
{
	on_each(check_only_shims, PYTHON_3_12);
}

/* A stack reference carries bits that are no part of the address: all that may be set, or none. */
static void check_tags(void)
{
	__u64 frame = call("<module>"), clean = code("g");

	assert_true(fixture.python.layout.tag_mask != 0);
	call("f");
	touch(1);
	host_user_write(fixture.python.leaf + fixture.python.layout.frame_code, &clean, 8);
	touch(1);
	assert_true(frame != fixture.python.leaf);
	assert_report("<module>;f anon+1\n<module>;g anon+1\n");
}

static void test_tags(void **state)
{
	on_each(check_tags, PYTHON_3_14);
}

static void check_depth(void)
{
	__u64 deep = code("deep");

	call("<module>");
	for (int i = 1; i < MAX_FRAMES; i++)
		python_call(&fixture.python, deep);
	touch(1);
	assert_report("<module>;deep*1023 anon+1\n");
	python_call(&fixture.python, deep);
	touch(2);
	for (int i = 0; i < 3000; i++)
		python_call(&fixture.python, deep);
	touch(4);
	assert_report("<module>;deep*1023 anon+1\n"
		      "[truncated];deep*1024 anon+6\n"
		      "!stack_truncated 2 events 6 pages\n");
}

static void test_depth(void **state)
{
	on_each(check_depth, 0);
}

/* As many shims as frames: what fits into the budget of steps. */
static void check_depth_of_shims(void)
{
	__u64 deep = code("deep");

	for (int i = 0; i < MAX_FRAMES - 1; i++) {
		python_call_shim(&fixture.python);
		python_call(&fixture.python, deep);
	}
	touch(1);
	for (int i = 0; i < 10; i++) {
		python_call_shim(&fixture.python);
		python_call(&fixture.python, deep);
	}
	touch(1);
	assert_report("[truncated];deep*1024 anon+1\n"
		      "deep*1023 anon+1\n"
		      "!stack_truncated 1 event 1 page\n");
}

static void test_depth_of_shims(void **state)
{
	on_each(check_depth_of_shims, PYTHON_3_12);
}

/* Many shims in a row end the walk before the root: cut, not lost. */
static void check_endless_shims(void)
{
	call("<module>");
	for (int i = 0; i < 3 * MAX_FRAMES; i++)
		python_call_shim(&fixture.python);
	call("f");
	touch(1);
	assert_report("[truncated];f anon+1\n!stack_truncated 1 event 1 page\n");
}

static void test_endless_shims(void **state)
{
	on_each(check_endless_shims, PYTHON_3_12);
}

static void check_circle(void)
{
	__u64 frame = call("f");

	python_put_frame(&fixture.python, frame, code("f"), frame);
	touch(1);
	assert_report("[truncated];f*1024 anon+1\n!stack_truncated 1 event 1 page\n");
}

static void test_circle(void **state)
{
	on_each(check_circle, 0);
}

/* Frames between which other pages lie, so that the older one's can go. */
static void call_on_new_page(const char *name)
{
	fixture.python.stack = (fixture.python.stack + 2 * HOST_PAGE - 1) & -HOST_PAGE;
	fixture.python.heap = (fixture.python.heap + 2 * HOST_PAGE - 1) & -HOST_PAGE;
	call(name);
}

static void check_unreadable_frame(void)
{
	__u64 lost;

	call("<module>");
	call_on_new_page("f");
	lost = fixture.python.leaf;
	call_on_new_page("g");
	call("h");
	touch(1);
	host_user_drop(lost);
	touch(2);
	assert_report("<module>;f;g;h anon+1\n"
		      "[lost];g;h anon+2\n"
		      "!frame_unreadable 1 event 2 pages\n");
}

static void test_unreadable_frame(void **state)
{
	on_each(check_unreadable_frame, 0);
}

/* Without a single frame nothing is left but the root row. */
static void check_unreadable_leaf(void)
{
	call("<module>");
	call_on_new_page("f");
	host_user_drop(fixture.python.leaf);
	touch(-3);
	assert_report("[lost] anon-3\n!frame_unreadable 1 event 3 pages (3 released)\n");
}

static void test_unreadable_leaf(void **state)
{
	on_each(check_unreadable_leaf, 0);
}

static void check_unreadable_code(void)
{
	__u64 f;

	call("<module>");
	fixture.python.heap = (fixture.python.heap + 2 * HOST_PAGE - 1) & -HOST_PAGE;
	f = code("f");
	fixture.python.heap = (fixture.python.heap + 2 * HOST_PAGE - 1) & -HOST_PAGE;
	python_call(&fixture.python, f);
	call("g");
	host_user_drop(f);
	touch(1);
	assert_report("[lost];g anon+1\n!frame_unreadable 1 event 1 page\n");
}

static void test_unreadable_code(void **state)
{
	on_each(check_unreadable_code, 0);
}

/* Names that cannot be read: the site is sent without them, the path stands. */
static void check_unreadable_name(void)
{
	__u64 nowhere = 0x1000, f = code("f");
	__u16 field = fixture.python.layout.code_qualname;

	if (field == NO_OFFSET)
		field = fixture.python.layout.code_name;
	host_user_write(f + field, &nowhere, sizeof(nowhere));
	call("<module>");
	python_call(&fixture.python, f);
	touch(1);
	touch(1);
	assert_report("<module>;? anon+2\n");
}

static void test_unreadable_name(void **state)
{
	on_each(check_unreadable_name, 0);
}

/* Frames at every place of a page, over its border too: 3.11 and later read a page at once. */
static void check_page_border(void)
{
	__u64 border = fixture.python.stack + 4 * HOST_PAGE;
	__u64 module = code("<module>"), f = code("f"), g = code("g");
	__u64 bytes = python_frame_bytes(&fixture.python);
	char expected[64];

	for (__u64 back = 0; back <= bytes; back += 8) {
		python_set_leaf(&fixture.python, 0);
		fixture.python.stack = border - 2 * bytes - back;
		python_call(&fixture.python, module);
		python_call(&fixture.python, f);
		python_call(&fixture.python, g);
		touch(1);
	}
	snprintf(expected, sizeof(expected), "<module>;f;g anon+%llu\n", bytes / 8 + 1);
	assert_report(expected);
}

static void test_page_border(void **state)
{
	on_each(check_page_border, PYTHON_3_11);
}

/* A stack that goes over many pages of its chunk, all of it in few reads. */
static void check_many_pages(void)
{
	__u64 f = code("f");
	unsigned int reads;

	call("<module>");
	for (int i = 0; i < 200; i++)
		python_call(&fixture.python, f);
	touch(1);
	reads = host.user_reads;
	touch(1);
	assert_report("<module>;f*200 anon+2\n");
	/* Per page one, for the codes none, and a few for the thread state. */
	assert_in_range(host.user_reads - reads, 1,
			200 * python_frame_bytes(&fixture.python) / HOST_PAGE + 8);
}

static void test_many_pages(void **state)
{
	on_each(check_many_pages, PYTHON_3_11);
}

/* A generator's frame lies in its object, between frames of the stack. */
static void check_generator(void)
{
	__u64 leaf, generator = fixture.python.heap + 5 * HOST_PAGE;

	call("<module>");
	leaf = call("f");
	python_put_frame(&fixture.python, generator, code("generate"), leaf);
	python_put_generator(&fixture.python, generator);
	python_set_leaf(&fixture.python, generator);
	touch(1);
	call("g");
	call("h");
	touch(2);
	assert_report("<module>;f;generate anon+1\n<module>;f;generate;g;h anon+2\n");
}

static void test_generator(void **state)
{
	on_each(check_generator, 0);
}

/* The read of a whole page fails, that of the frame alone does not: no frame is lost. */
static void check_failed_block(void)
{
	const __u32 reads_before_frames[] = { 3, 4 }; /* slot, thread state, (cframe), generation */

	call("<module>");
	call("f");
	call("g");
	call("h");
	touch(1);
	host.fail_user_read = reads_before_frames[fixture.python.layout.cframe_frame != NO_OFFSET] +
			      1;
	touch(2);
	assert_int_equal(host.fail_user_read, 0);
	assert_report("<module>;f;g;h anon+3\n");
}

static void test_failed_block(void **state)
{
	on_each(check_failed_block, PYTHON_3_11);
}

/* glibc keeps keys from 32 on in blocks of their own. */
static void check_pthread_key(void)
{
	static const __u32 keys[] = { 0, 31, 32, 63, 100, 1023 };

	if (fixture.python.layout.tstate_by != TSTATE_BY_PTHREAD_KEY)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		python_set_key(&fixture.python, keys[i]);
		session_image(fixture.task->mm)->pthread_key = 0;
		python_attach_thread(&fixture.python, fixture.task);
		call("<module>");
		touch(1);
	}
	assert_report("<module> anon+1\n<module> anon+1\n<module> anon+1\n"
		      "<module> anon+1\n<module> anon+1\n<module> anon+1\n");
}

static void test_pthread_key(void **state)
{
	on_each(check_pthread_key, 0);
}

/* Before the runtime has made its key there is no Python, and the key is looked for again. */
static void check_key_not_made(void)
{
	const __u32 none = 0;
	const int no_key = -1;
	__u64 key = fixture.python.layout.key_vaddr + fixture.python.bias;
	__u32 real = fixture.python.key, one = 1;

	if (fixture.python.layout.tstate_by != TSTATE_BY_PTHREAD_KEY)
		return;
	call("<module>");
	host_user_write(key, &no_key, sizeof(no_key));
	host_user_write(key - 4, &none, sizeof(none));
	touch(1);
	host_user_write(key, &real, sizeof(real));
	host_user_write(key - 4, &one, sizeof(one));
	touch(2);
	assert_report("<module> anon+2\n[startup] anon+1\n");
}

static void test_key_not_made(void **state)
{
	on_each(check_key_not_made, 0);
}

/* Each thread has its own frames, whoever else runs Python. */
static void check_threads(void)
{
	struct task_struct *worker = machine_task_new(fixture.task->mm, 100, 101, "worker");
	struct task_struct *native = machine_task_new(fixture.task->mm, 100, 102, "pool-1");

	call("<module>");
	python_attach_thread(&fixture.python, worker);
	fixture.python.stack += 16 * HOST_PAGE;
	call("run");
	touch(1); /* by the main thread */
	machine_run(worker);
	touch(2);
	machine_run(native);
	touch(4);
	assert_report("<module> anon+1\n[native pool-1] anon+4\nrun anon+2\n");
}

static void test_threads(void **state)
{
	on_each(check_threads, 0);
}

/* The main thread without a frame: before the main module, after it, while finalizing. What waits
 * without a frame, or calls from C, shuts nothing down. */
static void check_frameless(void)
{
	touch(1);
	call("<module>");
	python_return(&fixture.python);
	touch(2);
	call("<module>");
	touch(4);
	python_return(&fixture.python);
	touch(8);
	python_set_finalizing(&fixture.python);
	touch(16);
	assert_report("<module> anon+4\n[native python3] anon+8\n"
		      "[shutdown] anon+16\n[startup] anon+3\n");
}

static void test_frameless(void **state)
{
	on_each(check_frameless, 0);
}

/* Imports of the start-up are not the main module. */
static void check_imports_before_main(void)
{
	python_call(&fixture.python,
		    python_code(&fixture.python, "<frozen importlib._bootstrap>", "<module>"));
	touch(1);
	python_return(&fixture.python);
	touch(2);
	python_set_finalizing(&fixture.python);
	touch(4);
	assert_report("<module> anon+1\n[shutdown] anon+4\n[startup] anon+2\n");
}

static void test_imports_before_main(void **state)
{
	on_each(check_imports_before_main, 0);
}

/* `python -m` runs the module below runpy, which is frozen from 3.11 on. */
static void check_run_module(void)
{
	python_call(&fixture.python,
		    python_code(&fixture.python, "<frozen runpy>", "_run_module_as_main"));
	touch(1);
	python_return(&fixture.python);
	touch(2);
	assert_report("[native python3] anon+2\n_run_module_as_main anon+1\n");
}

static void test_run_module(void **state)
{
	on_each(check_run_module, 0);
}

/* Reclaim in the thread's own context, another task, a kernel thread with the mm: not the path. */
static void check_kernel_work(void)
{
	struct mm_struct *elsewhere = machine_mm_new(session_is_percpu());
	struct task_struct *other = machine_task_new(elsewhere, 7, 7, "kswapd0");

	call("<module>");
	fixture.task->flags = PF_MEMALLOC;
	touch(-1);
	fixture.task->flags = 0;
	machine_run(other);
	touch(2);
	other->mm = fixture.task->mm;
	other->flags = PF_KTHREAD;
	touch(4);
	assert_report("[kernel] anon+6-1\n");
}

static void test_kernel_work(void **state)
{
	on_each(check_kernel_work, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_line_tables),
		cmocka_unit_test(test_shims),
		cmocka_unit_test(test_only_shims),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_depth_of_shims),
		cmocka_unit_test(test_endless_shims),
		cmocka_unit_test(test_circle),
		cmocka_unit_test(test_unreadable_frame),
		cmocka_unit_test(test_unreadable_leaf),
		cmocka_unit_test(test_unreadable_code),
		cmocka_unit_test(test_unreadable_name),
		cmocka_unit_test(test_page_border),
		cmocka_unit_test(test_many_pages),
		cmocka_unit_test(test_generator),
		cmocka_unit_test(test_failed_block),
		cmocka_unit_test(test_pthread_key),
		cmocka_unit_test(test_key_not_made),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_frameless),
		cmocka_unit_test(test_imports_before_main),
		cmocka_unit_test(test_run_module),
		cmocka_unit_test(test_kernel_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
