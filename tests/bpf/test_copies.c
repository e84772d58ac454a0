/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf/cow.h: what is a copy of a shared page, and what looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/host.h"
#include "python_memory.h"
#include "session.h"

#define BASE 0x7f1200000000ULL
#define PAGE 4096ULL
#define KERNEL_ADDRESS 0xffff888100000000ULL
#define MAX_REGIONS 64
#define MOVABLE 0x8
#define FS 0x80
#define POPULATE_READ 22
#define POPULATE_WRITE 23
#define HUGE 512

static struct task_struct *task;

static int open_fixture(void **state)
{
	session_open(SESSION_PERCPU);
	session_ask_owners(MAX_REGIONS);
	task = session_process(100, "writer");
	session_set_python(task->mm, NULL, 0);
	return 0;
}

static int close_fixture(void **state)
{
	session_check();
	session_close();
	return 0;
}

static __s32 unshared(void)
{
	__u32 id = session_find_named(task->mm, "writer");
	const struct wire_held *held = id ? session_held(id) : NULL;

	return held ? (__s32)held->unshared : 0;
}

static __s32 live_anon(void)
{
	const struct wire_held *held = session_held(session_find_named(task->mm, "writer"));

	return held ? held->live[KIND_ANON] : 0;
}

static void copies_count(void **state)
{
	for (__u32 i = 0; i < 10; i++) {
		session_write(BASE + i * PAGE, false);
		session_allocate(0, MOVABLE);
	}
	assert_int_equal(unshared(), 10);
	assert_int_equal(live_anon(), 0);
	assert_true(session_take_mark(session_find_named(task->mm, "writer")));
}

/* What a page table or a slab takes in the same fault is no copy, but one may follow. */
static void one_movable_page(void **state)
{
	session_write(BASE, false);
	session_allocate(0, 0);
	session_allocate(1, MOVABLE);
	assert_int_equal(unshared(), 0);
	session_allocate(0, MOVABLE);
	session_allocate(0, MOVABLE);
	assert_int_equal(unshared(), 1);
}

static void last_owner_keeps_its_page(void **state)
{
	session_write(BASE, false);
	session_enter(NR_read, 0, 0, 0); /* which brings a page of a file into memory */
	session_allocate(0, MOVABLE);
	assert_int_equal(unshared(), 0);
	session_write(BASE, true);
	session_end_fault();
	session_allocate(0, MOVABLE);
	assert_int_equal(unshared(), 0);
}

static void zero_page_is_growth(void **state)
{
	session_write(BASE, false);
	session_allocate(0, MOVABLE);
	session_change(task->mm, KIND_ANON, 1);
	assert_int_equal(unshared(), 0);
	assert_int_equal(live_anon(), 1);
}

static void private_file_page_is_growth(void **state)
{
	session_touch(BASE);
	session_change(task->mm, KIND_FILE, 1);
	session_write(BASE, false);
	session_allocate(0, MOVABLE);
	session_change(task->mm, KIND_FILE, -1);
	session_change(task->mm, KIND_ANON, 1);
	assert_int_equal(unshared(), 0);
	assert_int_equal(live_anon(), 1);
}

/* A fault forgets what was noted of the one before. */
static void absent_page_is_growth(void **state)
{
	session_write(BASE, false);
	session_touch(BASE + PAGE);
	session_allocate(0, MOVABLE);
	session_change(task->mm, KIND_ANON, 1);
	assert_int_equal(unshared(), 0);
	assert_int_equal(live_anon(), 1);
}

static void kernel_writes_for_a_process(void **state)
{
	session_enter(NR_read, 0, BASE, PAGE);
	session_write(BASE, true);
	session_allocate(0, MOVABLE);
	assert_int_equal(unshared(), 1);
}

/* A fault on its own memory, as on an entry of the page table that is out of date. */
static void kernel_writes_for_itself(void **state)
{
	session_write(KERNEL_ADDRESS, true);
	session_allocate(0, MOVABLE);
	assert_int_equal(unshared(), 0);
}

/* The page that comes in a fault is a copy, until it turns out as growth; what comes in another
 * fault, a huge page or such as were there, was none. */
static void calls_that_write_to_all(void **state)
{
	static const struct {
		unsigned long number, advice;
	} calls[] = {
		{ NR_madvise, POPULATE_WRITE },
		{ NR_mlock, 0 },
		{ NR_mlock2, 0 },
		{ NR_mlockall, 0 },
	};

	session_write(BASE, false); /* the last owner of a page keeps it */
	for (int i = 0; i < 4; i++) {
		session_enter(calls[i].number, BASE, 4 * HUGE * PAGE, calls[i].advice);
		session_allocate(0, MOVABLE | FS);
		session_end_fault();
		session_allocate(0, MOVABLE | FS);
		session_change(task->mm, KIND_ANON, 1);
		session_end_fault();
		session_allocate(0, MOVABLE | FS);
		session_end_fault();
		session_change(task->mm, KIND_ANON, HUGE);
		session_end_fault();
		session_change(task->mm, KIND_FILE, 1);
		session_end_fault();
		session_change(task->mm, KIND_SHMEM, 1);
		assert_int_equal(unshared(), 2 * (i + 1));
	}
	session_enter(NR_read, 3, BASE, PAGE);
	session_change(task->mm, KIND_ANON, 1);
	assert_int_equal(unshared(), 8);
}

/* Shared memory that nobody has had, and a private mapping of it: a page comes for the memory, then
 * one for the mapping. */
static void shared_memory_is_growth(void **state)
{
	session_enter(NR_madvise, BASE, 8 * PAGE, POPULATE_WRITE);
	for (int i = 0; i < 4; i++) {
		session_allocate(0, MOVABLE | FS);
		session_change(task->mm, KIND_SHMEM, 1);
		session_end_fault();
	}
	for (int i = 0; i < 4; i++) {
		session_allocate(0, MOVABLE | FS);
		session_allocate(0, MOVABLE | FS);
		session_change(task->mm, KIND_ANON, 1);
		session_end_fault();
	}
	assert_int_equal(unshared(), 0);
	assert_int_equal(live_anon(), 4);
}

/* What is read ahead of a file within such a call, and calls that only read. */
static void calls_that_read(void **state)
{
	session_enter(NR_mlock, BASE, 4 * PAGE, 0);
	session_allocate(0, MOVABLE);
	session_enter(NR_madvise, BASE, 4 * PAGE, POPULATE_READ);
	session_allocate(0, MOVABLE | FS);
	session_enter(NR_read, 3, BASE, PAGE);
	session_allocate(0, MOVABLE | FS);
	assert_int_equal(unshared(), 0);
}

/* Its fault, and one of a BPF program that reads an absent page. */
static void others_do_not_count(void **state)
{
	struct task_struct *other = machine_task_new(machine_mm_new(true), 200, 200, "other");

	machine_run(other);
	session_write(BASE, false);
	session_allocate(0, MOVABLE);
	machine_run(task);
	task->pagefault_disabled = 1;
	session_write(BASE, false);
	task->pagefault_disabled = 0;
	session_allocate(0, MOVABLE);
	assert_int_equal(unshared(), 0);
}

static __u32 lost_events(enum wire_loss loss)
{
	assert_int_equal(session_image(task->mm)->loss_pages[loss], 0); /* no growth */
	return session_image(task->mm)->loss_events[loss];
}

/* No room to say what a path has copied: counted, and nothing is taken back then. */
static void no_room_for_copies(void **state)
{
	session_limit_held(0);
	session_write(BASE, false);
	session_allocate(0, MOVABLE);
	assert_int_equal(lost_events(LOSS_owner_memory), 1);
	session_limit_held(SESSION_IDS);
	session_change(task->mm, KIND_ANON, 1);
	assert_int_equal(unshared(), 0);
	assert_int_equal(live_anon(), 1);
}

/* The row lacks its root side: told of each page that is copied, and of no other. */
static void path_of_copy_is_cut(void **state)
{
	struct python python;
	__u64 deep;

	python_make(&python, PYTHON_3_11);
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
	deep = python_code(&python, "/srv/app.py", "deep");
	for (int i = 0; i < MAX_FRAMES; i++)
		python_call(&python, deep);
	session_write(BASE, false);
	session_allocate(0, MOVABLE);
	assert_int_equal(lost_events(LOSS_stack_truncated), 0);
	python_call(&python, deep);
	session_write(BASE, false);
	assert_int_equal(lost_events(LOSS_stack_truncated), 0);
	session_allocate(0, MOVABLE);
	session_allocate(0, MOVABLE);
	assert_int_equal(lost_events(LOSS_stack_truncated), 1);
	python_return(&python);
	session_write(BASE, false);
	session_allocate(0, MOVABLE);
	assert_int_equal(lost_events(LOSS_stack_truncated), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)
		TEST(copies_count),
		TEST(one_movable_page),
		TEST(last_owner_keeps_its_page),
		TEST(zero_page_is_growth),
		TEST(private_file_page_is_growth),
		TEST(absent_page_is_growth),
		TEST(kernel_writes_for_a_process),
		TEST(kernel_writes_for_itself),
		TEST(calls_that_write_to_all),
		TEST(shared_memory_is_growth),
		TEST(calls_that_read),
		TEST(others_do_not_count),
		TEST(no_room_for_copies),
		TEST(path_of_copy_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
