/* SPDX-License-Identifier: BSD-2-Clause */
/* See code_entry.h. Encodings: Intel SDM volume 2, appendix A. */
#include "code_entry.h"

#include <errno.h>
#include <string.h>

#include "code_step.h"
#include "probe_insn.h"

#define MAX_STEPS 16
#define JUMP_OPCODE 0xe9 /* jmp rel32 */
#define CALL_OPCODE 0xe8 /* call rel32 */
#define PUSH_OPCODE 0x50 /* of the first eight registers; with 41 before it the others */
#define STUB_BYTES 11	 /* endbr64, bnd jmp *displacement(%rip) */

int code_entry_read(const struct elf_file *file, uint64_t vaddr, struct code_entry *ret)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	uint64_t skip = segment ? vaddr - segment->vaddr : 0;

	if (!segment || !segment->is_executable || skip >= segment->file_bytes)
		return -ENOENT;
	ret->vaddr = vaddr;
	ret->offset = segment->offset + skip;
	ret->size = sizeof(ret->bytes);
	if (segment->file_bytes - skip < ret->size)
		ret->size = (size_t)(segment->file_bytes - skip);
	return elf_file_read(file, vaddr, ret->bytes, ret->size);
}

size_t code_entry_first(const struct code_entry *entry)
{
	enum probe_insn insn = probe_insn_classify(entry->bytes, entry->size);

	return insn == PROBE_INSN_LANDING ? PROBE_INSN_LANDING_BYTES : 0;
}

static bool is_null_test(const uint8_t *bytes, size_t size)
{
	static const uint8_t test[] = { 0x48, 0x85, 0xff }; /* test %rdi,%rdi */

	return size == sizeof(test) && !memcmp(bytes, test, sizeof(test));
}

bool code_entry_find_emulated(const struct code_entry *entry, size_t from, uint16_t kept,
			      struct code_place *ret)
{
	struct code_place place = { .at = from };

	for (int i = 0; i < MAX_STEPS && place.at < entry->size; i++) {
		const uint8_t *bytes = entry->bytes + place.at;
		size_t size = entry->size - place.at;
		enum probe_insn insn = probe_insn_classify(bytes, size);
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

/* ---- What it goes on to ---- */

static uint64_t branch_target(const struct code_entry *entry, size_t at)
{
	int32_t distance;

	memcpy(&distance, entry->bytes + at + 1, sizeof(distance));
	return entry->vaddr + at + 5 + (uint64_t)distance;
}

uint64_t code_stub_slot(const struct elf_file *file, uint64_t vaddr)
{
	uint8_t bytes[STUB_BYTES];
	size_t at = 0;
	int32_t displacement;

	if (elf_file_read(file, vaddr, bytes, sizeof(bytes)))
		return 0;
	if (probe_insn_classify(bytes, sizeof(bytes)) == PROBE_INSN_LANDING)
		at += PROBE_INSN_LANDING_BYTES;
	at += bytes[at] == 0xf2; /* bnd */
	if (bytes[at] != 0xff || bytes[at + 1] != 0x25)
		return 0;
	memcpy(&displacement, bytes + at + 2, sizeof(displacement));
	return vaddr + at + 6 + (uint64_t)displacement;
}

/* Through a stub, where it is one, to this file's own function. */
static uint64_t pass_stub(struct elf_file *file, uint64_t vaddr)
{
	uint64_t slot = code_stub_slot(file, vaddr);

	return slot ? elf_file_bound_symbol(file, slot) : vaddr;
}

uint64_t code_entry_find_next(struct elf_file *file, const struct code_entry *entry,
			      bool is_call_enough)
{
	size_t at = code_entry_first(entry);

	for (int i = 0; i < MAX_STEPS && at + PROBE_INSN_BYTES <= entry->size; i++) {
		const uint8_t *bytes = entry->bytes + at;
		struct code_step step;

		if (bytes[0] == JUMP_OPCODE || (bytes[0] == CALL_OPCODE && is_call_enough))
			return pass_stub(file, branch_target(entry, at));
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
