/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction of arm64 at a time, out of those that compilers make of C: what it does to
 * general registers, and where it leads. All are words of four bytes.
 */
#ifndef MEMPROBE_ARM64_INSN_H
#define MEMPROBE_ARM64_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARM64_INSN_BYTES 4
#define ARM64_LR 30
/* The stack pointer or the zero register, as the instruction has it. In arm64_insn.written it is
 * the stack pointer: what is written to the zero register is gone. */
#define ARM64_SP 31
#define ARM64_BIT(reg) (1U << (reg))
/* What a call may change (AAPCS64): x0 to x18, and the link register. */
#define ARM64_CALL_WRITES (0x7ffffU | ARM64_BIT(ARM64_LR))

enum arm64_op {
	ARM64_UNKNOWN, /* `written` has but what looks like its result */
	ARM64_PLAIN,   /* it goes on to the next one, and changes no register but `written` */
	ARM64_NOP,
	ARM64_LANDING,	    /* bti */
	ARM64_ADDRESS,	    /* adr, adrp: rd = target */
	ARM64_ADD,	    /* rd = rn + value, of 64 bits */
	ARM64_ADD_REGISTER, /* rd = rn + rm, of 64 bits */
	ARM64_MOVE,	    /* rd = rn, of 64 bits */
	ARM64_LOAD,	    /* rd = what is at rn + value */
	ARM64_STORE,
	ARM64_LOAD_PAIR, /* rd, and rm from `bytes` behind that */
	ARM64_STORE_PAIR,
	ARM64_LOAD_INDEXED, /* rd = what is at rn + rm, not scaled, of 64 bits */
	ARM64_LOAD_LITERAL, /* rd = what is at target */
	ARM64_THREAD,	    /* rd = thread pointer: mrs tpidr_el0 */
	ARM64_JUMP,	    /* b; from here on all lead to target */
	ARM64_JUMP_IF,	    /* b.cond */
	ARM64_JUMP_IF_ZERO, /* cbz, cbnz of rd */
	ARM64_JUMP_IF_BIT,  /* tbz, tbnz of rd */
	ARM64_CALL,
	ARM64_JUMP_REGISTER, /* br, to rn */
	ARM64_CALL_REGISTER,
	ARM64_RETURN,
};

struct arm64_insn {
	enum arm64_op op;
	uint8_t rd, rn, rm;
	uint8_t bytes;	  /* of each register that is loaded or stored */
	bool is_wide;	  /* the register has 64 bits */
	bool is_updating; /* rn changes, too: a load or store with `value` added before or behind */
	bool is_inverted; /* it jumps if the register is not zero, or the bit is not */
	int64_t value;	  /* of a load or store that is updating behind itself: 0 */
	uint64_t target;  /* an address in the file */
	uint32_t written; /* general registers that it may change, a bit each */
};

/* The instruction of a word at an address. */
struct arm64_insn arm64_insn_decode(uint32_t word, uint64_t vaddr);

/* As the bytes are in a file. */
uint32_t arm64_insn_word(const uint8_t *bytes);

#endif
