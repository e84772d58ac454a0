/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* x86-64: registers, the numbers of system calls, and where the kernel keeps what a thread has. */
#ifndef MEMPROBE_X86_MACHINE_H
#define MEMPROBE_X86_MACHINE_H

struct thread_struct {
	unsigned long fsbase;
} CORE;

struct thread_info {
	__u32 status;
} CORE;

/* At a probe, or with which a task came into the kernel. */
struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long sp;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
} CORE;

/* Fields of pt_regs. */
#define IP ip
#define FRAME_POINTER bp
#define RETURN_VALUE ax
#define ARG1 di
#define ARG2 si
#define ARG3 dx
#define ARG4 cx
#define SYSCALL_NUMBER orig_ax
#define SYSCALL_ARG1 di
#define SYSCALL_ARG2 si
#define SYSCALL_ARG3 dx
#define SYSCALL_ARG4 r10
#define SYSCALL_ARG5 r8

/* Where the kernel was not entered for one (arch/x86/entry/entry_64.S). */
#define NO_SYSCALL (-1UL)

/* Those that a called function keeps, from here on in pt_regs. */
#define FIRST_KEPT_REGISTER r15
#define KEPT_REGISTERS 6

/* Six in which a compiler holds what a function works with. */
#define VARIABLE1 bx
#define VARIABLE2 bp
#define VARIABLE3 r12
#define VARIABLE4 r13
#define VARIABLE5 r14
#define VARIABLE6 r15

/* What a call puts on the stack, and a return takes. */
#define RETURN_ADDRESS_BYTES 8

/* Are libraries given thread-local variables by TLS descriptors? */
#define HAS_TLS_DESCRIPTORS false
/* Does the event of a fault tell what it was for? */
#define HAS_FAULT_CODE true

/* Field of a task. */
#define THREAD_POINTER thread.fsbase
#define IS_THREAD_POINTER_LATE false
/* pthread_self() is the same. */
#define IS_SELF_BELOW false
/* Where the address of the thread's table of blocks lies: glibc's and musl's, from the pointer. */
#define GLIBC_DTV 8
#define MUSL_DTV 8

/* Does a task run 32-bit code? Its system calls have other numbers. */
#define COMPAT_FLAG 2 /* TS_COMPAT */
#define COMPAT_FLAGS thread_info.status

enum {
	NR_read = 0,
	NR_write = 1,
	NR_mmap = 9,
	NR_mprotect = 10,
	NR_munmap = 11,
	NR_brk = 12,
	NR_pread64 = 17,
	NR_pwrite64 = 18,
	NR_mremap = 25,
	NR_madvise = 28,
	NR_clone = 56,
	NR_shmdt = 67,
	NR_mlock = 149,
	NR_mlockall = 151,
	NR_futex = 202,
	NR_mlock2 = 325,
	NR_pkey_mprotect = 329,
	NR_clone3 = 435,
	NR_process_madvise = 440,
};

#endif
