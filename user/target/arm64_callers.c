/* SPDX-License-Identifier: BSD-2-Clause */
/* See arm64_callers.h. */
#include "arm64_callers.h"

#include <errno.h>

#include "arm64_insn.h"
#include "memory.h"

#define MAX_INSNS 128
#define PIECE_BYTES (256UL << 10)

uint64_t arm64_first_callee(const struct elf_file *file, const struct elf_symbol *function)
{
	uint8_t bytes[MAX_INSNS * ARM64_INSN_BYTES];
	size_t size = function->size < sizeof(bytes) ? function->size : sizeof(bytes);

	if (elf_file_read(file, function->vaddr, bytes, size))
		return 0;
	for (size_t at = 0; at + ARM64_INSN_BYTES <= size; at += ARM64_INSN_BYTES) {
		struct arm64_insn insn = arm64_insn_decode(arm64_insn_word(bytes + at),
							   function->vaddr + at);

		if (insn.op == ARM64_CALL)
			return insn.target;
	}
	return 0;
}

static bool is_inside(const struct elf_symbol *function, uint64_t vaddr)
{
	return vaddr - function->vaddr < function->size;
}

static int count_in(const uint8_t *bytes, size_t size, uint64_t at, uint64_t vaddr,
		    const struct elf_symbol *but)
{
	int count = 0;

	for (size_t i = 0; i + ARM64_INSN_BYTES <= size; i += ARM64_INSN_BYTES) {
		uint32_t word = arm64_insn_word(bytes + i);

		/* b, bl */
		if ((word & 0x7c000000) == 0x14000000)
			count += arm64_insn_decode(word, at + i).target == vaddr &&
				 !is_inside(but, at + i);
	}
	return count;
}

int arm64_count_callers(struct elf_file *file, uint64_t vaddr, const struct elf_symbol *but)
{
	const struct elf_segment *text = elf_file_text(file);
	_cleanup_(freep) uint8_t *bytes = xmalloc(PIECE_BYTES);
	uint64_t first = text ? -text->vaddr % ARM64_INSN_BYTES : 0;
	int count = 0;

	if (!text)
		return -ENOENT;
	if (elf_file_charge(file, text->file_bytes))
		return -E2BIG;
	for (uint64_t at = first; at < text->file_bytes; at += PIECE_BYTES) {
		uint64_t left = text->file_bytes - at;
		size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		int err = elf_file_read(file, text->vaddr + at, bytes, size);

		if (err)
			return err;
		count += count_in(bytes, size, text->vaddr + at, vaddr, but);
	}
	return count;
}
