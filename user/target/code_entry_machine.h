/* SPDX-License-Identifier: BSD-2-Clause */
/* What code_entry.h needs to know of a machine: code_entry_x86.c, code_entry_arm64.c. */
#ifndef MEMPROBE_CODE_ENTRY_MACHINE_H
#define MEMPROBE_CODE_ENTRY_MACHINE_H

#include "code_entry.h"

#define CODE_ENTRY_STEPS 16 /* instructions that are passed */

struct code_entry_machine {
	bool (*find_emulated)(const struct code_entry *entry, size_t from, uint32_t needs,
			      struct code_place *ret);
	/* How far behind a place the jump ends that is taken when the first argument is NULL; 0:
	 * there is none. */
	size_t (*null_jump_bytes)(const struct code_entry *entry, const struct code_place *place);
	/* An unconditional one, at a position inside. */
	bool (*is_jump)(const struct code_entry *entry, size_t at);
	/* Where the first jump or, where that will do, call leads; 0: none that is known. */
	uint64_t (*find_target)(const struct code_entry *entry, bool is_call_enough);
};

extern const struct code_entry_machine code_entry_x86, code_entry_arm64;

#endif
