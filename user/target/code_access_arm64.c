/* SPDX-License-Identifier: BSD-2-Clause */
/* Accesses in machine code of arm64; see code_access.h. */
#include "arm64_values.h"
#include "code_access.h"

struct finding {
	struct arm64_values values;
	struct code_access *accesses;
	size_t count, max;
	size_t position;
};

static void add(struct finding *finding, struct code_access access)
{
	if (finding->count == finding->max)
		return;
	access.position = (uint16_t)finding->position;
	finding->accesses[finding->count++] = access;
}

/* One register of a load or store, so many bytes behind the place. */
static void add_transfer(struct finding *finding, const struct arm64_insn *insn, uint8_t reg,
			 int64_t behind)
{
	struct arm64_value place = arm64_values_place(&finding->values, insn);
	uint64_t vaddr = arm64_value_address(&place);
	bool is_store = insn->op == ARM64_STORE || insn->op == ARM64_STORE_PAIR;

	add(finding, (struct code_access){
			     .address = vaddr ? vaddr + (uint64_t)behind : 0,
			     .displacement = (int32_t)(insn->value + behind),
			     .kind = is_store ? CODE_STORE : CODE_LOAD,
			     .reg = reg,
			     .base = vaddr ? CODE_NO_BASE : insn->rn,
			     .is_wide = insn->is_wide,
		     });
}

/* Of an address that is put together in two steps the first is there, too: adrp, then add. */
static void add_address(struct finding *finding, const struct arm64_insn *insn)
{
	uint64_t vaddr = arm64_value_address(&finding->values.regs[insn->rd]);

	if (vaddr)
		add(finding, (struct code_access){
				     .address = vaddr,
				     .kind = CODE_ADDRESS,
				     .reg = insn->rd,
				     .base = CODE_NO_BASE,
				     .is_wide = true,
			     });
}

static void look_at(struct finding *finding, const struct arm64_insn *insn)
{
	switch (insn->op) {
	case ARM64_LOAD_PAIR:
	case ARM64_STORE_PAIR:
		add_transfer(finding, insn, insn->rm, insn->bytes);
		add_transfer(finding, insn, insn->rd, 0);
		break;
	case ARM64_LOAD:
	case ARM64_LOAD_LITERAL:
	case ARM64_STORE:
		/* Of 4 or 8 bytes, as those of x86-64 that are looked at. */
		if (insn->bytes >= 4)
			add_transfer(finding, insn, insn->rd, 0);
		break;
	default:
		break;
	}
	arm64_values_step(&finding->values, insn);
	if (insn->op == ARM64_ADDRESS || insn->op == ARM64_ADD)
		add_address(finding, insn);
}

size_t code_access_find_arm64(const uint8_t *bytes, size_t size, uint64_t vaddr,
			      struct code_access *ret, size_t max)
{
	struct finding finding = { .accesses = ret, .max = max };

	arm64_values_forget(&finding.values);
	for (size_t at = 0; at + ARM64_INSN_BYTES <= size; at += ARM64_INSN_BYTES) {
		struct arm64_insn insn = arm64_insn_decode(arm64_insn_word(bytes + at), vaddr + at);

		finding.position = at;
		look_at(&finding, &insn);
	}
	return finding.count;
}
