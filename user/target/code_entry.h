/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning of one function in a file: where it can be probed, and what it goes on to. Until
 * the first jump or push all calls take the same way. That it lies in the file's code, an
 * executable segment, is sure once it has been read.
 */
#ifndef MEMPROBE_CODE_ENTRY_H
#define MEMPROBE_CODE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf_file.h"

#define CODE_ENTRY_BYTES 96

struct code_entry {
	uint64_t vaddr, offset; /* offset: in the file */
	size_t size;		/* as many bytes as are in the file */
	uint8_t bytes[CODE_ENTRY_BYTES];
};

/* -ENOENT: outside the file's code; else as elf_file_read. */
int code_entry_read(const struct elf_file *file, uint64_t vaddr, struct code_entry *ret);

/* Where its first instruction that does something is: behind an endbr64. */
size_t code_entry_first(const struct code_entry *entry);

struct code_place {
	size_t at;
	bool tests_null; /* behind a test of the first argument for NULL */
};

/* Where the kernel emulates, of all calls that come to `from`, before a register of `kept` (a bit
 * for each) is changed; false: nowhere that is known to do. */
bool code_entry_find_emulated(const struct code_entry *entry, size_t from, uint16_t kept,
			      struct code_place *ret);

/* The function that all calls come to first, by a jump or, where that will do, a call; through a
 * stub of the procedure linkage table. 0: none that is known. */
uint64_t code_entry_find_next(struct elf_file *file, const struct code_entry *entry,
			      bool is_call_enough);

/* The place of the global offset table that a stub of the linkage table jumps by; 0: it is none. */
uint64_t code_stub_slot(const struct elf_file *file, uint64_t vaddr);

#endif
