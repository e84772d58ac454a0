/* SPDX-License-Identifier: BSD-2-Clause */
/* See code_branch.h. Encodings of x86-64: Intel SDM volume 2, appendix A. */
#include "code_branch.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "arm64_values.h"
#include "probe_insn.h"

#define STUB_BYTES 11 /* endbr64, bnd jmp *displacement(%rip) */
#define STUB_INSNS 5  /* bti, adrp, ldr, add, br */

static bool is_arm64(const struct elf_file *file)
{
	return elf_file_machine(file) == EM_AARCH64;
}

size_t code_branch_step(const struct elf_file *file)
{
	return is_arm64(file) ? ARM64_INSN_BYTES : 1;
}

/* A distance from its own end. */
static uint64_t relative_target(const uint8_t *bytes, size_t at, uint64_t vaddr)
{
	int32_t distance;

	memcpy(&distance, bytes + at, sizeof(distance));
	return vaddr + at + sizeof(distance) + (uint64_t)distance;
}

static uint64_t target_x86(const uint8_t *bytes, uint64_t vaddr)
{
	if (bytes[0] == 0xe8 || bytes[0] == 0xe9) /* call, jmp */
		return relative_target(bytes, 1, vaddr);
	if (bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80) /* jcc */
		return relative_target(bytes, 2, vaddr);
	return 0;
}

static uint64_t target_arm64(const uint8_t *bytes, uint64_t vaddr)
{
	struct arm64_insn insn = arm64_insn_decode(arm64_insn_word(bytes), vaddr);

	return insn.op >= ARM64_JUMP ? insn.target : 0;
}

uint64_t code_branch_target(const struct elf_file *file, const uint8_t *bytes, uint64_t vaddr)
{
	return is_arm64(file) ? target_arm64(bytes, vaddr) : target_x86(bytes, vaddr);
}

static uint64_t stub_slot_x86(const struct elf_file *file, uint64_t vaddr)
{
	uint8_t bytes[STUB_BYTES];
	size_t at = 0;

	if (elf_file_read(file, vaddr, bytes, sizeof(bytes)))
		return 0;
	if (probe_insn_classify(EM_X86_64, bytes, sizeof(bytes)) == PROBE_INSN_LANDING)
		at += PROBE_INSN_LANDING_BYTES;
	at += bytes[at] == 0xf2; /* bnd */
	if (bytes[at] != 0xff || bytes[at + 1] != 0x25)
		return 0;
	return relative_target(bytes, at + 2, vaddr);
}

/* adrp x16, PAGE; ldr x17, [x16, #LOW]; add x16, x16, #LOW; br x17. */
static uint64_t stub_slot_arm64(const struct elf_file *file, uint64_t vaddr)
{
	uint8_t bytes[STUB_INSNS * ARM64_INSN_BYTES];
	struct arm64_values values;

	arm64_values_forget(&values);
	if (elf_file_read(file, vaddr, bytes, sizeof(bytes)))
		return 0;
	for (size_t at = 0; at < sizeof(bytes); at += ARM64_INSN_BYTES) {
		struct arm64_insn insn = arm64_insn_decode(arm64_insn_word(bytes + at), vaddr + at);
		const struct arm64_value *to = &values.regs[insn.rn];

		if (insn.op == ARM64_JUMP_REGISTER)
			return to->kind == ARM64_VALUE_LOADED && !to->offset ? to->base : 0;
		if (insn.op >= ARM64_JUMP)
			return 0;
		arm64_values_step(&values, &insn);
	}
	return 0;
}

uint64_t code_stub_slot(const struct elf_file *file, uint64_t vaddr)
{
	return is_arm64(file) ? stub_slot_arm64(file, vaddr) : stub_slot_x86(file, vaddr);
}

static bool is_code(const struct elf_file *file, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);

	return segment && segment->is_executable && vaddr - segment->vaddr < segment->file_bytes;
}

uint64_t code_branch_slot(const struct elf_file *file, const uint8_t *bytes, uint64_t vaddr)
{
	uint64_t target = code_branch_target(file, bytes, vaddr);

	if (!is_arm64(file) && bytes[0] == 0xff && (bytes[1] == 0x15 || bytes[1] == 0x25))
		return relative_target(bytes, 2, vaddr); /* call, jmp */
	return target && is_code(file, target) ? code_stub_slot(file, target) : 0;
}
