/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of x86-64; see code_entry.h. Encodings: Intel SDM volume 2, appendix A. */
#include <elf.h>
#include <string.h>

#include "code_entry_machine.h"
#include "code_step.h"
#include "memory.h"
#include "probe_insn.h"

#define JUMP_OPCODE 0xe9 /* jmp rel32 */
#define CALL_OPCODE 0xe8 /* call rel32 */
#define PUSH_OPCODE 0x50 /* of the first eight registers; with 41 before it the others */

static uint16_t registers_of(uint32_t needs)
{
	static const uint8_t registers[] = { CODE_RDI, CODE_RSI, CODE_RDX, CODE_RCX, CODE_RSP };
	uint16_t kept = 0;

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		if (needs >> i & 1)
			kept |= (uint16_t)(1U << registers[i]);
	return kept;
}

static bool is_null_test(const uint8_t *bytes, size_t size)
{
	static const uint8_t test[] = { 0x48, 0x85, 0xff }; /* test %rdi,%rdi */

	return size == sizeof(test) && !memcmp(bytes, test, sizeof(test));
}

static bool find_emulated(const struct code_entry *entry, size_t from, uint32_t needs,
			  struct code_place *ret)
{
	struct code_place place = { .at = from };
	uint16_t kept = registers_of(needs);

	for (int i = 0; i < CODE_ENTRY_STEPS && place.at < entry->size; i++) {
		const uint8_t *bytes = entry->bytes + place.at;
		size_t size = entry->size - place.at;
		enum probe_insn insn = probe_insn_classify(EM_X86_64, bytes, size);
		struct code_step step;

		if (insn == PROBE_INSN_EMULATED ||
		    (insn == PROBE_INSN_NOP5 && place.at == code_entry_first(entry))) {
			*ret = place;
			return true;
		}
		if (!code_step_decode(bytes, size, &step) || step.written & kept)
			return false;
		place.tests_null = is_null_test(bytes, step.bytes);
		place.at += step.bytes;
	}
	return false;
}

static size_t null_jump_bytes(const struct code_entry *entry, const struct code_place *place)
{
	const uint8_t *bytes = entry->bytes + place->at;

	if (!place->tests_null)
		return 0;
	if (bytes[0] == 0x74)
		return 2;
	return place->at + 1 < entry->size && bytes[0] == 0x0f && bytes[1] == 0x84 ? 6 : 0;
}

static bool is_jump(const struct code_entry *entry, size_t at)
{
	return entry->bytes[at] == JUMP_OPCODE;
}

static uint64_t branch_target(const struct code_entry *entry, size_t at)
{
	int32_t distance;

	memcpy(&distance, entry->bytes + at + 1, sizeof(distance));
	return entry->vaddr + at + 5 + (uint64_t)distance;
}

static uint64_t find_target(const struct code_entry *entry, bool is_call_enough)
{
	size_t at = code_entry_first(entry);

	for (int i = 0; i < CODE_ENTRY_STEPS && at + PROBE_INSN_BYTES <= entry->size; i++) {
		const uint8_t *bytes = entry->bytes + at;
		struct code_step step;

		if (bytes[0] == JUMP_OPCODE || (bytes[0] == CALL_OPCODE && is_call_enough))
			return branch_target(entry, at);
		if ((bytes[0] & 0xf8) == PUSH_OPCODE)
			at += 1;
		else if (bytes[0] == 0x41 && (bytes[1] & 0xf8) == PUSH_OPCODE)
			at += 2;
		else if (code_step_decode(bytes, entry->size - at, &step))
			at += step.bytes;
		else
			return 0;
	}
	return 0;
}

const struct code_entry_machine code_entry_x86 = {
	.find_emulated = find_emulated,
	.null_jump_bytes = null_jump_bytes,
	.is_jump = is_jump,
	.find_target = find_target,
};
