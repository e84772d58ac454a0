/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of arm64; see code_entry.h. A return probe puts its own address into the link register:
 * behind paciasp that would be one without a signature, behind a store of the register too late.
 */
#include <elf.h>

#include "arm64_insn.h"
#include "code_entry_machine.h"
#include "probe_insn.h"

/* Arguments are in x0 to x3, as the needs' bits are. */
static uint32_t registers_of(uint32_t needs)
{
	uint32_t kept = needs & 0xf;

	return needs & CODE_RETURN_ADDRESS ? kept | ARM64_BIT(ARM64_LR) | ARM64_BIT(ARM64_SP)
					   : kept;
}

static struct arm64_insn insn_at(const struct code_entry *entry, size_t at)
{
	return arm64_insn_decode(arm64_insn_word(entry->bytes + at), entry->vaddr + at);
}

static bool is_inside(const struct code_entry *entry, size_t at)
{
	return at + ARM64_INSN_BYTES <= entry->size;
}

/* What is stored anywhere but on the stack may be what a probe is there to see. */
static bool is_passed(const struct arm64_insn *insn, uint32_t kept)
{
	bool is_pair = insn->op == ARM64_STORE_PAIR;

	if (insn->op == ARM64_UNKNOWN || insn->op >= ARM64_JUMP || insn->written & kept)
		return false;
	if (!is_pair && insn->op != ARM64_STORE)
		return true;
	return insn->rn == ARM64_SP &&
	       !(kept & ARM64_BIT(ARM64_LR) &&
		 (insn->rd == ARM64_LR || (is_pair && insn->rm == ARM64_LR)));
}

static bool find_emulated(const struct code_entry *entry, size_t from, uint32_t needs,
			  struct code_place *ret)
{
	uint32_t kept = registers_of(needs);
	size_t at = from;

	for (int i = 0; i < CODE_ENTRY_STEPS && is_inside(entry, at); i++) {
		struct arm64_insn insn = insn_at(entry, at);

		if (probe_insn_classify(EM_AARCH64, entry->bytes + at, entry->size - at) ==
		    PROBE_INSN_EMULATED) {
			*ret = (struct code_place){ .at = at };
			return true;
		}
		if (!is_passed(&insn, kept))
			return false;
		at += ARM64_INSN_BYTES;
	}
	return false;
}

/* cbz x0, at the place or behind it: who comes to it with something in x0 goes on behind it. */
static size_t null_jump_bytes(const struct code_entry *entry, const struct code_place *place)
{
	for (size_t at = place->at; is_inside(entry, at); at += ARM64_INSN_BYTES) {
		struct arm64_insn insn = insn_at(entry, at);

		if (insn.op == ARM64_JUMP_IF_ZERO && !insn.rd && insn.is_wide && !insn.is_inverted)
			return at + ARM64_INSN_BYTES - place->at;
		if (!is_passed(&insn, ARM64_BIT(0)))
			return 0;
	}
	return 0;
}

static bool is_jump(const struct code_entry *entry, size_t at)
{
	return is_inside(entry, at) && insn_at(entry, at).op == ARM64_JUMP;
}

static uint64_t find_target(const struct code_entry *entry, bool is_call_enough)
{
	size_t at = code_entry_first(entry);

	for (int i = 0; i < CODE_ENTRY_STEPS && is_inside(entry, at); i++) {
		struct arm64_insn insn = insn_at(entry, at);

		if (insn.op == ARM64_JUMP || (insn.op == ARM64_CALL && is_call_enough))
			return insn.target;
		if (insn.op == ARM64_UNKNOWN || insn.op >= ARM64_JUMP)
			return 0;
		at += ARM64_INSN_BYTES;
	}
	return 0;
}

const struct code_entry_machine code_entry_arm64 = {
	.find_emulated = find_emulated,
	.null_jump_bytes = null_jump_bytes,
	.is_jump = is_jump,
	.find_target = find_target,
};
