/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread-local variables in machine code of arm64; see code_tls.h. An executable's:
 *	mrs x0, tpidr_el0; add x0, x0, #0, lsl #12; add x0, x0, #OFFSET; ldr x0, [x0]
 * with the first addition or a nop in its place. A shared library's:
 *	mrs x1, tpidr_el0; adrp x0, PAGE; ldr x2, [x0, #LOW]; add x0, x0, #LOW; blr x2;
 *	ldr x0, [x1, x0]
 * where PAGE + LOW is the descriptor, which R_AARCH64_TLSDESC fills in: with a function, and what
 * it is given. That is the variable's offset from the thread pointer where that is the same in all
 * threads, as of all libraries that a program begins with; else the address of a tls_index (glibc's
 * sysdeps/aarch64/dl-machine.h and dl-tlsdesc.h, musl's ldso/dynlink.c).
 */
#include <errno.h>

#include "arm64_values.h"
#include "code_tls.h"

/* The thread pointer's own words come before a program's variables. */
#define MIN_OFFSET 16
#define MAX_OFFSET (1 << 20)

#define FUNCTION_BYTES 8 /* of a descriptor, before what the function is given */

static bool is_offset(int64_t offset, int64_t min)
{
	return offset >= min && offset < MAX_OFFSET;
}

static bool find_variable(const struct code_scan *scan, const struct arm64_value *place,
			  struct wire_tls *ret)
{
	*ret = (struct wire_tls){ .is_known = 1, .offset = (int32_t)place->offset };
	switch (place->kind) {
	case ARM64_VALUE_THREAD:
		return is_offset(place->offset, MIN_OFFSET);
	case ARM64_VALUE_THREAD_DESCRIBED:
		ret->is_word = 1;
		ret->index_vaddr = place->base + FUNCTION_BYTES;
		return is_offset(place->offset, 0) &&
		       elf_file_fills_in_tls(scan->file, place->base, ELF_TLS_DESCRIPTOR);
	case ARM64_VALUE_THREAD_LOADED:
		ret->is_word = 1;
		ret->index_vaddr = place->base;
		return is_offset(place->offset, 0) &&
		       elf_file_fills_in_tls(scan->file, place->base, ELF_TLS_OFFSET);
	default:
		return false;
	}
}

int code_tls_arm64(const struct code_scan *scan, struct wire_tls *ret)
{
	struct arm64_values values;

	arm64_values_forget(&values);
	for (size_t at = 0; at + ARM64_INSN_BYTES <= scan->size; at += ARM64_INSN_BYTES) {
		struct arm64_insn insn = arm64_insn_decode(arm64_insn_word(scan->bytes + at),
							   scan->vaddr + at);
		bool is_load = insn.op == ARM64_LOAD || insn.op == ARM64_LOAD_INDEXED;
		struct arm64_value place = arm64_values_place(&values, &insn);

		if (is_load && insn.is_wide && find_variable(scan, &place, ret))
			return 0;
		arm64_values_step(&values, &insn);
	}
	return -ENOENT;
}
