/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Python whose C stack can be unwound: functions of C in mapped files, with rows and rules made
 * by hand, and a processor that calls them and leaves on the stack what compilers do.
 */
#ifndef MEMPROBE_TEST_NATIVE_STACK_H
#define MEMPROBE_TEST_NATIVE_STACK_H

#include "python_memory.h"
#include "session.h"

/* Files that are mapped, by number; their code lies at CODE_OF(file) + offset in the file. */
enum native_file {
	FILE_PYTHON = 1,
	FILE_LIBC = 2,
	FILE_UNKNOWN = 3,   /* nothing is known of it */
	FILE_NO_ROWS = 4,   /* it has none */
	FILE_ANONYMOUS = 5, /* a mapping without a file */
	NR_NATIVE_FILES,
};

#define CODE_OF(file) (0x7f3000000000ULL + ((__u64)(file) << 32))

/* How a function keeps its frame. In FILE_PYTHON and FILE_LIBC one of each begins at kind * 0x100 +
 * FIRST_FUNCTION. */
enum frame_kind {
	FRAME_BARE,    /* nothing but the return address */
	FRAME_PUSHED,  /* rbp is pushed, and used for something else */
	FRAME_POINTER, /* rbp is the frame pointer */
	FRAME_ROOM,    /* by rsp, rbp not touched; the next function begins where it ends */
	FRAME_FAR,     /* by rsp, rbp is saved not at CFA - 16 */
	FRAME_ALIGNED, /* the stack is aligned: rbp leads to where the CFA is kept */
	FRAME_PLT,     /* a stub, before it has pushed a number */
	FRAME_PLT_PUSHED,
	FRAME_NO_RULE,
	FRAME_OUTERMOST,
	FRAME_STILL,   /* a rule whose CFA is the stack pointer */
	FRAME_FALLING, /* a rule whose CFA is below it */
	NR_FRAME_KINDS,
};

#define FIRST_FUNCTION 0x1000
#define FUNCTION_BYTES 0x100
#define EVAL_FUNCTION 0x3000 /* in FILE_PYTHON: the interpreter */
#define LAST_FUNCTION 0x3f00 /* in both, a FRAME_ROOM: up to the end of what is mapped of code */
#define MAPPED_BYTES 0x3000  /* from FIRST_FUNCTION on */
#define CODE_END(file) (CODE_OF(file) + FIRST_FUNCTION + MAPPED_BYTES)

/* Where a function begins, as an offset in its file, and a place behind its prologue. */
__u32 function_begin(enum frame_kind kind);
__u64 function_at(enum native_file file, enum frame_kind kind);

extern struct python python;
extern struct task_struct *task; /* its main thread, in <module>, f */
extern struct file *native_files[NR_NATIVE_FILES];
extern struct wire_file native_ids[NR_NATIVE_FILES];

/* The processor's registers; in the interpreter's frame at first. */
struct processor {
	__u64 ip, sp, bp;
};
extern struct processor processor;

#define EVAL_SP 0x7ffc00010000ULL /* of the interpreter's frame */
#define EVAL_BOUND (EVAL_SP + 0x20)
#define EVAL_CFA (EVAL_SP + 0x80)

/* A session with it, for which something else is asked as well. The files are in its tables. */
void native_open(__u32 version);
void native_open_with(__u32 version, void (*ask)(void));
void native_close(void); /* which must be sound */

/* The thread goes from C into the interpreter, and from there into <module>, f. */
void native_enter_python(void);
/* The processor calls a function, and is there then. */
void native_call(enum native_file file, enum frame_kind kind);
void native_call_at(__u64 address, enum frame_kind kind);
/* It is where it was in the interpreter. */
void native_unwind_all(void);
/* A page comes, or some. */
void native_grow(void);

void native_know_file(enum native_file file);

#endif
