/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a stack of x86-64 is unwound without frame pointers: a file's .eh_frame as rows, in the order
 * of their offsets. User space makes them (user/target/unwind_table.h) and the BPF side looks them
 * up. The canonical frame address (CFA) is what the stack pointer was before the call: the return
 * address is below it, at CFA - 8 (System V ABI, AMD64 supplement, 3.7).
 */
#ifndef MEMPROBE_WIRE_UNWIND_H
#define MEMPROBE_WIRE_UNWIND_H

#include "wire.h"

#ifndef __bpf__
#ifdef __x86_64__
#define HAS_UNWINDER true
#else
#define HAS_UNWINDER false
#endif
#endif

/* From `offset` on, to the next row's, a rule holds. */
struct wire_unwind_row {
	__u32 offset; /* in the file, not of an address */
	__u32 rule;   /* UNWIND_RULE_BITS of its index, and above it how many rows before this one
		       * the function's first is */
};

#define UNWIND_RULE_BITS 14
#define UNWIND_MAX_RULES (1U << UNWIND_RULE_BITS)
#define UNWIND_MAX_BACK ((1U << (32 - UNWIND_RULE_BITS)) - 1)

/* How the CFA is found. */
enum unwind_cfa {
	UNWIND_CFA_NONE = 0,   /* no function, or a rule that is not followed */
	UNWIND_CFA_END = 1,    /* the outermost frame: it has no return address */
	UNWIND_CFA_RSP = 2,    /* rsp + cfa_offset */
	UNWIND_CFA_RBP = 3,    /* rbp + cfa_offset */
	UNWIND_CFA_AT_RBP = 4, /* the word at rbp + cfa_offset: a stack that was aligned */
	UNWIND_CFA_PLT = 5,    /* rsp + 8, and 8 more from byte cfa_offset of 16 of the code on */
	NR_UNWIND_CFAS,
};

/* Where the caller's rbp is. */
enum unwind_rbp {
	UNWIND_RBP_SAME = 0,
	UNWIND_RBP_BY_CFA = 1, /* the word at CFA + rbp_offset */
	UNWIND_RBP_BY_RBP = 2, /* the word at rbp + rbp_offset */
	NR_UNWIND_RBPS,
};

struct wire_unwind_rule {
	__s32 cfa_offset;
	__s16 rbp_offset;
	__u8 cfa; /* enum unwind_cfa */
	__u8 rbp; /* enum unwind_rbp */
};

/* What is known of a file; its key is a struct wire_file. */
struct wire_unwind_file {
	__u32 first; /* row of all files' */
	__u32 count;
	__u32 number; /* of the file, from 1 on; 0: it has no rows that can be used */
	__u32 pad;
};

/* Code of a file runs, or may soon, of which nothing is known yet: RECORD_UNWIND, once a file. */
struct wire_unwind_knock {
	struct wire_head head;
	__u32 slot;
	__u32 tgid;
	__u64 address; /* in the process: its mapping shows the file */
	struct wire_file file;
	__u64 bytes; /* of the file */
};
_Static_assert(sizeof(struct wire_unwind_knock) == 64, "wire_unwind_knock");

/* wire_site.code of a function: which file, and where the function begins in it. */
static inline __u64 unwind_function_name(__u32 number, __u32 offset)
{
	return (__u64)number << 32 | offset;
}

#endif
