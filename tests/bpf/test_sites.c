/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which code objects are one site? An address is used again and again; what tells its owners apart
 * is looked at when the interpreter's generation has changed, and not before.
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

static struct python python;
static struct task_struct *task;
static __u64 code; /* of the leaf, called f */

static void open_fixture(enum session_kernel kernel, __u32 version)
{
	session_open(kernel);
	task = session_process(100, "python3");
	python_make(&python, version);
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
	python_call(&python, python_code(&python, "/srv/app.py", "<module>"));
	code = python_code(&python, "/srv/app.py", "f");
	python_call(&python, code);
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

static void touch(void)
{
	session_change(task->mm, KIND_ANON, 1);
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

static void check_other_name(void)
{
	touch();
	python_put_code(&python, code, "/srv/app.py", "g");
	python_set_generation(&python, 2);
	touch();
	touch();
	assert_report("<module>;f anon+1\n<module>;g anon+2\n");
}

static void test_other_name(void **state)
{
	on_each(check_other_name);
}

static void check_other_filename(void)
{
	touch();
	python_put_code(&python, code, "/srv/another.py", "f");
	python_set_generation(&python, 2);
	touch();
	assert_report("<module>;f anon+1\n<module>;f anon+1\n");
}

static void test_other_filename(void **state)
{
	on_each(check_other_filename);
}

/* While the generation stands the address cannot have got another owner: the key is not read. */
static void check_same_generation(void)
{
	unsigned int reads;

	touch();
	python_put_code(&python, code, "/srv/app.py", "g");
	reads = host.user_reads;
	touch();
	reads = host.user_reads - reads;
	assert_report("<module>;f anon+2\n");
	python_set_generation(&python, 2);
	host.user_reads = 0;
	touch();
	assert_true(host.user_reads > reads);
	assert_report("<module>;f anon+2\n<module>;g anon+1\n");
}

static void test_same_generation(void **state)
{
	on_each(check_same_generation);
}

/* While code objects are seen to end, only such an end makes the key be read again: the counter of
 * 3.6 to 3.11 moves all the time. */
static void check_watched(void)
{
	unsigned int reads;

	session_watch(task->mm, true);
	touch();
	python_set_generation(&python, 2);
	host.user_reads = 0;
	touch();
	reads = host.user_reads;
	session_code_gone(code);
	python_put_code(&python, code, "/srv/app.py", "g");
	host.user_reads = 0;
	touch();
	assert_true(host.user_reads > reads);
	assert_report("<module>;f anon+2\n<module>;g anon+1\n");
}

static void test_watched(void **state)
{
	on_each(check_watched);
}

/* What was read by the interpreter's counter holds no longer once ends are seen, and the other way
 * round: the two numbers are never alike. */
static void check_watch_begins_and_ends(void)
{
	touch();
	session_watch(task->mm, true);
	python_put_code(&python, code, "/srv/app.py", "g");
	touch();
	session_watch(task->mm, false);
	python_put_code(&python, code, "/srv/app.py", "h");
	python_set_generation(&python, 2);
	touch();
	assert_report("<module>;f anon+1\n<module>;g anon+1\n<module>;h anon+1\n");
}

static void test_watch_begins_and_ends(void **state)
{
	on_each(check_watch_begins_and_ends);
}

/* A probe is asked for where it helps, again and again, and no more once it is there. */
static void check_watch_wanted(void)
{
	const bool helps = session_is_percpu() && python.layout.version < 0x030c;
	struct wire_knock knock;

	session_ask_watches();
	python.layout.code_watched = 1;
	session_set_python(task->mm, &python.layout, python.bias);
	for (int asked = 0; asked < 2; asked++) {
		session_image(task->mm)->looks = 4095;
		touch();
		touch();
		assert_int_equal(session_take(RECORD_WATCH, &knock, sizeof(knock)), helps);
		assert_false(session_take(RECORD_WATCH, &knock, sizeof(knock)));
	}
	session_watch(task->mm, true);
	session_image(task->mm)->looks = 4095;
	touch();
	assert_false(session_take(RECORD_WATCH, &knock, sizeof(knock)));
}

static void test_watch_wanted(void **state)
{
	on_each(check_watch_wanted);
}

/* A generation of 0 says nothing. */
static void check_no_generation(void)
{
	python_set_generation(&python, 0);
	touch();
	python_put_code(&python, code, "/srv/app.py", "g");
	touch();
	assert_report("<module>;f anon+1\n<module>;g anon+1\n");
}

static void test_no_generation(void **state)
{
	on_each(check_no_generation);
}

static __u64 field(__u64 object, __u16 offset)
{
	__u64 value;

	assert_int_equal(host_user_read(&value, sizeof(value), object + offset), 0);
	return value;
}

/* Puts other characters, of the same number, into a str; 0: never hashed. */
static void rewrite(__u64 str, const char *text, __u64 hash)
{
	host_user_write(str + python.layout.str_ascii_data, text, strlen(text));
	if (hash)
		host_user_write(str + python.layout.str_hash, &hash, sizeof(hash));
}

/* exec() in a loop: code object and strings come to lie where the last ones lay. */
static void check_equal_pointers(void)
{
	const struct wire_layout *layout = &python.layout;
	__u64 name = field(code, layout->code_name);
	__u32 version = 77;

	rewrite(name, "f", 1234);
	touch();
	rewrite(name, "g", 5678);
	if (layout->code_version != NO_OFFSET)
		host_user_write(code + layout->code_version, &version, sizeof(version));
	python_set_generation(&python, 2);
	touch();
	assert_report("<module>;f anon+1\n<module>;g anon+1\n");
}

static void test_equal_pointers(void **state)
{
	on_each(check_equal_pointers);
}

/* File names that nobody has hashed differ in their last characters. */
static void check_unhashed_filename(void)
{
	if (python.layout.code_version != NO_OFFSET)
		return;
	python_put_code(&python, code, "<a long name of a file: 1>", "f");
	touch();
	rewrite(field(code, python.layout.code_filename), "<a long name of a file: 2>", 0);
	python_set_generation(&python, 2);
	touch();
	assert_report("<module>;f anon+1\n<module>;f anon+1\n");
}

static void test_unhashed_filename(void **state)
{
	on_each(check_unhashed_filename);
}

/* Short ones differ at least in where they lie. */
static void check_short_filename(void)
{
	__u64 other = python_str(&python, "b.py");

	python_put_code(&python, code, "a.py", "f");
	touch();
	host_user_write(code + python.layout.code_filename, &other, sizeof(other));
	python_set_generation(&python, 2);
	touch();
	assert_report("<module>;f anon+1\n<module>;f anon+1\n");
}

static void test_short_filename(void **state)
{
	on_each(check_short_filename);
}

/* The target's memory may say that characters have 3 or 7 bytes. */
static void check_foreign_kind(void)
{
	const struct wire_layout *layout = &python.layout;
	__u16 where = layout->code_qualname != NO_OFFSET ? layout->code_qualname
							 : layout->code_name;
	__u64 state = field(code, where) + layout->str_state;
	__u32 bits;

	assert_int_equal(host_user_read(&bits, sizeof(bits), state), 0);
	bits |= layout->str_kind_mask;
	host_user_write(state, &bits, sizeof(bits));
	touch();
	assert_report("<module>;? anon+1\n");
}

static void test_foreign_kind(void **state)
{
	on_each(check_foreign_kind);
}

/* What was cached for a process is nothing to another one, though address and generation agree. */
static void check_other_image(void)
{
	touch();
	task = session_process(200, "python3");
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
	python_put_code(&python, code, "/srv/app.py", "g");
	python_call(&python, code);
	touch();
	assert_report("<module>;f anon+1\ng anon+1\n");
}

static void test_other_image(void **state)
{
	on_each(check_other_image);
}

/* Every CPU has a cache of its own, and finds the same keys. */
static void check_other_cpu(void)
{
	for (__u32 cpu = 0; cpu < HOST_CPUS; cpu++) {
		host.cpu = cpu;
		touch();
	}
	assert_report("<module>;f anon+8\n");
}

static void test_other_cpu(void **state)
{
	on_each(check_other_cpu);
}

/* More code objects than the cache has places. */
static void check_many_codes(void)
{
	enum { CODES = 1000 };
	static __u64 codes[CODES];
	char name[16];

	machine_set_root(task, 7, 256);
	python_return(&python);
	for (int i = 0; i < CODES; i++) {
		snprintf(name, sizeof(name), "f%03d", i);
		codes[i] = python_code(&python, "/srv/app.py", name);
	}
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < CODES; i++) {
			python_call(&python, codes[i]);
			session_change(task->mm, KIND_ANON, i % 2 ? 1 : -1);
			python_return(&python);
		}
	for (int i = 0; i < CODES; i++) {
		struct wire_site site;

		snprintf(name, sizeof(name), "f%03d", i);
		assert_true(session_find_site(name, &site));
		assert_int_equal(site.code, codes[i]);
		assert_int_equal(site.uid, HOST_UID);
		assert_int_equal(site.gid, HOST_GID);
		assert_int_equal(site.root_mount, 7);
		assert_int_equal(site.root_inode, 256);
	}
}

static void test_many_codes(void **state)
{
	on_each(check_many_codes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_name),
		cmocka_unit_test(test_other_filename),
		cmocka_unit_test(test_same_generation),
		cmocka_unit_test(test_no_generation),
		cmocka_unit_test(test_equal_pointers),
		cmocka_unit_test(test_unhashed_filename),
		cmocka_unit_test(test_short_filename),
		cmocka_unit_test(test_other_image),
		cmocka_unit_test(test_other_cpu),
		cmocka_unit_test(test_many_codes),
		cmocka_unit_test(test_foreign_kind),
		cmocka_unit_test(test_watched),
		cmocka_unit_test(test_watch_begins_and_ends),
		cmocka_unit_test(test_watch_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
