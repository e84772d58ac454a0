/* SPDX-License-Identifier: BSD-2-Clause */
/* See native_stack.h. */
#include "native_stack.h"

#include "host/host.h"

#define GARBAGE 0x1234567
#define PLT_PUSH 11 /* byte of 16 behind which a stub has pushed */

struct python python;
struct task_struct *task;
struct file *native_files[NR_NATIVE_FILES];
struct wire_file native_ids[NR_NATIVE_FILES];
struct processor processor;
static __u32 next_row; /* files have theirs one behind the other */

/* Rules by number: what holds at a function's begin, and behind its prologue by kind. */
enum {
	RULE_NONE,
	RULE_ENTRY,
	RULE_KINDS,
};

static const struct wire_unwind_rule rules[NR_FRAME_KINDS] = {
	[FRAME_BARE] = { .cfa = UNWIND_CFA_RSP, .cfa_offset = 8 },
	[FRAME_PUSHED] = { .cfa = UNWIND_CFA_RSP,
			   .cfa_offset = 16,
			   .rbp = UNWIND_RBP_BY_CFA,
			   .rbp_offset = -16 },
	[FRAME_POINTER] = { .cfa = UNWIND_CFA_RBP,
			    .cfa_offset = 16,
			    .rbp = UNWIND_RBP_BY_CFA,
			    .rbp_offset = -16 },
	[FRAME_ROOM] = { .cfa = UNWIND_CFA_RSP, .cfa_offset = 0x40 },
	[FRAME_FAR] = { .cfa = UNWIND_CFA_RSP,
			.cfa_offset = 0x40,
			.rbp = UNWIND_RBP_BY_CFA,
			.rbp_offset = -0x20 },
	[FRAME_ALIGNED] = { .cfa = UNWIND_CFA_AT_RBP,
			    .cfa_offset = -8,
			    .rbp = UNWIND_RBP_BY_RBP,
			    .rbp_offset = 0 },
	[FRAME_PLT] = { .cfa = UNWIND_CFA_PLT, .cfa_offset = PLT_PUSH },
	[FRAME_PLT_PUSHED] = { .cfa = UNWIND_CFA_PLT, .cfa_offset = PLT_PUSH },
	[FRAME_NO_RULE] = { .cfa = UNWIND_CFA_NONE },
	[FRAME_OUTERMOST] = { .cfa = UNWIND_CFA_END },
	[FRAME_STILL] = { .cfa = UNWIND_CFA_RSP, .cfa_offset = 0 },
	[FRAME_FALLING] = { .cfa = UNWIND_CFA_RSP, .cfa_offset = -8 },
};

static void put_word(__u64 address, __u64 value)
{
	host_user_write(address, &value, sizeof(value));
}

static void put_rules(void)
{
	const struct wire_unwind_rule entry = { .cfa = UNWIND_CFA_RSP, .cfa_offset = 8 };

	session_put_unwind_rule(RULE_ENTRY, &entry);
	for (__u32 kind = 0; kind < NR_FRAME_KINDS; kind++)
		session_put_unwind_rule(RULE_KINDS + kind, &rules[kind]);
}

/* Each function has a row at its begin and one behind the prologue. Behind most there is no
 * function. */
static __u32 put_function(__u32 index, __u32 begin, enum frame_kind kind)
{
	const bool is_stub = kind == FRAME_PLT || kind == FRAME_PLT_PUSHED;

	session_put_unwind_row(index++, begin, is_stub ? RULE_KINDS + kind : RULE_ENTRY);
	if (!is_stub)
		session_put_unwind_row(index++, begin + 4,
				       1U << UNWIND_RULE_BITS | (RULE_KINDS + kind));
	if (kind != FRAME_ROOM)
		session_put_unwind_row(index++, begin + FUNCTION_BYTES - 0x20, RULE_NONE);
	return index;
}

__u32 function_begin(enum frame_kind kind)
{
	return FIRST_FUNCTION + (__u32)kind * FUNCTION_BYTES;
}

__u64 function_at(enum native_file file, enum frame_kind kind)
{
	__u32 place = 0x20;

	if (kind == FRAME_PLT)
		place = 0x20 + PLT_PUSH - 1;
	if (kind == FRAME_PLT_PUSHED)
		place = 0x20 + PLT_PUSH;
	return CODE_OF(file) + function_begin(kind) + place;
}

void native_know_file(enum native_file file)
{
	__u32 index = next_row;
	struct wire_unwind_file known = { .first = index, .number = file };

	for (__u32 kind = 0; kind < NR_FRAME_KINDS; kind++)
		index = put_function(index, function_begin(kind), kind);
	if (file == FILE_PYTHON)
		index = put_function(index, EVAL_FUNCTION, FRAME_POINTER);
	index = put_function(index, LAST_FUNCTION, FRAME_ROOM);
	known.count = index - known.first;
	next_row = index;
	session_put_unwind_file(&native_ids[file], &known);
}

static void map_files(void)
{
	struct wire_unwind_file none = { 0 };

	for (enum native_file file = FILE_PYTHON; file < FILE_ANONYMOUS; file++) {
		native_files[file] = machine_file_new(file, 8);
		native_ids[file] = (struct wire_file){
			.ino = file,
			.dev = 8,
			.changed_ns = MACHINE_FILE_NS,
		};
		machine_map(task->mm, native_files[file], CODE_OF(file), 0x1000, 0);
		machine_map(task->mm, native_files[file], CODE_OF(file) + 0x1000, MAPPED_BYTES,
			    0x1000);
		machine_map(task->mm, native_files[file], CODE_OF(file) + 0x1000 + MAPPED_BYTES,
			    0x1000, 0x1000 + MAPPED_BYTES);
	}
	machine_map(task->mm, NULL, CODE_OF(FILE_ANONYMOUS), 0x10000, 0);
	machine_map(task->mm, NULL, EVAL_SP - 0xf0000, 0x100000, 0);
	machine_make_tree(task->mm, 3);
	native_know_file(FILE_PYTHON);
	native_know_file(FILE_LIBC);
	none.count = next_row; /* some that are of no use */
	session_put_unwind_file(&native_ids[FILE_NO_ROWS], &none);
}

void native_enter_python(void)
{
	const __u16 version = python.layout.version;

	put_word(EVAL_CFA - 8, CODE_OF(FILE_PYTHON) + function_begin(FRAME_OUTERMOST) + 0x20);
	put_word(EVAL_CFA - 16, 0);
	native_unwind_all();
	if (version >= 0x30d)
		python_call_shim_at(&python, EVAL_BOUND);
	else
		python_put_cframe(&python, EVAL_BOUND);
}

void native_open_with(__u32 version, void (*ask)(void))
{
	session_open(SESSION_PERCPU);
	next_row = 0;
	session_ask_native(16);
	if (ask)
		ask();
	task = session_process(100, "python3");
	python_make(&python, version);
	if (python.layout.version < 0x30a)
		python.layout.eval_vaddr = CODE_OF(FILE_PYTHON) + EVAL_FUNCTION - python.bias;
	python_attach_thread(&python, task);
	session_set_python(task->mm, &python.layout, python.bias);
	put_rules();
	map_files();
	native_enter_python();
	python_call(&python, python_code(&python, "/x.py", "<module>"));
	python_call(&python, python_code(&python, "/x.py", "f"));
}

void native_open(__u32 version)
{
	native_open_with(version, NULL);
}

void native_close(void)
{
	session_check();
	session_close();
}

void native_unwind_all(void)
{
	processor = (struct processor){
		.ip = CODE_OF(FILE_PYTHON) + EVAL_FUNCTION + 0x20,
		.sp = EVAL_SP,
		.bp = EVAL_CFA - 16,
	};
}

static void push(__u64 word)
{
	processor.sp -= sizeof(word);
	put_word(processor.sp, word);
}

/* gcc: lea 8(%rsp),%r10; and $-32,%rsp; push -8(%r10); push %rbp; mov %rsp,%rbp; push %r10 */
static void align_stack(void)
{
	const __u64 cfa = processor.sp + 8;
	__u64 back;

	HOST_CHECK(!host_user_read(&back, sizeof(back), processor.sp));
	processor.sp &= ~31ULL;
	push(back);
	push(processor.bp);
	processor.bp = processor.sp;
	push(cfa);
	processor.sp -= 0x100;
}

void native_call_at(__u64 address, enum frame_kind kind)
{
	push(processor.ip);
	switch (kind) {
	case FRAME_PUSHED:
		push(processor.bp);
		processor.bp = GARBAGE;
		break;
	case FRAME_POINTER:
		push(processor.bp);
		processor.bp = processor.sp;
		processor.sp -= 0x60;
		break;
	case FRAME_ROOM:
		processor.sp -= 0x38;
		break;
	case FRAME_FAR:
		put_word(processor.sp + 8 - 0x20, processor.bp);
		processor.bp = GARBAGE;
		processor.sp -= 0x38;
		break;
	case FRAME_ALIGNED:
		align_stack();
		break;
	case FRAME_PLT_PUSHED:
		push(GARBAGE);
		break;
	default:
		break;
	}
	processor.ip = address;
}

void native_call(enum native_file file, enum frame_kind kind)
{
	native_call_at(function_at(file, kind), kind);
}

void native_grow(void)
{
	host.registers = (struct pt_regs){
		.IP = processor.ip,
		.sp = processor.sp,
		.FRAME_POINTER = processor.bp,
		.SYSCALL_NUMBER = NO_SYSCALL,
	};
	session_change(task->mm, KIND_ANON, 1);
}
