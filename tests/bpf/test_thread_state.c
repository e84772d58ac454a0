/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/thread_state.h on memory made by hand: which state is believed to be the current thread's,
 * and what becomes of an event when that cannot be known. For every version of CPython that is
 * walked differently, on kernels with bpf_loop and without.
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

#define NEW_KEY 7
#define KEY_LOOK 256 /* as in bpf/walk_begin.h */

static struct python python;
static struct task_struct *task;

/* The thread's state ends where its page does, so that one can go without what is made later. */
static void open_fixture(enum session_kernel kernel, __u32 version)
{
	session_open(kernel);
	task = session_process(100, "python3");
	python_make(&python, version);
	python.heap = ((python.heap + HOST_PAGE - 1) & -HOST_PAGE) + HOST_PAGE - 256;
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
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

static bool has_key(void)
{
	return python.layout.tstate_by == TSTATE_BY_PTHREAD_KEY;
}

static void on_each(void (*test)(void))
{
	for (int kernel = 0; kernel < NR_SESSION_KERNELS; kernel++)
		for (size_t i = 0; i < python_nr_versions; i++) {
			open_fixture(kernel, python_versions[i]);
			test();
			session_check();
			session_close();
		}
}

#define LOST_TWO "<module> anon+1\n[lost] anon+2\n!thread_unreadable 1 event 2 pages\n"

/* The page with the thread's slot, or its variable. */
static void check_unreadable_slot(void)
{
	call("<module>");
	touch(1);
	host_user_drop(task->THREAD_POINTER);
	touch(2);
	assert_report(LOST_TWO);
}

static void test_unreadable_slot(void **state)
{
	on_each(check_unreadable_slot);
}

static void check_unreadable_state(void)
{
	call("<module>");
	touch(1);
	host_user_drop(python.tstate);
	touch(2);
	assert_report(LOST_TWO);
}

static void test_unreadable_state(void **state)
{
	on_each(check_unreadable_state);
}

/* Not even the first event of a thread is taken for one without Python. */
static void check_unreadable_at_first(void)
{
	host_user_drop(python.tstate);
	touch(2);
	assert_report("[lost] anon+2\n!thread_unreadable 1 event 2 pages\n");
}

static void test_unreadable_at_first(void **state)
{
	on_each(check_unreadable_at_first);
}

static void check_unreadable_cframe(void)
{
	if (python.layout.cframe_frame == NO_OFFSET)
		return;
	call("<module>");
	touch(1);
	host_user_drop(python.leaf_pointer);
	touch(2);
	assert_report(LOST_TWO);
}

static void test_unreadable_cframe(void **state)
{
	on_each(check_unreadable_cframe);
}

/* Without a state in its slot a thread runs no Python only if the key is still Python's. */
static void check_unreadable_key(void)
{
	struct task_struct *other = machine_task_new(task->mm, 100, 101, "worker");

	if (!has_key())
		return;
	call("<module>");
	touch(1);
	host_user_drop(python.bias + python.layout.key_vaddr);
	machine_run(other);
	touch(2);
	assert_report(LOST_TWO);
}

static void test_unreadable_key(void **state)
{
	on_each(check_unreadable_key);
}

/* Nobody has touched the runtime yet: it has not begun, and is asked for its key only. */
static void check_untouched_runtime(void)
{
	if (!has_key())
		return;
	host_user_drop(python.bias + python.layout.key_vaddr);
	host.user_reads = 0;
	touch(1);
	if (python.layout.version >= 0x307)
		assert_int_equal(host.user_reads, 1);
	python_set_key(&python, python.key);
	host_user_write(python.bias + python.layout.key_vaddr - 4, &(__u32){ 1 }, sizeof(__u32));
	call("<module>");
	touch(2);
	assert_report("<module> anon+2\n[startup] anon+1\n");
}

static void test_untouched_runtime(void **state)
{
	on_each(check_untouched_runtime);
}

/* Whether the runtime finalizes is not known, and so not which row it is. From 3.7 on; before, it
 * is a variable that may never have been touched. */
static void check_unreadable_finalizing(void)
{
	if (python.layout.version < 0x307)
		return;
	call("<module>");
	touch(1);
	python_return(&python);
	host_user_drop(python.bias + python.layout.finalizing_vaddr);
	session_image(task->mm)->flags |= IMAGE_RUNTIME_SEEN;
	touch(2);
	assert_report(LOST_TWO);
}

static void test_unreadable_finalizing(void **state)
{
	on_each(check_unreadable_finalizing);
}

/* A second Python of the process: its main module has begun, and it does not finalize. */
static void check_finalized_once(void)
{
	const __u64 none = 0;

	call("<module>");
	touch(1);
	python_return(&python);
	python_set_finalizing(&python);
	touch(2);
	host_user_write(python.bias + python.layout.finalizing_vaddr, &none, sizeof(none));
	touch(4);
	assert_report("<module> anon+1\n[native python3] anon+4\n[shutdown] anon+2\n");
}

static void test_finalized_once(void **state)
{
	on_each(check_finalized_once);
}

/* What a child takes before its first frame of its own is no start-up. */
static void check_forked(void)
{
	struct task_struct *child;

	call("<module>");
	touch(1);
	child = machine_task_new(machine_mm_new(session_is_percpu()), 101, 101, "child");
	session_fork_event(task, child);
	machine_run(child);
	session_change(child->mm, KIND_ANON, 2);
	assert_report("<module> anon+1\n[native child] anon+2\n");
}

static void test_forked(void **state)
{
	on_each(check_forked);
}

/* Without it all sites are looked at anew, which loses nothing. */
static void check_unreadable_generation(void)
{
	if (!python.layout.generation_vaddr)
		return;
	call("<module>");
	touch(1);
	host_user_drop(python.bias + python.layout.generation_vaddr);
	touch(2);
	assert_report("<module> anon+3\n");
}

static void test_unreadable_generation(void **state)
{
	on_each(check_unreadable_generation);
}

/* Python ends and begins again, with another key; the old one is another library's now. */
static void check_key_of_another(void)
{
	const __u64 value = python.heap + 16 * HOST_PAGE;
	static const char zeroes[HOST_PAGE];

	if (!has_key())
		return;
	call("<module>");
	touch(1);
	host_user_write(value, zeroes, sizeof(zeroes));
	python_put_slot(&python, task, python.key, 3, value);
	python_set_key(&python, NEW_KEY);
	python_attach_thread(&python, task);
	call("again");
	touch(2);
	touch(4);
	assert_report("<module> anon+1\nagain anon+6\n");
}

static void test_key_of_another(void **state)
{
	on_each(check_key_of_another);
}

/* The same when nobody has set the old key since: the old state is still there, without a frame. */
static void check_old_state_left(void)
{
	if (!has_key())
		return;
	call("<module>");
	touch(1);
	python_return(&python);
	python_set_key(&python, NEW_KEY);
	python_attach_thread(&python, task);
	call("again");
	touch(2);
	assert_report("<module> anon+1\nagain anon+2\n");
}

static void test_old_state_left(void **state)
{
	on_each(check_old_state_left);
}

/* The runtime is down: no key any more, and the slot leads to a state that was freed. A debug
 * allocator has filled that. */
static void check_filled_state(void)
{
	char filled[184];

	if (!has_key())
		return;
	memset(filled, 0xdd, sizeof(filled));
	call("<module>");
	touch(1);
	python_set_finalizing(&python);
	python_delete_key(&python);
	host_user_write(python.tstate, filled, sizeof(filled));
	touch(2);
	touch(4);
	assert_report("<module> anon+1\n[shutdown] anon+6\n");
}

static void test_filled_state(void **state)
{
	on_each(check_filled_state);
}

/* Somebody else has its memory, and what looks like a frame in it. */
static void check_state_of_others(void)
{
	__u64 frame;

	if (!has_key())
		return;
	call("<module>");
	frame = python.leaf;
	touch(1);
	python_set_leaf(&python, 0);
	python_set_finalizing(&python);
	touch(2);
	python_delete_key(&python);
	python_set_leaf(&python, frame);
	touch(4);
	assert_report("<module> anon+1\n[shutdown] anon+6\n");
}

static void test_state_of_others(void **state)
{
	on_each(check_state_of_others);
}

/* The runtime begins again and gets the same key, and has not set it yet: the old state is in the
 * slot, with the old number, and its memory is another thread's state now. */
static void check_key_again(void)
{
	const __u64 none = 0, other = 12345;

	if (!has_key())
		return;
	call("<module>");
	touch(1);
	python_set_leaf(&python, 0);
	python_set_finalizing(&python);
	touch(2);
	python_delete_key(&python);
	touch(4);
	host_user_write(python.tstate + python.layout.tstate_thread, &other, sizeof(other));
	host_user_write(python.bias + python.layout.finalizing_vaddr, &none, sizeof(none));
	python_set_key(&python, python.key);
	touch(8);
	assert_report("<module> anon+1\n[native python3] anon+8\n[shutdown] anon+6\n");
}

static void test_key_again(void **state)
{
	on_each(check_key_again);
}

/* Even a frame may be left of the old state: some events later that is found out. */
static void check_old_frame_left(void)
{
	_cleanup_(freep) char *report = NULL;
	const char *found;

	if (!has_key())
		return;
	call("<module>");
	touch(1);
	python_set_key(&python, NEW_KEY);
	python_attach_thread(&python, task);
	call("again");
	for (int i = 0; i < KEY_LOOK; i++)
		touch(1);
	for (int i = 0; i < 3; i++)
		touch(KEY_LOOK);
	report = session_report();
	found = strstr(report, "\nagain anon+");
	assert_non_null(found);
	assert_in_range(atoi(found + strlen("\nagain anon+")), 3 * KEY_LOOK, 4 * KEY_LOOK);
}

static void test_old_frame_left(void **state)
{
	on_each(check_old_frame_left);
}

/* A thread's first state under the new key; under the old one it never had any. */
static void check_new_thread(void)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");

	if (!has_key())
		return;
	call("<module>");
	touch(1);
	python_set_key(&python, NEW_KEY);
	python_attach_thread(&python, worker);
	call("run");
	machine_run(worker);
	touch(2);
	assert_report("<module> anon+1\nrun anon+2\n");
}

static void test_new_thread(void **state)
{
	on_each(check_new_thread);
}

static void make_foreign(void)
{
	const __u64 other = task->THREAD_POINTER + 0x100000;

	host_user_write(python.tstate + python.layout.tstate_thread, &other, sizeof(other));
}

/* A thread runs a state that another has made (3.12: PyThreadState_Swap); this key's number is
 * known from one that was its own. */
static void check_swapped_state(void)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");

	call("<module>");
	touch(1);
	python_attach_thread(&python, worker);
	make_foreign();
	call("run");
	machine_run(worker);
	touch(2);
	touch(4);
	assert_report("<module> anon+1\nrun anon+6\n");
}

static void test_swapped_state(void **state)
{
	on_each(check_swapped_state);
}

/* What a key's former owner has left in a thread's slot: pthread_getspecific() gives NULL there. */
static void check_leftover(void)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");
	const __u64 value = python.tstate;

	if (!has_key())
		return;
	call("<module>");
	touch(1);
	python_put_slot(&python, worker, python.key, 99, value);
	machine_run(worker);
	touch(2);
	assert_report("<module> anon+1\n[native worker] anon+2\n");
}

static void test_leftover(void **state)
{
	on_each(check_leftover);
}

/* Nothing says what it is: neither Python nor none. */
static void check_unclear(void)
{
	call("<module>");
	make_foreign();
	touch(2);
	if (has_key())
		assert_report("[lost] anon+2\n!thread_unclear 1 event 2 pages\n");
	else
		assert_report("<module> anon+2\n"); /* the variable is Python's own */
}

static void test_unclear(void **state)
{
	on_each(check_unclear);
}

/* A thread with a state, one without, and one whose state cannot be read. */
static void check_slots_of_musl(__u16 at, bool is_known)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, "worker");
	struct task_struct *native = machine_task_new(task->mm, 100, 102, "native");

	if (!has_key())
		return;
	python_put_slot(&python, task, python.key, 0, 0);
	python_set_musl(&python, at, is_known);
	session_set_python(task->mm, &python.layout, python.bias);
	python_attach_thread(&python, task);
	call("<module>");
	touch(1);
	python_attach_thread(&python, worker);
	call("run");
	machine_run(worker);
	touch(2);
	machine_run(native);
	touch(4);
	machine_run(worker);
	host_user_drop(python.tstate);
	touch(8);
	assert_report("<module> anon+1\n[lost] anon+8\n[native native] anon+4\nrun anon+2\n"
		      "!thread_unreadable 1 event 8 pages\n");
}

static void check_musl(void)
{
	python.heap = (python.heap + HOST_PAGE - 1) & -HOST_PAGE;
	check_slots_of_musl(0x80, true);
}

static void check_musl_unknown(void)
{
	python.heap = (python.heap + HOST_PAGE - 1) & -HOST_PAGE;
	check_slots_of_musl(0x80, false);
}

static void check_old_musl(void)
{
	python.heap = (python.heap + HOST_PAGE - 1) & -HOST_PAGE;
	check_slots_of_musl(0x88, true);
}

static void check_old_musl_unknown(void)
{
	python.heap = (python.heap + HOST_PAGE - 1) & -HOST_PAGE;
	check_slots_of_musl(0x88, false);
}

static void test_musl(void **state)
{
	on_each(check_musl);
	on_each(check_musl_unknown);
	on_each(check_old_musl);
	on_each(check_old_musl_unknown);
}

/* A thread-local variable of a library: {module, offset}, and the thread's DTV. */
#define TLS_INDEX_VADDR 0x407000ULL
#define MODULE 3
#define DTV 0x7f3000000000ULL

static void make_dynamic(__u64 entries, __u64 block)
{
	const __u64 index[2] = { MODULE, 0x40 }, dtv = DTV;
	static const char zeroes[HOST_PAGE];

	python.layout.tls_bound.index_vaddr = TLS_INDEX_VADDR;
	python.layout.tls_bound.offset = 8;
	session_set_python(task->mm, &python.layout, python.bias);
	host_user_write(python.bias + TLS_INDEX_VADDR, index, sizeof(index));
	host_user_write(task->THREAD_POINTER + GLIBC_DTV, &dtv, sizeof(dtv));
	host_user_write(DTV - HOST_PAGE, zeroes, sizeof(zeroes));
	host_user_write(DTV, zeroes, sizeof(zeroes));
	host_user_write(DTV - 16, &entries, sizeof(entries));
	host_user_write(DTV + 16 * MODULE, &block, sizeof(block));
}

/* Its block is found, was not made yet, or has no entry in a DTV that is too short. */
static void check_dynamic(void)
{
	const __u64 block = DTV + 4 * HOST_PAGE, variable = block + 0x48;

	if (has_key())
		return;
	call("<module>");
	host_user_write(variable, &python.tstate, sizeof(python.tstate));
	make_dynamic(8, block);
	touch(1);
	make_dynamic(8, ~0ULL);
	touch(2);
	make_dynamic(8, 0);
	touch(4);
	make_dynamic(2, 0x123456789000ULL);
	touch(8);
	make_dynamic(8, 0x123456789000ULL);
	touch(16);
	assert_report("<module> anon+1\n[lost] anon+16\n[native python3] anon+14\n"
		      "!thread_unreadable 1 event 16 pages\n");
}

/* The linker has not touched the library's tables, then not made the thread's, and runs already. */
static void check_untouched_variable(void)
{
	const __u64 block = DTV + 4 * HOST_PAGE;

	if (has_key())
		return;
	make_dynamic(8, block);
	host_user_drop(python.bias + TLS_INDEX_VADDR);
	touch(1);
	make_dynamic(8, block);
	host_user_drop(DTV);
	touch(2);
	make_dynamic(8, block);
	host_user_write(block + 0x48, &python.tstate, sizeof(python.tstate));
	call("<module>");
	touch(4);
	host_user_drop(DTV); /* swapped out */
	touch(8);
	assert_report("<module> anon+4\n[lost] anon+8\n[startup] anon+3\n"
		      "!thread_unreadable 1 event 8 pages\n");
}

static void test_dynamic(void **state)
{
	on_each(check_dynamic);
	on_each(check_untouched_variable);
}

#ifdef __TARGET_ARCH_arm64
static void list_main(void)
{
	struct python *const interpreters[] = { &python };

	python_list_interpreters(interpreters, 1);
	session_set_python(task->mm, &python.layout, python.bias);
}

/* The kernel has not stored the thread's pointer yet: the only state is the thread's. */
static void check_late_pointer(void)
{
	const __u64 pointer = task->THREAD_POINTER;
	__u64 next = 0;

	if (python.layout.interp_threads == NO_OFFSET)
		return;
	list_main();
	call("<module>");
	task->THREAD_POINTER = 0;
	touch(1);
	task->THREAD_POINTER = pointer;
	touch(2);
	task->THREAD_POINTER = 0;
	next = python.tstate; /* there are two */
	host_user_write(python.tstate + python.layout.tstate_next, &next, sizeof(next));
	touch(4);
	assert_report("<module> anon+3\n[lost] anon+4\n!thread_unreadable 1 event 4 pages\n");
}

static void test_late_pointer(void **state)
{
	on_each(check_late_pointer);
}

/* glibc of a version whose struct pthread has another size: not in silence. */
static void check_unknown_library(void)
{
	struct wire_slots *ways = python.layout.slots;

	if (!has_key() || python.layout.interp_threads == NO_OFFSET)
		return;
	for (int way = 0; way < NR_SLOT_WAYS; way++) {
		ways[way].slot_bytes = 16;
		ways[way].block_keys = 32;
		ways[way].self = 0x600 + 0x20 * way;
		ways[way].first_block = 0x110 - ways[way].self;
		ways[way].blocks = 0x310 - ways[way].self;
	}
	list_main();
	call("<module>");
	touch(1);
	assert_report("[lost] anon+1\n!thread_unclear 1 event 1 page\n");
}

static void test_unknown_library(void **state)
{
	on_each(check_unknown_library);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __TARGET_ARCH_arm64
		cmocka_unit_test(test_late_pointer),
		cmocka_unit_test(test_unknown_library),
#endif
		cmocka_unit_test(test_unreadable_slot),
		cmocka_unit_test(test_unreadable_state),
		cmocka_unit_test(test_unreadable_at_first),
		cmocka_unit_test(test_unreadable_cframe),
		cmocka_unit_test(test_unreadable_key),
		cmocka_unit_test(test_untouched_runtime),
		cmocka_unit_test(test_unreadable_finalizing),
		cmocka_unit_test(test_finalized_once),
		cmocka_unit_test(test_filled_state),
		cmocka_unit_test(test_state_of_others),
		cmocka_unit_test(test_key_again),
		cmocka_unit_test(test_forked),
		cmocka_unit_test(test_unreadable_generation),
		cmocka_unit_test(test_key_of_another),
		cmocka_unit_test(test_old_state_left),
		cmocka_unit_test(test_old_frame_left),
		cmocka_unit_test(test_new_thread),
		cmocka_unit_test(test_swapped_state),
		cmocka_unit_test(test_leftover),
		cmocka_unit_test(test_unclear),
		cmocka_unit_test(test_musl),
		cmocka_unit_test(test_dynamic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
