/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small ELF file that looks like a CPython to all that asks: with its symbols, machine code, USDT
 * notes, relocations and dynamic section. Tests damage it, fuzz_elf begins with it.
 */
#ifndef MEMPROBE_ELF_BUILDER_H
#define MEMPROBE_ELF_BUILDER_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILT_FIRST_MINOR 6
#define ELF_BUILT_NR_MINORS 10 /* 3.6 to 3.15 */

enum built_section {
	BUILT_NULL,
	BUILT_DYNSYM,
	BUILT_DYNSTR,
	BUILT_SYMTAB,
	BUILT_STRTAB,
	BUILT_NOTES,
	BUILT_BASE,
	BUILT_RELA,
	BUILT_DYNAMIC,
	BUILT_NAMES,
	NR_BUILT_SECTIONS,
};

#define ELF_BUILT_BYTES 12288
#define ELF_BUILT_NOTE_BYTES 72	 /* of one note */
#define ELF_BUILT_ARM64_TLS 0x20 /* from the thread pointer: 3.15's thread state */

struct elf_built {
	uint8_t bytes[ELF_BUILT_BYTES];
	unsigned int minor;
	uint16_t machine;
	size_t used; /* of what has no fixed place */
};

void elf_build(struct elf_built *ret, unsigned int minor); /* for x86-64 */
/* For EM_X86_64 or EM_AARCH64. */
void elf_build_for(struct elf_built *ret, unsigned int minor, uint16_t machine);

Elf64_Ehdr *elf_built_header(struct elf_built *built);
Elf64_Shdr *elf_built_section(struct elf_built *built, enum built_section section);
/* The entry of the dynamic section with a tag. */
Elf64_Dyn *elf_built_dynamic(struct elf_built *built, int64_t tag);
/* One of the file's own in the table of exported symbols, which must be there; all but data are in
 * the file at their addresses. */
Elf64_Sym *elf_built_exported(struct elf_built *built, const char *name);
/* The static function by which a runtime from 3.13 on ends: its address, and where in the file. */
uint64_t elf_built_finalizer(void);
/* A note of `python:function__entry`, or __return in 3.11, with this semaphore; as in the file. */
void elf_build_note(const struct elf_built *built, uint64_t semaphore, uint8_t *ret);
uint64_t elf_built_semaphore(void);

#endif
