/* SPDX-License-Identifier: BSD-2-Clause */
/* See code_entry.h. */
#include "code_entry.h"

#include <elf.h>
#include <errno.h>

#include "code_branch.h"
#include "code_entry_machine.h"

static const struct code_entry_machine *machine_of(const struct code_entry *entry)
{
	return entry->machine == EM_AARCH64 ? &code_entry_arm64 : &code_entry_x86;
}

int code_entry_read(const struct elf_file *file, uint64_t vaddr, struct code_entry *ret)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	uint64_t skip = segment ? vaddr - segment->vaddr : 0;

	if (!segment || !segment->is_executable || skip >= segment->file_bytes ||
	    !probe_insn_is_aligned(elf_file_machine(file), vaddr))
		return -ENOENT;
	ret->vaddr = vaddr;
	ret->offset = segment->offset + skip;
	ret->machine = elf_file_machine(file);
	ret->size = sizeof(ret->bytes);
	if (segment->file_bytes - skip < ret->size)
		ret->size = (size_t)(segment->file_bytes - skip);
	return elf_file_read(file, vaddr, ret->bytes, ret->size);
}

bool code_entry_find_emulated(const struct code_entry *entry, size_t from, uint32_t needs,
			      struct code_place *ret)
{
	return machine_of(entry)->find_emulated(entry, from, needs, ret);
}

void code_entry_pass_null(const struct code_entry *entry, uint32_t needs, struct code_place *place)
{
	size_t jump = place->at < entry->size ? machine_of(entry)->null_jump_bytes(entry, place)
					      : 0;

	if (jump)
		code_entry_find_emulated(entry, place->at + jump, needs, place);
}

bool code_entry_can_be_probed(const struct code_entry *entry)
{
	return probe_insn_classify(entry->machine, entry->bytes, entry->size) != PROBE_INSN_REFUSED;
}

bool code_entry_find_place(const struct code_entry *entry, uint32_t needs, struct code_place *ret)
{
	if (code_entry_find_emulated(entry, code_entry_first(entry), needs, ret))
		return true;
	*ret = (struct code_place){ 0 };
	return entry->machine == EM_AARCH64 && code_entry_can_be_probed(entry);
}

bool code_entry_is_jump(const struct code_entry *entry)
{
	size_t first = code_entry_first(entry);

	return first < entry->size && machine_of(entry)->is_jump(entry, first);
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
	uint64_t target = machine_of(entry)->find_target(entry, is_call_enough);

	return target ? pass_stub(file, target) : 0;
}
