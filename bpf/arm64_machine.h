/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arm64: registers, the numbers of system calls (include/uapi/asm-generic/unistd.h), and where the
 * kernel keeps what a thread has.
 *
 * A thread's pointer is a register of its own, which the kernel stores when it switches to another
 * thread (tls_thread_switch(), arch/arm64/kernel/process.c). New threads have it from the start, by
 * CLONE_SETTLS; of a process that has just begun a program it is 0 until the first switch.
 */
#ifndef MEMPROBE_ARM64_MACHINE_H
#define MEMPROBE_ARM64_MACHINE_H

struct thread_registers {
	unsigned long tp_value;
} CORE;

struct thread_struct {
	struct thread_registers uw;
} CORE;

struct thread_info {
	unsigned long flags;
} CORE;

/* At a probe, or with which a task came into the kernel. */
struct pt_regs {
	unsigned long regs[31];
	unsigned long sp;
	unsigned long pc;
	unsigned long pstate;
	unsigned int syscallno; /* -1: see NO_SYSCALL */
} CORE;

/* What a program on a perf event is given: struct bpf_perf_event_data. */
struct perf_sample {
	unsigned long regs[31];
	unsigned long sp;
	unsigned long pc;
	unsigned long pstate;
	__u64 period;
	__u64 address;
};

#define PSR_MODE 0xf /* 0: of user mode */

/* Fields of pt_regs. */
#define IP pc
#define FRAME_POINTER regs[29]
#define RETURN_VALUE regs[0]
#define ARG1 regs[0]
#define ARG2 regs[1]
#define ARG3 regs[2]
#define ARG4 regs[3]
#define SYSCALL_NUMBER syscallno
#define SYSCALL_ARG1 regs[0]
#define SYSCALL_ARG2 regs[1]
#define SYSCALL_ARG3 regs[2]
#define SYSCALL_ARG4 regs[3]
#define SYSCALL_ARG5 regs[4]

/* Where the kernel was not entered for one (arch/arm64/kernel/entry.S). */
#define NO_SYSCALL (-1U)

/* Those that a called function keeps, x19 to x28. */
#define FIRST_KEPT_REGISTER regs[19]
#define KEPT_REGISTERS 10

/* Six in which a compiler holds what a function works with. */
#define VARIABLE1 regs[19]
#define VARIABLE2 regs[20]
#define VARIABLE3 regs[21]
#define VARIABLE4 regs[22]
#define VARIABLE5 regs[23]
#define VARIABLE6 regs[24]

/* What a call puts on the stack, and a return takes. */
#define RETURN_ADDRESS_BYTES 0

/* Are libraries given thread-local variables by TLS descriptors? */
#define HAS_TLS_DESCRIPTORS true
/* Does the event of a fault tell what it was for? */
#define HAS_FAULT_CODE false

/* Field of a task. */
#define THREAD_POINTER thread.uw.tp_value
#define IS_THREAD_POINTER_LATE true
/* pthread_self() lies below it. */
#define IS_SELF_BELOW true
/* Where the address of the thread's table of blocks lies: glibc's and musl's, from the pointer. */
#define GLIBC_DTV 0
#define MUSL_DTV (-8)

/* Does a task run 32-bit code? Its system calls have other numbers. */
#define COMPAT_FLAG (1UL << 22) /* TIF_32BIT */
#define COMPAT_FLAGS thread_info.flags

enum {
	NR_read = 63,
	NR_write = 64,
	NR_pread64 = 67,
	NR_pwrite64 = 68,
	NR_futex = 98,
	NR_shmdt = 197,
	NR_brk = 214,
	NR_munmap = 215,
	NR_mremap = 216,
	NR_clone = 220,
	NR_mmap = 222,
	NR_mprotect = 226,
	NR_mlock = 228,
	NR_mlockall = 230,
	NR_madvise = 233,
	NR_mlock2 = 284,
	NR_pkey_mprotect = 288,
	NR_clone3 = 435,
	NR_process_madvise = 440,
};

#endif
