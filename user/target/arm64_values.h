/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of arm64's registers while one instruction after another is looked at: addresses in
 * the file, and what is reached from the thread pointer. It goes on in the order of the bytes,
 * whatever jumps there are, so that an answer of one register alone is none.
 */
#ifndef MEMPROBE_ARM64_VALUES_H
#define MEMPROBE_ARM64_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "arm64_insn.h"

enum arm64_value_kind {
	ARM64_VALUE_UNKNOWN, /* as at the beginning, perhaps with something added */
	ARM64_VALUE_OTHER,   /* what is none of these has been put there */
	ARM64_VALUE_ADDRESS, /* base + offset, in the file */
	ARM64_VALUE_LOADED,  /* what lies at the address base, + offset */
	ARM64_VALUE_THREAD,  /* the thread pointer + offset */
	/* The offset of a thread-local variable, + offset: what the function answers that the
	 * descriptor at the address base begins with. */
	ARM64_VALUE_DESCRIBED,
	/* The thread pointer + what lies at, or is described by, the address base, + offset. */
	ARM64_VALUE_THREAD_LOADED,
	ARM64_VALUE_THREAD_DESCRIBED,
};

struct arm64_value {
	enum arm64_value_kind kind;
	uint64_t base;
	int64_t offset;
};

struct arm64_values {
	struct arm64_value regs[32]; /* that of ARM64_SP is never known */
};

/* All unknown, but for the stack pointer, which is another. */
void arm64_values_forget(struct arm64_values *values);
/* What they are behind an instruction. */
void arm64_values_step(struct arm64_values *values, const struct arm64_insn *insn);
/* What is accessed: rn + value, rn + rm of ARM64_LOAD_INDEXED, the target of ARM64_LOAD_LITERAL. */
struct arm64_value arm64_values_place(const struct arm64_values *values,
				      const struct arm64_insn *insn);
/* Whether it is the address `vaddr` of the file. */
bool arm64_value_is_address(const struct arm64_value *value, uint64_t vaddr);
/* The address in the file, 0: it is none. */
uint64_t arm64_value_address(const struct arm64_value *value);

#endif
