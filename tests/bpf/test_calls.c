/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counted calls: by a walk at first, then by the shadow of the paths alone. Both must count on the
 * path that there is, also when frames, or code objects, come to addresses where others were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calls_fixture.h"
#include "host/host.h"
#include "memory.h"

static void hit(void)
{
	session_call(python.leaf, python.tstate);
}

static void enter(__u64 code)
{
	python_call(&python, code);
	if (!is_by_ends)
		hit();
}

static void leave(void)
{
	if (is_by_ends)
		hit();
	python_return(&python);
}

static void call(__u64 code)
{
	enter(code);
	leave();
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

static void check_paths(void)
{
	__u64 f = function("f"), g = function("g"), h = function("h");

	for (int i = 0; i < 3; i++) {
		enter(f);
		call(g);
		enter(g);
		call(h);
		leave();
		leave();
	}
	assert_report("<module>;f calls 3\n<module>;f;g calls 6\n<module>;f;g;h calls 3\n");
}

static void test_paths(void **state)
{
	(void)state;
	on_each(check_paths);
}

/* f's and h's frames come to one address, and g's below them. */
static void check_reused_frames(void)
{
	__u64 f = function("f"), g = function("g"), h = function("h");

	for (int i = 0; i < 5; i++) {
		enter(i % 2 ? h : f);
		call(g);
		leave();
	}
	assert_report("<module>;f calls 3\n<module>;f;g calls 3\n"
		      "<module>;h calls 2\n<module>;h;g calls 2\n");
}

static void test_reused_frames(void **state)
{
	(void)state;
	on_each(check_reused_frames);
}

/* What is known needs no scratch memory; what is not is lost without, and counted as that. */
static void check_without_walks(void)
{
	__u64 f = function("f"), g = function("g");

	if (!session_has_loop()) /* plain loops keep no shadow: each call walks */
		return;
	for (int i = 0; i < 2; i++) {
		enter(f);
		call(g);
		leave();
	}
	session_take_scratches();
	enter(f);
	call(g);
	leave();
	assert_report("<module>;f calls 3\n<module>;f;g calls 3\n");
	call(g);
	assert_report("<module>;f calls 3\n<module>;f;g calls 3\n!calls_lost 1 event 0 pages\n");
}

static void test_without_walks(void **state)
{
	(void)state;
	on_each(check_without_walks);
}

/* The row is there, and a loss says that it lacks its root side. */
static void check_cut(void)
{
	__u64 deep = function("deep");

	for (int i = 0; i < MAX_FRAMES; i++)
		python_call(&python, deep);
	hit();
	assert_report("[truncated];deep*1024 calls 1\n!stack_truncated 1 event 0 pages\n");
}

static void test_cut(void **state)
{
	(void)state;
	on_each(check_cut);
}

/* Not even the frame that was called: a call of nobody known, but a call. */
static void check_unreadable(void)
{
	python_call(&python, function("f"));
	host_user_drop(python.leaf);
	hit();
	assert_report("[lost] calls 1\n!frame_unreadable 1 event 0 pages\n");
}

static void test_unreadable(void **state)
{
	(void)state;
	on_each(check_unreadable);
}

/* A code object comes to the address of one that has gone. */
static void check_reused_code(void)
{
	__u64 code = function("f");

	for (int i = 0; i < 3; i++)
		call(code);
	session_code_gone(code);
	python_put_code(&python, code, "/srv/app.py", "other");
	python_set_generation(&python, 2);
	for (int i = 0; i < 2; i++)
		call(code);
	assert_report("<module>;f calls 3\n<module>;other calls 2\n");
}

static void test_reused_code(void **state)
{
	(void)state;
	on_each(check_reused_code);
}

/* The end of a frame that stood before is no call; the next one at its address is. */
static void check_standing(void)
{
	__u64 f = function("f");

	if (!is_by_ends)
		return;
	session_stand(task->mm, python_call(&python, f));
	leave();
	assert_report("");
	call(f);
	assert_report("<module>;f calls 1\n");
}

static void test_standing(void **state)
{
	(void)state;
	on_each(check_standing);
}

/* 3.11 and 3.12 clear the frame of a call whose arguments did not fit; it names the caller of the
 * last frame there, or none. Neither what is known nor what is walked counts it. */
static void check_never_begun(void)
{
	__u64 f = function("f"), caller = python.leaf;
	__u64 before = f + python.layout.code_adaptive - 2;

	if (!is_by_ends || python.layout.version < 0x30b || python.layout.version > 0x30c)
		return;
	for (int i = 0; i < 3; i++) {
		python_call(&python, f);
		host_user_write(python.leaf + python.layout.frame_instr, &before, sizeof(before));
		hit();
		python_put_frame(&python, python.leaf, f, 0);
		host_user_write(python.leaf + python.layout.frame_instr, &before, sizeof(before));
		hit();
		python.stack = python.leaf;
		python_set_leaf(&python, caller);
		call(f);
	}
	assert_report("<module>;f calls 3\n");
}

static void test_never_begun(void **state)
{
	(void)state;
	on_each(check_never_begun);
}

/* A generator's frame without a caller has died while it waited, where deaths of frames are seen;
 * where returns are, C has resumed it. Neither what is walked nor what is known differs. */
static void check_without_caller(void)
{
	__u64 generator = function("generator"), frame = python.stack + HOST_PAGE;

	if (!is_by_ends || python.layout.frame_owner == NO_OFFSET)
		return;
	for (int at = CALLS_AT_DEATHS; at >= CALLS_AT_RETURNS; at--) {
		python.layout.calls_by_ends = at;
		session_set_python(task->mm, &python.layout, python.bias);
		python_put_frame(&python, frame, generator, 0);
		python_put_generator(&python, frame);
		for (int i = 0; i < 3; i++)
			session_call(frame, python.tstate);
		assert_report(at == CALLS_AT_DEATHS ? "" : "generator calls 3\n");
	}
}

static void test_without_caller(void **state)
{
	(void)state;
	on_each(check_without_caller);
}

/* A frame begins at a place of its own. */
static void enter_at(__u64 frame, __u64 code, bool is_generator)
{
	python_put_frame(&python, frame, code, python.leaf);
	if (is_generator)
		python_put_generator(&python, frame);
	python_set_leaf(&python, frame);
	hit();
}

static void set_caller(__u64 frame, __u64 caller)
{
	host_user_write(frame + python.layout.frame_back, &caller, sizeof(caller));
	python_set_leaf(&python, frame);
}

/* A generator that delegates comes below another caller without a start of its own: throw() of 3.9
 * and 3.10 puts it there, and 3.15 sees no throw. What has run at its address before is over. */
static void check_thrown_through(void)
{
	__u64 f = function("f"), generator = function("generator"), inner = function("inner");
	__u64 caller = python.leaf, frame = python.stack + HOST_PAGE, thrower;

	if (is_by_ends || python.layout.version < 0x309)
		return;
	enter_at(frame, f, false);
	call(inner);
	for (int i = 0; i < 3; i++) {
		python_set_leaf(&python, caller);
		enter_at(frame, generator, true);
		call(inner);
		python_set_leaf(&python, caller);
		enter(f);
		thrower = python.leaf;
		set_caller(frame, thrower);
		call(inner);
		python_set_leaf(&python, thrower);
		leave();
	}
	assert_report(
		"<module>;f calls 4\n<module>;f;generator;inner calls 3\n<module>;f;inner calls 1\n"
		"<module>;generator calls 3\n<module>;generator;inner calls 3\n");
}

static void test_thrown_through(void **state)
{
	(void)state;
	on_each(check_thrown_through);
}

/* A start that cannot be walked is lost, but takes the place of what was at its address. */
static void check_lost_start(void)
{
	__u64 f = function("f"), g = function("g"), frame = python.stack + HOST_PAGE;
	__u64 caller = python.leaf;

	if (is_by_ends || !session_has_loop())
		return;
	for (int i = 0; i < 2; i++) {
		python_set_leaf(&python, caller);
		enter_at(frame, f, false);
		call(g);
	}
	session_take_scratches();
	python_set_leaf(&python, caller);
	enter_at(frame, function("new"), false);
	call(g);
	assert_report("<module>;f calls 2\n<module>;f;g calls 2\n!calls_lost 2 events 0 pages\n");
}

static void test_lost_start(void **state)
{
	(void)state;
	on_each(check_lost_start);
}

/* 3.11 leaves a frame of its own behind when C makes a generator, which is no call; a function that
 * holds nothing at its end is one. */
static void check_making_generator(void)
{
	__u64 f = function("f"), generator = function("generator");
	const __u32 flags = CODE_RESUMABLE & -CODE_RESUMABLE;

	if (!is_by_ends || python.layout.version != 0x30b)
		return;
	host_user_write(generator + python.layout.code_flags, &flags, sizeof(flags));
	for (int i = 0; i < 3; i++) {
		call(f);
		call(generator);
	}
	assert_report("<module>;f calls 3\n");
}

static void test_making_generator(void **state)
{
	(void)state;
	on_each(check_making_generator);
}

/* Before the interpreter is known. */
static void check_early(void)
{
	__u64 f = function("f");

	session_python(task->mm)->state = PYTHON_UNKNOWN;
	call(f);
	assert_report("");
	assert_int_equal(session_image(task->mm)->calls_early, 1);
	session_python(task->mm)->state = PYTHON_KNOWN;
	call(f);
	assert_report("<module>;f calls 1\n");
}

static void test_early(void **state)
{
	(void)state;
	on_each(check_early);
}

static void check_over(void)
{
	__u64 f = function("f");

	call(f);
	session_image(task->mm)->flags |= IMAGE_CALLS_OVER;
	call(f);
	assert_report("<module>;f calls 1\n");
}

static void test_over(void **state)
{
	(void)state;
	on_each(check_over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),	       cmocka_unit_test(test_reused_frames),
		cmocka_unit_test(test_without_walks),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_unreadable),     cmocka_unit_test(test_reused_code),
		cmocka_unit_test(test_standing),       cmocka_unit_test(test_early),
		cmocka_unit_test(test_over),	       cmocka_unit_test(test_never_begun),
		cmocka_unit_test(test_without_caller), cmocka_unit_test(test_making_generator),
		cmocka_unit_test(test_thrown_through), cmocka_unit_test(test_lost_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
