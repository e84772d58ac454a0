/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/learn.h: an interpreter in a library is known from the first event on that finds the thread
 * in its code, without user space.
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

#define LIBRARY_INO 4711
#define LIBC_INO 4712
#define DEVICE (8 << 20 | 1)
#define LIBC 0x7f5500000000ULL
#define LIBRARY 0x7f6600000000ULL
#define TEXT_BYTES 0x5800ULL /* less than its pages */
#define TEXT_OFFSET 0x2340ULL
#define TEXT_VADDR 0x403340ULL
#define TEXT_MAPPED 0x6000ULL

static const struct wire_file library = {
	.ino = LIBRARY_INO,
	.dev = DEVICE,
	.changed_ns = MACHINE_FILE_NS,
};
static const struct wire_file_layout known = {
	.text_vaddr = TEXT_VADDR,
	.text_offset = TEXT_OFFSET,
	.text_bytes = TEXT_BYTES,
};

static struct python python;

static void on_each(void (*test)(void))
{
	for (int kernel = 0; kernel < NR_SESSION_KERNELS; kernel++) {
		session_open(kernel);
		test();
		session_check();
		session_close();
	}
}

static void know_library(void)
{
	session_set_file(&library, &known, &python.layout);
}

/* A process that runs ld.so; where its interpreter is unknown. */
static struct task_struct *begin(void)
{
	struct task_struct *task = session_process(100, "python3");

	python_make(&python, PYTHON_3_11);
	python_attach_thread(&python, task);
	machine_map(task->mm, machine_file_new(LIBC_INO, DEVICE), LIBC, 0x100000, 0);
	return task;
}

/* What the kernel does with the library: its text at a page, the rest around it. */
static struct file *map_library(struct mm_struct *mm)
{
	struct file *file = machine_file_new(LIBRARY_INO, DEVICE);

	machine_map(mm, file, LIBRARY, 0x2000, 0);
	machine_map(mm, file, LIBRARY + 0x2000, TEXT_MAPPED, TEXT_OFFSET & ~0xfffULL);
	machine_map(mm, file, LIBRARY + 0x8000, 0x4000, 0x8000);
	return file;
}

/* An event of the thread while it runs at `ip`: a fault, and what came of it. */
static void happen(struct task_struct *task, __u64 ip)
{
	host.registers.IP = ip;
	if (!session_is_percpu())
		session_fault_event();
	session_change(task->mm, KIND_FILE, 1);
}

static bool is_known(const struct task_struct *task)
{
	return session_python(task->mm)->state == PYTHON_KNOWN;
}

static void check_learned(void)
{
	struct task_struct *task = begin();
	struct wire_knock found;

	know_library();
	happen(task, LIBC + 0x500);
	map_library(task->mm);
	happen(task, LIBC + 0x500);
	assert_false(is_known(task));
	happen(task, LIBRARY + 0x2340);
	assert_true(is_known(task));
	/* The text's first byte: */
	assert_int_equal(session_python(task->mm)->bias + TEXT_VADDR,
			 LIBRARY + 0x2000 + (TEXT_OFFSET & 0xfff));
	assert_int_equal(session_python(task->mm)->image_id, session_image(task->mm)->image_id);
	assert_true(session_take(RECORD_FOUND, &found, sizeof(found)));
	assert_int_equal(found.tgid, 100);
	assert_int_equal(found.layout, 0);
	assert_false(session_take(RECORD_FOUND, &found, sizeof(found)));
}

static void test_learned(void **state)
{
	on_each(check_learned);
}

/* The event that tells is booked on its path already; what was before is lost, and said so. */
static void check_same_event(void)
{
	struct task_struct *task = begin();
	_cleanup_(freep) char *report = NULL;
	__u64 text = python.bias + TEXT_VADDR - (TEXT_OFFSET & 0xfff);

	know_library();
	machine_map(task->mm, machine_file_new(LIBRARY_INO, DEVICE), text, TEXT_MAPPED, 0x2000);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
	happen(task, LIBC + 0x500);
	happen(task, text);
	assert_int_equal(session_python(task->mm)->bias, python.bias);
	report = session_report();
	assert_string_equal(report,
			    "<module> file+1\n[startup] file+1\n!found_late 1 event 1 page\n");
}

static void test_same_event(void **state)
{
	on_each(check_same_event);
}

/* Known before the main module begins: nothing is lost. */
static void check_in_time(void)
{
	struct task_struct *task = begin();
	_cleanup_(freep) char *report = NULL;
	__u64 text = python.bias + TEXT_VADDR - (TEXT_OFFSET & 0xfff);

	know_library();
	machine_map(task->mm, machine_file_new(LIBRARY_INO, DEVICE), text, TEXT_MAPPED, 0x2000);
	happen(task, LIBC + 0x500);
	happen(task, text);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
	happen(task, text);
	report = session_report();
	assert_string_equal(report, "<module> file+1\n[startup] file+2\n");
}

static void test_in_time(void **state)
{
	on_each(check_in_time);
}

/* What a fork child's parent had is no loss of the child. */
static void check_forked(void)
{
	struct task_struct *task = begin();
	struct task_struct *child = machine_task_new(machine_mm_new(session_is_percpu()), 101, 101,
						     "python3");

	session_set_python(task->mm, &python.layout, python.bias);
	session_fork_event(task, child);
	python_attach_thread(&python, child);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
	machine_run(child);
	happen(child, LIBC);
	happen(child, LIBC);
	assert_int_equal(session_image(child->mm)->loss_events[LOSS_found_late], 0);
}

static void test_forked(void **state)
{
	on_each(check_forked);
}

/* Found by user space when the main module has long begun, by a thread that is not the main one. */
static void check_found_late(void)
{
	struct task_struct *task = begin();
	struct task_struct *other = machine_task_new(task->mm, 100, 107, "worker");

	for (int i = 0; i < 5; i++)
		happen(task, LIBC);
	session_set_python(task->mm, &python.layout, python.bias);
	machine_run(other);
	happen(other, LIBC); /* it runs no Python: that says nothing */
	assert_int_equal(session_image(task->mm)->loss_events[LOSS_found_late], 0);
	python_attach_thread(&python, other);
	python_call(&python, python_code(&python, "/srv/app.py", "run"));
	happen(other, LIBC);
	happen(other, LIBC);
	assert_int_equal(session_image(task->mm)->loss_events[LOSS_found_late], 1);
	assert_int_equal(session_image(task->mm)->loss_pages[LOSS_found_late], 6);
}

static void test_found_late(void **state)
{
	on_each(check_found_late);
}

/* Other parts of the file, and a mapping that is not its whole text. */
static void check_not_text(void)
{
	struct task_struct *task = begin();
	struct file *file = map_library(task->mm);

	know_library();
	machine_map(task->mm, file, LIBRARY + 0x100000, TEXT_MAPPED - 0x1000, 0x2000);
	machine_map(task->mm, file, LIBRARY + 0x200000, TEXT_MAPPED, 0x3000);
	machine_map(task->mm, NULL, LIBRARY + 0x300000, TEXT_MAPPED, 0x2000);
	happen(task, LIBRARY + 0x100);
	happen(task, LIBRARY + 0x8100);
	happen(task, LIBRARY + 0x100000);
	happen(task, LIBRARY + 0x200000);
	happen(task, LIBRARY + 0x300000);
	happen(task, LIBRARY + 0x400000); /* nothing there */
	assert_false(is_known(task));
}

static void test_not_text(void **state)
{
	on_each(check_not_text);
}

/* The same inode on another file system. */
static void check_other_file(void)
{
	struct task_struct *task = begin();

	know_library();
	machine_map(task->mm, machine_file_new(LIBRARY_INO, DEVICE + 1), LIBRARY, TEXT_MAPPED,
		    0x2000);
	happen(task, LIBRARY);
	assert_false(is_known(task));
}

static void test_other_file(void **state)
{
	on_each(check_other_file);
}

/* Rewritten in place, or removed and its inode given to another, of just as much code. */
static void check_changed_file(void)
{
	struct task_struct *task = begin();
	struct file *file = machine_file_new(LIBRARY_INO, DEVICE);
	struct wire_file changed = library;

	know_library();
	file->f_inode->i_ctime_nsec++;
	changed.changed_ns++;
	machine_map(task->mm, file, LIBRARY, TEXT_MAPPED, 0x2000);
	happen(task, LIBRARY);
	assert_false(is_known(task));
	/* User space has looked at it again. A time that was read (6.13) is the same time. */
	session_set_file(&changed, &known, &python.layout);
	file->f_inode->i_ctime_nsec |= CTIME_QUERIED;
	happen(task, LIBRARY);
	assert_true(is_known(task));
}

static void test_changed_file(void **state)
{
	on_each(check_changed_file);
}

static void happen_in_layers(struct task_struct *task, unsigned int mode, unsigned long magic)
{
	struct backing_file *lower = (void *)machine_file_new(99, DEVICE + 5);
	struct inode *opened = machine_file_new(LIBRARY_INO, DEVICE)->f_inode;

	know_library();
	lower->file.f_mode |= mode;
	opened->i_sb->s_magic = magic;
	lower->user_path.dentry = host_kernel_new(sizeof(*lower->user_path.dentry));
	lower->user_path.dentry->d_inode = opened;
	machine_map(task->mm, &lower->file, LIBRARY, TEXT_MAPPED, 0x2000);
	happen(task, LIBRARY);
}

/* overlayfs maps the lower file; known is the one that the user opened. */
static void check_overlay(void)
{
	struct task_struct *task = begin();

	happen_in_layers(task, FMODE_BACKING, OVERLAYFS_MAGIC);
	assert_true(is_known(task));
}

static void check_overlay_6_14(void)
{
	struct task_struct *task = begin();

	happen_in_layers(task, FMODE_BACKING_6_14, OVERLAYFS_MAGIC);
	assert_true(is_known(task));
}

/* The bits mean something else: what is behind the file is another's. */
static void check_no_layers(void)
{
	struct task_struct *task = begin();

	happen_in_layers(task, FMODE_BACKING | FMODE_BACKING_6_14, 0xef53);
	assert_false(is_known(task));
}

static void test_overlay(void **state)
{
	on_each(check_overlay);
	on_each(check_overlay_6_14);
	on_each(check_no_layers);
}

/* Mappings that are none are not looked up again, until another file is known. */
static void check_lookups(void)
{
	struct task_struct *task = begin();

	if (!session_is_percpu())
		return; /* the others' tree cannot be counted */
	map_library(task->mm);
	happen(task, LIBC);
	assert_int_equal(host.lookups, 0); /* nothing is known */
	session_set_file(&(struct wire_file){ .ino = 1 }, &known, &python.layout);
	happen(task, LIBC);
	happen(task, LIBC + 0xfffff);
	happen(task, LIBRARY + 0x2000);
	happen(task, LIBC + 0x500);
	happen(task, LIBRARY + 0x3000);
	assert_int_equal(host.lookups, 2);
	know_library();
	happen(task, LIBC);
	happen(task, LIBRARY + 0x3000);
	assert_int_equal(host.lookups, 4);
	assert_true(is_known(task));
	happen(task, LIBC);
	assert_int_equal(host.lookups, 4);
}

static void test_lookups(void **state)
{
	on_each(check_lookups);
}

/* A library that comes to where another was: looked up again after a while. */
static void check_unmapped(void)
{
	struct task_struct *task = begin();
	struct vm_area_struct *mapping = machine_map(task->mm, machine_file_new(8, DEVICE), LIBRARY,
						     TEXT_MAPPED, 0x2000);

	know_library();
	happen(task, LIBRARY);
	mapping->vm_file = machine_file_new(LIBRARY_INO, DEVICE);
	for (int i = 0; i < 128 && !is_known(task); i++)
		happen(task, LIBRARY);
	assert_true(is_known(task));
}

static void test_unmapped(void **state)
{
	on_each(check_unmapped);
}

/* While another thread maps something the kernel does not look; the next event does. */
static void check_busy(void)
{
	struct task_struct *task = begin();

	know_library();
	map_library(task->mm);
	host.is_mm_locked = session_is_percpu();
	happen(task, LIBRARY + 0x2000);
	assert_int_equal(is_known(task), !session_is_percpu());
	host.is_mm_locked = false;
	happen(task, LIBRARY + 0x2000);
	assert_true(is_known(task));
}

static void test_busy(void **state)
{
	on_each(check_busy);
}

/* An exec brings other mappings: what was seen before it says nothing. */
static void check_exec(void)
{
	struct task_struct *task = begin();
	struct mm_struct *before = task->mm;

	know_library();
	machine_map(before, NULL, LIBRARY, TEXT_MAPPED, 0);
	happen(task, LIBRARY);
	assert_false(is_known(task));
	task->mm = machine_mm_new(session_is_percpu());
	machine_map(task->mm, machine_file_new(LIBRARY_INO, DEVICE), LIBRARY, TEXT_MAPPED, 0x2000);
	session_exec_event(task);
	happen(task, LIBRARY);
	assert_true(is_known(task));
}

static void test_exec(void **state)
{
	on_each(check_exec);
}

/* In a tree as high as the kernel's may be. */
static void check_many_mappings(void)
{
	struct task_struct *task = begin();

	know_library();
	for (__u64 i = 0; i < 30; i++)
		machine_map(task->mm, NULL, 0x10000000 + i * 0x10000, 0x1000, 0);
	map_library(task->mm);
	happen(task, LIBRARY + 0x2000);
	assert_true(is_known(task));
}

static void test_many_mappings(void **state)
{
	on_each(check_many_mappings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learned),	      cmocka_unit_test(test_same_event),
		cmocka_unit_test(test_in_time),	      cmocka_unit_test(test_forked),
		cmocka_unit_test(test_found_late),    cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_other_file),    cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_lookups),	      cmocka_unit_test(test_unmapped),
		cmocka_unit_test(test_busy),	      cmocka_unit_test(test_exec),
		cmocka_unit_test(test_many_mappings), cmocka_unit_test(test_changed_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
