/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine code of one function loads, stores and takes the address of, in the order of its
 * bytes: code_access_x86.c, code_access_arm64.c. What it means is for code_scan.c.
 */
#ifndef MEMPROBE_CODE_ACCESS_H
#define MEMPROBE_CODE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_NO_BASE 0xff
#define CODE_ACCESS_BYTES 8 /* the longest of x86-64: REX, opcode, ModRM, SIB, displacement */

enum code_access_kind {
	CODE_LOAD,
	CODE_STORE,
	CODE_ADDRESS, /* x86-64: lea; arm64: an address in the file that has been put together */
};

struct code_access {
	uint64_t address; /* in the file, of what the code tells where it is; else 0 */
	int32_t displacement;
	uint16_t position;
	uint8_t kind; /* enum code_access_kind */
	uint8_t reg;
	uint8_t base; /* register; CODE_NO_BASE when there is an index, or none */
	bool is_wide; /* 8 bytes */
};

/* At most max of them; behind the bytes there are CODE_ACCESS_BYTES zeros. Returns how many. */
size_t code_access_find_x86(const uint8_t *bytes, size_t size, uint64_t vaddr,
			    struct code_access *ret, size_t max);
size_t code_access_find_arm64(const uint8_t *bytes, size_t size, uint64_t vaddr,
			      struct code_access *ret, size_t max);

#endif
