/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of C below Python's leaf frame (--native). */
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
#include "native_stack.h"

#define TRAMPOLINE 0x7fffffffe000ULL /* the kernel's code for returns that are waited for */
#define CUT "<module>;f;[C frames not followed] anon+"

static void on_each(void (*check)(void))
{
	for (size_t i = 0; i < python_nr_versions; i++) {
		native_open(python_versions[i]);
		check();
		native_close();
	}
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

/* ---- Chains ---- */

/* Every kind of frame calls every other one, over two files. */
static void check_kinds(void)
{
	for (enum frame_kind outer = 0; outer <= FRAME_PLT_PUSHED; outer++)
		for (enum frame_kind inner = 0; inner <= FRAME_PLT_PUSHED; inner++) {
			_cleanup_(freep) char *row = NULL;

			native_unwind_all();
			native_call(FILE_PYTHON, outer);
			native_call(FILE_LIBC, FRAME_POINTER);
			native_call(FILE_LIBC, inner);
			native_grow();
			assert_true(asprintf(&row, "<module>;f;(1:%x);(2:%x);(2:%x) anon+1\n",
					     function_begin(outer), function_begin(FRAME_POINTER),
					     function_begin(inner)) > 0);
			if (inner == FRAME_POINTER) /* shown as two of them */
				strcpy(strrchr(row, ';'), "*2 anon+1\n");
			session_assert_row(row);
		}
}

static void test_kinds(void **state)
{
	(void)state;
	on_each(check_kinds);
}

/* The leaf is in the interpreter itself. */
static void check_no_function(void)
{
	native_grow();
	assert_report("<module>;f anon+1\n");
}

static void test_no_function(void **state)
{
	(void)state;
	on_each(check_no_function);
}

/* Two places of one function are one site, before and behind its prologue. */
static void check_places(void)
{
	const __u64 begin = CODE_OF(FILE_LIBC) + function_begin(FRAME_POINTER);

	native_call_at(begin, FRAME_BARE);
	native_grow();
	native_unwind_all();
	native_call_at(begin + 4, FRAME_POINTER);
	native_grow();
	native_unwind_all();
	native_call_at(begin + 0x80, FRAME_POINTER);
	native_grow();
	assert_report("<module>;f;(2:1200) anon+3\n");
}

static void test_places(void **state)
{
	(void)state;
	on_each(check_places);
}

/* A call is a function's last instruction: it returns to where the next function begins. A leaf may
 * stand there itself. */
static void check_last_call(void)
{
	const __u64 next = CODE_OF(FILE_LIBC) + function_begin(FRAME_ROOM + 1);

	native_call_at(next, FRAME_ROOM);
	native_call(FILE_LIBC, FRAME_BARE);
	native_grow();
	native_unwind_all();
	native_call_at(next, FRAME_BARE);
	native_grow();
	assert_report("<module>;f;(2:1300);(2:1000) anon+1\n<module>;f;(2:1400) anon+1\n");
}

static void test_last_call(void **state)
{
	(void)state;
	on_each(check_last_call);
}

/* A generator's frame is anywhere, and its caller's follows. */
static void check_generator(void)
{
	__u64 at = 0x7f4000000100ULL;

	python_put_frame(&python, at, python_code(&python, "/x.py", "gen"), python.leaf);
	python_put_generator(&python, at);
	python_set_leaf(&python, at);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	assert_report("<module>;f;gen;(2:1300) anon+1\n");
}

static void test_generator(void **state)
{
	(void)state;
	on_each(check_generator);
}

/* C calls Python within Python: the chain ends at the innermost interpreter, and nothing of C
 * stands between Python's own frames. */
static void check_nested(void)
{
	const __u64 sp = EVAL_SP - 0x1000, cfa = sp + 0x80, bound = sp + 0x20;
	const __u64 words[2] = { processor.bp, function_at(FILE_UNKNOWN, FRAME_ROOM) };

	host_user_write(cfa - 16, words, sizeof(words));
	if (python.layout.version >= 0x30d)
		python_call_shim_at(&python, bound);
	else
		python_put_cframe(&python, bound);
	python_call(&python, python_code(&python, "/x.py", "key"));
	processor = (struct processor){
		.ip = CODE_OF(FILE_PYTHON) + EVAL_FUNCTION + 0x40,
		.sp = sp,
		.bp = cfa - 16,
	};
	native_call(FILE_PYTHON, FRAME_ROOM);
	native_grow();
	assert_report("<module>;f;key;(1:1300) anon+1\n");
}

static void test_nested(void **state)
{
	(void)state;
	on_each(check_nested);
}

#define LOW 0x10000000ULL

/* Trees of mappings of many levels and of full nodes lead to the same, wherever in their nodes the
 * code's mappings are. */
static void check_tree(int fan, int others)
{
	native_open(PYTHON_3_12);
	for (int i = 0; i < others; i++)
		machine_map(task->mm, NULL, LOW + (__u64)i * HOST_PAGE, HOST_PAGE, 0);
	machine_make_tree(task->mm, fan);
	native_call(FILE_PYTHON, FRAME_ROOM);
	native_call(FILE_LIBC, FRAME_BARE);
	native_grow();
	assert_report("<module>;f;(1:1300);(2:1000) anon+1\n");
	native_close();
}

static void test_trees(void **state)
{
	const int fans[] = { 2, 3, 10, 16 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fans); i++)
		for (int others = 0; others < 100; others++)
			check_tree(fans[i], others);
}

/* The first and the last byte of a mapping; a call is the last that it has. */
static void test_edges(void **state)
{
	const __u64 end = CODE_END(FILE_LIBC);

	(void)state;
	native_open(PYTHON_3_12);
	native_call_at(end - 1, FRAME_ROOM);
	native_grow();
	native_unwind_all();
	native_call_at(end, FRAME_ROOM);
	native_call_at(CODE_OF(FILE_LIBC) + FIRST_FUNCTION, FRAME_BARE);
	native_grow();
	assert_report("<module>;f;(2:3f00) anon+1\n<module>;f;(2:3f00);(2:1000) anon+1\n");
	native_close();
}

/* Memory of Python's is read by pages, though functions of C come before. */
static void test_reads(void **state)
{
	unsigned int before, without;

	(void)state;
	native_open(PYTHON_3_12);
	native_grow();
	before = host.user_reads;
	native_grow();
	without = host.user_reads - before;
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	before = host.user_reads;
	native_grow();
	assert_int_equal(host.user_reads - before, without + 1);
	native_close();
}

/* As deep as may be, and a frame more. */
static void test_depth(void **state)
{
	(void)state;
	native_open(PYTHON_3_12);
	for (int i = 0; i < 63; i++)
		native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	assert_report("<module>;f;(2:1300)*63 anon+1\n");
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	session_assert_row(CUT "1\n");
	native_close();
}

/* ---- Chains that are cut ---- */

static bool take_knock(struct wire_unwind_knock *ret)
{
	return session_take(RECORD_UNWIND, ret, sizeof(*ret));
}

/* A function that cannot be followed is the leaf, and calls others. */
static void assert_cut(__u64 address, enum frame_kind kind)
{
	struct wire_unwind_knock knock;

	native_open(PYTHON_3_12);
	native_call_at(address, kind);
	native_grow();
	native_call(FILE_LIBC, FRAME_POINTER);
	native_grow();
	assert_report(CUT "2\n");
	assert_int_equal(take_knock(&knock), address == function_at(FILE_UNKNOWN, FRAME_ROOM));
	native_close();
}

static void test_cut(void **state)
{
	(void)state;
	assert_cut(function_at(FILE_UNKNOWN, FRAME_ROOM), FRAME_ROOM);
	assert_cut(function_at(FILE_NO_ROWS, FRAME_ROOM), FRAME_ROOM);
	assert_cut(function_at(FILE_ANONYMOUS, FRAME_ROOM), FRAME_ROOM);
	assert_cut(0x1000, FRAME_ROOM);
	assert_cut(CODE_OF(FILE_ANONYMOUS) + 0x10001, FRAME_ROOM); /* just behind a mapping */
	assert_cut(function_at(FILE_LIBC, FRAME_NO_RULE), FRAME_ROOM);
	assert_cut(function_at(FILE_LIBC, FRAME_OUTERMOST), FRAME_ROOM);
	/* Between two functions, and below a file's first row. */
	assert_cut(CODE_OF(FILE_LIBC) + function_begin(FRAME_PUSHED) + 0xf0, FRAME_PUSHED);
	assert_cut(CODE_OF(FILE_LIBC) + 0x800, FRAME_ROOM);
}

/* A CFA that does not rise, though what is there would lead to the interpreter. */
static void test_falling(void **state)
{
	__u64 back;

	(void)state;
	for (enum frame_kind kind = FRAME_STILL; kind <= FRAME_FALLING; kind++) {
		native_open(PYTHON_3_12);
		back = processor.ip;
		native_call(FILE_LIBC, kind);
		host_user_write(processor.sp - (kind == FRAME_STILL ? 8 : 16), &back, sizeof(back));
		native_grow();
		assert_report(CUT "1\n");
		native_close();
	}
}

/* The interpreter's frame is reached by no rule. */
static void check_absent_stack(void)
{
	processor.sp -= 0x1000;
	native_call(FILE_LIBC, FRAME_ROOM);
	host_user_drop(processor.sp);
	native_grow();
	assert_report(CUT "1\n");
}

static void test_absent_stack(void **state)
{
	(void)state;
	on_each(check_absent_stack);
}

/* A word that a rule needs is absent, not the return address. */
static void test_absent_word(void **state)
{
	(void)state;
	native_open(PYTHON_3_12);
	native_call(FILE_LIBC, FRAME_ALIGNED);
	processor.bp = 0x7ffd00000000ULL;
	native_grow();
	assert_report(CUT "1\n");
	native_close();
}

/* The CFA that a frame pointer leads to is below the frame, or in another world. */
static void test_wrong_frame_pointer(void **state)
{
	const __u64 wrong[] = {
		0, 8, EVAL_SP - 0x8000, -16ULL, 0xffff800000000000ULL, EVAL_CFA + 0x40000000
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		native_open(PYTHON_3_12);
		native_call(FILE_LIBC, FRAME_POINTER);
		processor.bp = wrong[i];
		native_grow();
		assert_report(CUT "1\n");
		native_close();
	}
}

/* A stack that goes on below where the interpreter's frame should be: it has another stack. */
static void check_bound_below(void)
{
	if (python.layout.version < 0x30a) /* its function tells */
		return;
	native_call(FILE_LIBC, FRAME_ROOM);
	processor.sp += 0x200;
	native_grow();
	assert_report(CUT "1\n");
}

static void test_bound_below(void **state)
{
	(void)state;
	on_each(check_bound_below);
}

/* The tree was read while another thread changed it: the mapping is another by now. */
static void test_former_mapping(void **state)
{
	const __u64 begin = 0x7f5000000000ULL;
	struct vm_area_struct *mapping;

	(void)state;
	native_open(PYTHON_3_12);
	mapping = machine_map(task->mm, native_files[FILE_LIBC], begin, MAPPED_BYTES, 0x1000);
	machine_make_tree(task->mm, 3);
	native_call_at(begin + function_begin(FRAME_ROOM) - 0x1000 + 0x20, FRAME_ROOM);
	native_grow();
	mapping->vm_end = begin + 0x100;
	native_grow();
	mapping->vm_end = begin + MAPPED_BYTES;
	mapping->vm_start = begin + 0x2000;
	native_grow();
	assert_report("<module>;f;(2:1300) anon+1\n" CUT "2\n");
	native_close();
}

/* An offset beyond what rows can have is no row's. */
static void test_huge_file(void **state)
{
	(void)state;
	native_open(PYTHON_3_12);
	machine_map(task->mm, native_files[FILE_LIBC], 0x7f5000000000ULL, 0x3000, 0x100001000ULL);
	machine_make_tree(task->mm, 3);
	native_call_at(0x7f5000000000ULL + function_begin(FRAME_ROOM) - 0x1000 + 0x20, FRAME_ROOM);
	native_grow();
	assert_report(CUT "1\n");
	native_close();
}

/* ---- Files that are not known yet ---- */

static void test_knock(void **state)
{
	struct wire_unwind_knock knock;
	__u64 at = function_at(FILE_UNKNOWN, FRAME_ROOM);

	(void)state;
	native_open(PYTHON_3_12);
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	native_grow();
	assert_true(take_knock(&knock));
	assert_int_equal(knock.tgid, 100);
	assert_int_equal(knock.head.image_id, session_image(task->mm)->image_id);
	assert_int_equal(knock.address, at);
	assert_memory_equal(&knock.file, &native_ids[FILE_UNKNOWN], sizeof(knock.file));
	for (host.cpu = 0; host.cpu < 2; host.cpu++)
		native_grow();
	host.cpu = 0;
	assert_false(take_knock(&knock));
	session_drop_unwind_file(&native_ids[FILE_UNKNOWN]);
	native_grow();
	assert_true(take_knock(&knock));
	assert_false(take_knock(&knock));
	native_know_file(FILE_UNKNOWN);
	native_grow();
	assert_false(take_knock(&knock));
	assert_report("<module>;f;(3:1300) anon+1\n" CUT "4\n");
	native_close();
}

/* What is not told is asked for again. */
static void test_knock_without_room(void **state)
{
	struct wire_unwind_knock knock;
	_cleanup_(freep) char *report = NULL;

	(void)state;
	native_open(PYTHON_3_12);
	native_grow();
	free(session_report());
	session_limit_ring(16);
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	native_grow();
	assert_false(take_knock(&knock));
	session_limit_ring(1 << 16);
	native_grow();
	assert_true(take_knock(&knock));
	assert_false(take_knock(&knock));
	report = session_report();
	assert_non_null(strstr(report, CUT));
	native_close();
}

#define NR_mmap 9
#define NR_mremap 25
#define PROT_READ 1
#define PROT_EXEC 4
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 0x20
#define MAP_DENYWRITE 0x800
#define FD 5
#define ROOM 0x7f6000000000ULL

/* The task has files up to FD. */
static void open_unknown(void)
{
	struct files_struct *files = host_kernel_new(sizeof(*files));

	files->fdt = host_kernel_new(sizeof(*files->fdt));
	files->fdt->max_fds = FD + 1;
	files->fdt->fd = host_kernel_new((FD + 1) * sizeof(struct file *));
	files->fdt->fd[FD] = native_files[FILE_UNKNOWN];
	native_files[FILE_UNKNOWN]->f_inode->i_size = 123456;
	task->files = files;
}

static void ask_owners(void)
{
	session_ask_owners(64);
}

/* Room is found for a system call. */
static bool maps(unsigned long number, unsigned long rights, unsigned long flags, unsigned long fd,
		 struct wire_unwind_knock *ret)
{
	session_enter(number, 0, 0x4000, rights);
	host.registers.SYSCALL_ARG4 = flags;
	host.registers.SYSCALL_ARG5 = fd;
	session_room(ROOM, 0x4000);
	return take_knock(ret);
}

/* A library that is loaded is told of once, and its code is followed from its begin on. */
static void check_library(void)
{
	const unsigned long flags = MAP_PRIVATE | MAP_DENYWRITE;
	struct wire_unwind_knock knock;

	open_unknown();
	assert_true(maps(NR_mmap, PROT_READ, flags, FD, &knock));
	assert_memory_equal(&knock.file, &native_ids[FILE_UNKNOWN], sizeof(knock.file));
	assert_int_equal(knock.address, ROOM);
	assert_int_equal(knock.bytes, 123456);
	assert_int_equal(knock.tgid, 100);
	assert_false(maps(NR_mmap, PROT_READ, flags, FD, &knock));
	native_know_file(FILE_UNKNOWN);
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	native_grow();
	assert_report("<module>;f;(3:1300) anon+1\n");
	session_drop_unwind_file(&native_ids[FILE_UNKNOWN]);
	assert_true(maps(NR_mmap, PROT_READ | PROT_EXEC, MAP_PRIVATE, FD, &knock));
}

static void test_library(void **state)
{
	(void)state;
	native_open(PYTHON_3_12);
	check_library();
	native_close();
	native_open_with(PYTHON_3_12, ask_owners);
	check_library();
	native_close();
}

/* Data, what has no file, and what is no mapping. */
static void test_no_library(void **state)
{
	const unsigned long flags = MAP_PRIVATE | MAP_DENYWRITE;
	struct wire_unwind_knock knock;

	(void)state;
	native_open(PYTHON_3_12);
	assert_false(maps(NR_mmap, PROT_READ, flags, FD, &knock)); /* a task without files */
	open_unknown();
	assert_false(maps(NR_mmap, PROT_READ, MAP_PRIVATE, FD, &knock));
	assert_false(maps(NR_mmap, PROT_READ | PROT_EXEC, flags | MAP_ANONYMOUS, FD, &knock));
	assert_false(maps(NR_mremap, PROT_READ, flags, FD, &knock));
	assert_false(maps(NR_mmap, PROT_READ, flags, FD - 1, &knock)); /* not open */
	assert_false(maps(NR_mmap, PROT_READ, flags, FD + 1, &knock));
	assert_false(maps(NR_mmap, PROT_READ, flags, -1UL, &knock));
	native_close();
}

/* So is a program that has begun. */
static void test_program(void **state)
{
	struct wire_unwind_knock knock;

	(void)state;
	native_open(PYTHON_3_12);
	task->mm->exe_file = native_files[FILE_UNKNOWN];
	task->mm->start_code = ROOM + 0x1000;
	session_exec_event(task);
	assert_true(take_knock(&knock));
	assert_memory_equal(&knock.file, &native_ids[FILE_UNKNOWN], sizeof(knock.file));
	assert_int_equal(knock.address, ROOM + 0x1000);
	assert_false(take_knock(&knock));
	native_close();
}

static unsigned int lookups_until;

static void know_meanwhile(void)
{
	if (lookups_until && !--lookups_until)
		native_know_file(FILE_UNKNOWN);
}

/* User space has been told by another CPU and has answered, at any moment in between: the answer
 * stays. */
static void test_answered_meanwhile(void **state)
{
	(void)state;
	for (unsigned int moment = 1; moment < 100; moment++) {
		native_open(PYTHON_3_12);
		native_call(FILE_UNKNOWN, FRAME_ROOM);
		lookups_until = moment;
		host.on_lookup = know_meanwhile;
		native_grow();
		host.on_lookup = NULL;
		if (!lookups_until) {
			native_grow();
			session_assert_row("<module>;f;(3:1300) anon+");
		}
		native_close();
	}
}

/* No room for one file more: nobody is told, and those that are known go on. */
static void test_too_many_files(void **state)
{
	struct wire_unwind_knock knock;
	struct wire_file other = { .dev = 9 };
	const struct wire_unwind_file none = { 0 };

	(void)state;
	native_open(PYTHON_3_12);
	for (other.ino = 0; other.ino < 13; other.ino++)
		session_put_unwind_file(&other, &none);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	native_grow();
	assert_false(take_knock(&knock));
	assert_report("<module>;f;(2:1300) anon+1\n" CUT "1\n");
	native_close();
}

/* Rows that come later, and rows that are taken back, are heeded on every CPU. */
static void test_changes(void **state)
{
	(void)state;
	native_open(PYTHON_3_12);
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	for (int round = 0; round < 3; round++) {
		for (host.cpu = 0; host.cpu < 3; host.cpu++)
			native_grow();
		if (round == 0)
			native_know_file(FILE_UNKNOWN);
		else
			session_drop_unwind_file(&native_ids[FILE_UNKNOWN]);
	}
	host.cpu = 0;
	assert_report("<module>;f;(3:1300) anon+3\n" CUT "6\n");
	native_close();
}

/* The kernel gives the memory of a file and of its inode to others; another file has the number of
 * one that is gone. */
static void test_reused_file(void **state)
{
	struct inode *inode;

	(void)state;
	native_open(PYTHON_3_12);
	inode = native_files[FILE_LIBC]->f_inode;
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	inode->i_ino = 77;
	native_grow();
	assert_report("<module>;f;(2:1300) anon+1\n" CUT "1\n");
	inode->i_ino = FILE_LIBC;
	native_grow();
	inode->i_ctime_nsec++;
	native_grow();
	assert_report("<module>;f;(2:1300) anon+2\n" CUT "2\n");
	native_close();
}

/* ---- What else a path has ---- */

static void test_two_images(void **state)
{
	struct task_struct *other;
	__u64 sites[2] = { 0 };
	int found = 0;

	(void)state;
	native_open(PYTHON_3_12);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	other = session_process(200, "python3");
	session_set_python(other->mm, &python.layout, python.bias);
	((struct mm_struct___maple *)other->mm)->mm_mt =
		((struct mm_struct___maple *)task->mm)->mm_mt;
	other->THREAD_POINTER = task->THREAD_POINTER;
	task = other;
	native_grow();
	assert_report("<module>;f;(2:1300) anon+1\n<module>;f;(2:1300) anon+1\n");
	for (__u32 id = 1; id < SESSION_IDS; id++) {
		const struct wire_node *node = session_node(id);

		if (node && node->grown[KIND_ANON])
			sites[found++] = node->site;
	}
	assert_int_not_equal(sites[0], sites[1]);
	native_close();
}

/* The site of the first node that has grown. */
static __u64 first_grown(void)
{
	for (__u32 id = 1; id < SESSION_IDS; id++) {
		const struct wire_node *node = session_node(id);

		if (node && node->grown[KIND_ANON])
			return node->site;
	}
	return 0;
}

static void assert_is_c_site(__u64 key)
{
	struct wire_site site;

	assert_true(session_find_site("", &site)); /* has no name */
	assert_int_equal(site.site, key);
	assert_int_equal(site.kind, SITE_C);
	assert_int_equal(site.code, unwind_function_name(FILE_LIBC, function_begin(FRAME_ROOM)));
}

static int count_splits(void)
{
	struct wire_split split;
	int splits = 0;

	while (session_take(RECORD_SPLIT, &split, sizeof(split)))
		splits++;
	return splits;
}

/* Lines split Python's sites, and no function of C. */
static void test_lines(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, session_ask_lines);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	native_grow();
	assert_int_equal(count_splits(), 2);
	assert_is_c_site(first_grown());
	native_close();
}

/* The function that is called waits in a uprobe for its return: of one, of one within another, and
 * of none that is known. */
static void await_return(__u64 stack, __u64 back)
{
	struct return_instance *awaited = host_kernel_new(sizeof(*awaited));
	const __u64 trampoline = TRAMPOLINE;

	if (!task->utask) {
		task->utask = host_kernel_new(sizeof(*task->utask));
		task->mm->uprobes_state.xol_area = host_kernel_new(sizeof(struct xol_area));
		task->mm->uprobes_state.xol_area->vaddr = TRAMPOLINE;
	}
	*awaited = (struct return_instance){
		.stack = stack,
		.orig_ret_vaddr = back,
		.next = task->utask->return_instances,
	};
	task->utask->return_instances = awaited;
	host_user_write(stack, &trampoline, sizeof(trampoline));
}

static void test_awaited_return(void **state)
{
	__u64 back;

	(void)state;
	native_open(PYTHON_3_12);
	for (int i = 0; i < 2; i++) {
		back = processor.ip;
		native_call(FILE_LIBC, FRAME_BARE);
		await_return(processor.sp, back);
		native_call(FILE_PYTHON, FRAME_ROOM);
	}
	native_grow();
	assert_report("<module>;f;(2:1000);(1:1300);(2:1000);(1:1300) anon+1\n");
	task->utask->return_instances->stack -= 8;
	native_grow();
	session_assert_row(CUT "1\n");
	/* One that was left by longjmp: another call has its place, and returns to a page's begin.
	 */
	native_unwind_all();
	native_call_at(CODE_END(FILE_LIBC), FRAME_ROOM);
	native_call(FILE_LIBC, FRAME_BARE);
	task->utask->return_instances->stack = processor.sp;
	native_grow();
	session_assert_row("<module>;f;(2:3f00);(2:1000) anon+1\n");
	native_close();
}

/* Nor do objects. */
static void test_instances(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, session_ask_instances);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	native_grow();
	assert_int_equal(count_splits(), 2);
	assert_is_c_site(first_grown());
	native_close();
}

static void test_threads(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, session_ask_threads);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	native_call(FILE_UNKNOWN, FRAME_ROOM);
	native_grow();
	assert_report("[thread 100];<module>;f;(2:1300) anon+1\n[thread 100];" CUT "1\n");
	native_close();
}

/* ---- Without Python ---- */

/* All of its frames are the interpreter's own. */
static void check_shims(void)
{
	if (python.layout.version < 0x30d)
		return;
	python_set_leaf(&python, 0);
	python_call_shim_at(&python, EVAL_BOUND);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	assert_report("[startup] anon+1\n");
}

static void test_shims(void **state)
{
	(void)state;
	on_each(check_shims);
}

/* Its leaf cannot be read: what is found of C is below nothing that is known. */
static void check_unreadable_leaf(void)
{
	const __u64 elsewhere = 0x7f4000000100ULL;

	python_put_frame(&python, elsewhere, python_code(&python, "/x.py", "g"), python.leaf);
	python_set_leaf(&python, elsewhere);
	host_user_drop(elsewhere);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	assert_report("[lost] anon+1\n!frame_unreadable 1 event 1 page\n");
}

static void test_unreadable_leaf(void **state)
{
	(void)state;
	on_each(check_unreadable_leaf);
}

/* A thread of the process that runs no Python takes a page. */
static void grow_in_worker(const char *name)
{
	struct task_struct *worker = machine_task_new(task->mm, 100, 101, name);

	session_fork_event(task, worker);
	machine_run(worker);
	session_touch(0x7f0000001000ULL);
	native_grow();
}

/* A native thread stands below the path of the one behind it, and its own C functions, up to the
 * outermost, below that. */
static void test_cause(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, ask_owners);
	native_call(FILE_LIBC, FRAME_ROOM);
	session_touch(0x7f0000000000ULL);
	native_grow();
	grow_in_worker("pool-1");
	assert_report("<module>;f;(2:1300) anon+1\n"
		      "<module>;f;[native pool-1];(1:1900);(1:3000);(2:1300) anon+1\n");
	native_close();
}

/* What its outermost function returns to is 0, where nothing tells that it is that. And one that
 * has jumped to 0 is in no function. */
static void test_cause_at_zero(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, ask_owners);
	processor = (struct processor){ .sp = EVAL_SP - 0x80000 };
	native_call(FILE_LIBC, FRAME_ROOM);
	native_call(FILE_PYTHON, FRAME_POINTER);
	grow_in_worker("pool-1");
	processor.ip = 0;
	session_touch(0x7f0000002000ULL);
	native_grow();
	assert_report("<module>;f;[native pool-1] anon+1\n"
		      "<module>;f;[native pool-1];(2:1300);(1:1200) anon+1\n");
	native_close();
}

static void test_cause_cut(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, ask_owners);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_call(FILE_LIBC, FRAME_NO_RULE);
	grow_in_worker("pool-1");
	assert_report("<module>;f;[native pool-1];[C frames not followed] anon+1\n");
	native_close();
}

/* ---- Tables ---- */

/* Calls are Python's, whatever C they come from. */
static void test_calls(void **state)
{
	(void)state;
	native_open(PYTHON_3_13);
	python.layout.calls_by_ends = CALLS_AT_STARTS;
	session_set_python(task->mm, &python.layout, python.bias);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	for (int i = 0; i < 3; i++)
		session_call(python.leaf, python.tstate);
	native_grow();
	assert_report("<module>;f calls 3\n<module>;f;(2:1300) anon+2\n");
	native_close();
}

static void ask_allocs(void)
{
	session_ask_allocs(64, 16);
}

/* A block stands with the function of C that has asked for it. */
static void test_allocs(void **state)
{
	const __u64 arguments[3] = { 100 };
	const struct wire_allocs *allocs;
	__u64 stack;

	(void)state;
	native_open_with(PYTHON_3_12, ask_allocs);
	native_call(FILE_LIBC, FRAME_POINTER);
	stack = processor.sp - 8;
	session_set_caller(processor.ip, processor.bp);
	session_alloc_entry(ALLOC_MALLOC, arguments, stack);
	session_alloc_return(0x7f6000000000ULL, stack);
	assert_true(session_find_named(task->mm, ""));
	allocs = session_allocs(session_find_named(task->mm, ""));
	assert_non_null(allocs);
	assert_int_equal(allocs->bytes, 100);
	native_grow();
	assert_report("<module>;f;(2:1200) anon+1\n");
	native_close();
}

static void ask_few_nodes(void)
{
	session_limit_nodes(4, 64);
}

static void test_nodes_full(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, ask_few_nodes);
	for (int i = 0; i < 3; i++)
		native_call(FILE_LIBC, FRAME_ROOM);
	native_grow();
	session_assert_row("<module>;f;(2:1300)*2;[deeper] anon+1\n");
	native_close();
}

static void ask_few_sites(void)
{
	session_limit_sites(3);
}

static void test_sites_full(void **state)
{
	(void)state;
	native_open_with(PYTHON_3_12, ask_few_sites);
	native_call(FILE_LIBC, FRAME_ROOM);
	native_call(FILE_LIBC, FRAME_BARE);
	native_grow();
	session_assert_row("<module>;f;(2:1300);[deeper] anon+1\n");
	session_assert_row("!sites_full 1 event 1 page\n");
	native_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_no_function),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_last_call),
		cmocka_unit_test(test_generator),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_falling),
		cmocka_unit_test(test_absent_stack),
		cmocka_unit_test(test_absent_word),
		cmocka_unit_test(test_wrong_frame_pointer),
		cmocka_unit_test(test_bound_below),
		cmocka_unit_test(test_former_mapping),
		cmocka_unit_test(test_huge_file),
		cmocka_unit_test(test_knock),
		cmocka_unit_test(test_knock_without_room),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_no_library),
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_answered_meanwhile),
		cmocka_unit_test(test_too_many_files),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_reused_file),
		cmocka_unit_test(test_two_images),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_awaited_return),
		cmocka_unit_test(test_shims),
		cmocka_unit_test(test_unreadable_leaf),
		cmocka_unit_test(test_cause),
		cmocka_unit_test(test_cause_at_zero),
		cmocka_unit_test(test_cause_cut),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_allocs),
		cmocka_unit_test(test_nodes_full),
		cmocka_unit_test(test_sites_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
