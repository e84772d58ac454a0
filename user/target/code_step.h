/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction of x86-64 at a time, out of the few dozen that compilers begin functions with:
 * how long it is and which general registers it may change. What is not known, branches or calls is
 * no answer. Pushes are not among them, which probe_insn.h tells.
 */
#ifndef MEMPROBE_CODE_STEP_H
#define MEMPROBE_CODE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_STEP_BYTES 15 /* the longest instruction */

/* As encoded. */
enum code_register {
	CODE_RAX = 0,
	CODE_RCX = 1,
	CODE_RDX = 2,
	CODE_RSP = 4,
	CODE_RSI = 6,
	CODE_RDI = 7,
};

struct code_step {
	uint8_t bytes;
	uint16_t written; /* a bit for each of 16 registers */
};

bool code_step_decode(const uint8_t *bytes, size_t size, struct code_step *ret);

#endif
