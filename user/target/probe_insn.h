/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it costs to have a uprobe on an instruction. The kernel emulates a few (arch/x86/kernel/
 * uprobes.c: branch_setup_xol_ops, push_setup_xol_ops; arch/arm64/kernel/probes/decode-insn.c) and
 * a hit there takes 0.5 us; all others it single-steps out of line, which takes 10 to 21 us
 * (measured, x86-64, 6.18).
 */
#ifndef MEMPROBE_PROBE_INSN_H
#define MEMPROBE_PROBE_INSN_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_INSN_BYTES 6 /* the longest that is told apart */
#define PROBE_INSN_LANDING_BYTES 4

enum probe_insn {
	/* x86-64: 1-byte nop, push of a register, relative call or jump, conditional too. arm64:
	 * the same but for push, jumps and calls by a register, ret, adr, adrp, ldr with a literal;
	 * a nop from 6.13 on. */
	PROBE_INSN_EMULATED,
	/* 5-byte nop: Linux 6.18 makes it a call, which writes below the stack pointer. Harmless
	 * where a function begins; inside it destroys the red zone (measured: 99,999 of 100,000
	 * calls). */
	PROBE_INSN_NOP5,
	PROBE_INSN_LANDING, /* endbr64, bti: single-stepped, but the next one may do */
	PROBE_INSN_STEPPED,
	/* arm64: the kernel refuses it, or it is not known not to: exclusive loads and stores,
	 * which never succeed when they are stepped, and all that is not among arm64_insn.h's. */
	PROBE_INSN_REFUSED,
};

/* Whether an instruction may begin at an address: of arm64 the kernel refuses all others. */
static inline bool probe_insn_is_aligned(uint16_t machine, uint64_t vaddr)
{
	return machine != EM_AARCH64 || vaddr % 4 == 0;
}

/* machine: EM_X86_64 or EM_AARCH64. */
enum probe_insn probe_insn_classify(uint16_t machine, const uint8_t *bytes, size_t size);

#endif
