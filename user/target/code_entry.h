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
#include "probe_insn.h"

#define CODE_ENTRY_BYTES 96

struct code_entry {
	uint64_t vaddr, offset; /* offset: in the file */
	size_t size;		/* as many bytes as are in the file */
	uint16_t machine;	/* EM_* */
	uint8_t bytes[CODE_ENTRY_BYTES];
};

/* -ENOENT: outside the file's code; else as elf_file_read. */
int code_entry_read(const struct elf_file *file, uint64_t vaddr, struct code_entry *ret);

/* Where its first instruction that does something is: behind an endbr64 or bti. */
static inline size_t code_entry_first(const struct code_entry *entry)
{
	return probe_insn_classify(entry->machine, entry->bytes, entry->size) == PROBE_INSN_LANDING
		       ? PROBE_INSN_LANDING_BYTES
		       : 0;
}

/* What must still be there at a place as it was at the entry, a bit each. */
enum code_need {
	CODE_ARGUMENT_1 = 1, /* in its register */
	CODE_ARGUMENT_2 = 2,
	CODE_ARGUMENT_3 = 4,
	CODE_ARGUMENT_4 = 8,
	CODE_RETURN_ADDRESS = 16, /* where a return probe looks for it, and nowhere else yet */
};

struct code_place {
	size_t at;
	bool tests_null; /* x86-64: behind a test of the first argument for NULL */
};

/* Where the kernel emulates, of all calls that come to `from`, before a need (enum code_need) is
 * changed; false: nowhere that is known to do. */
bool code_entry_find_emulated(const struct code_entry *entry, size_t from, uint32_t needs,
			      struct code_place *ret);

/* Behind a jump at the place that is taken when the first argument is NULL: where calls with
 * another come to. Nothing where there is no such jump, or no place behind it. */
void code_entry_pass_null(const struct code_entry *entry, uint32_t needs, struct code_place *place);

/* Whether it can be probed at its first instruction at all. */
bool code_entry_can_be_probed(const struct code_entry *entry);

/* Where the kernel emulates or, on arm64, where all functions begin with what it steps, at the
 * first instruction that it takes. */
bool code_entry_find_place(const struct code_entry *entry, uint32_t needs, struct code_place *ret);

/* Whether it does nothing but go on to another function. */
bool code_entry_is_jump(const struct code_entry *entry);

/* The function that all calls come to first, by a jump or, where that will do, a call; through a
 * stub of the procedure linkage table. 0: none that is known. */
uint64_t code_entry_find_next(struct elf_file *file, const struct code_entry *entry,
			      bool is_call_enough);

#endif
