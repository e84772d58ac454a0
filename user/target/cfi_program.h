/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs of .eh_frame, which say for each instruction of a function where its caller's
 * registers are (DWARF 5, 6.4.2), as far as rsp, rbp and the return address go.
 */
#ifndef MEMPROBE_CFI_PROGRAM_H
#define MEMPROBE_CFI_PROGRAM_H

#include <memprobe/wire_unwind.h>

#include "cfi_bytes.h"

/* System V ABI, AMD64 supplement, figure 3.36. */
#define CFI_REGISTER_RBP 6
#define CFI_REGISTER_RSP 7
#define CFI_REGISTER_RETURN 16

/* Where a register of the caller is. */
enum cfi_place_kind {
	CFI_PLACE_SAME = 0, /* where it was */
	CFI_PLACE_UNDEFINED,
	CFI_PLACE_BY_CFA, /* the word at CFA + offset */
	CFI_PLACE_BY_RBP, /* the word at rbp + offset */
	CFI_PLACE_ELSEWHERE,
};

struct cfi_place {
	enum cfi_place_kind kind;
	int64_t offset;
};

/* What holds at one instruction. Zeroed: the CFA is not known. */
struct cfi_state {
	enum unwind_cfa cfa; /* NONE, RSP, RBP, AT_RBP, PLT */
	int64_t cfa_offset;
	struct cfi_place rbp, rsp, address; /* of the caller: its rsp is the CFA unless it is said
					     * to be elsewhere; the return address */
};

/* What the functions of one CIE have in common. */
struct cfi_common {
	uint64_t code_factor;
	int64_t data_factor;
	struct cfi_state state; /* at their begins */
};

#define CFI_MAX_REMEMBERED 16 /* GCC and clang need two */

/* One function's. */
struct cfi_run {
	const struct cfi_common *common;
	struct cfi_bytes code;
	struct cfi_state state;
	struct cfi_state remembered[CFI_MAX_REMEMBERED];
	size_t nr_remembered;
	bool is_common;	    /* it is the CIE's own program, which moves nowhere */
	bool is_lost;	    /* it cannot be followed from here on */
	uint64_t at, bytes; /* of the function: where the next row begins, and its end */
};

/* Runs a CIE's program: ret->state. False: it cannot be followed. */
bool cfi_program_common(struct cfi_bytes code, struct cfi_common *ret);

void cfi_program_begin(struct cfi_run *run, const struct cfi_common *common, struct cfi_bytes code,
		       uint64_t bytes);
/*
 * The next row: how far from the function's begin its rule holds from; the first one's 0. What
 * cannot be followed has the rule UNWIND_CFA_NONE. False behind the last.
 */
bool cfi_program_next(struct cfi_run *run, uint64_t *ret_at, struct wire_unwind_rule *ret_rule);

#endif
