/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where branches of a function lead, for those who know of an address to look for. This is no
 * disassembler: of x86-64 there may be a branch at every byte. One that leads right to a given
 * address by chance is not to be feared (2^-32 at each byte).
 */
#ifndef MEMPROBE_CODE_BRANCH_H
#define MEMPROBE_CODE_BRANCH_H

#include <stddef.h>
#include <stdint.h>

#include "elf_file.h"

#define CODE_BRANCH_BYTES 6 /* the longest: jcc rel32, call or jmp *displacement(%rip) */

/* How far apart branches may begin. */
size_t code_branch_step(const struct elf_file *file);

/* Where a call or a jump, conditional or not, leads; 0: there is none. Of the bytes there are
 * CODE_BRANCH_BYTES. */
uint64_t code_branch_target(const struct elf_file *file, const uint8_t *bytes, uint64_t vaddr);

/* The place of the global offset table that it goes by, itself or in a stub; 0: none. */
uint64_t code_branch_slot(const struct elf_file *file, const uint8_t *bytes, uint64_t vaddr);

/* The place of the global offset table that a stub of the linkage table jumps by; 0: it is none. */
uint64_t code_stub_slot(const struct elf_file *file, uint64_t vaddr);

#endif
