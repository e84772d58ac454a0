/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See arm64_values.h. TLS descriptors: "ELF for the Arm 64-bit Architecture", 5.6: the code loads
 * the function that the descriptor begins with, gives it the descriptor's address in x0 and gets an
 * offset from the thread pointer there; no register changes but x0 and the link register.
 */
#include "arm64_values.h"

#include <string.h>

static const struct arm64_value other = { .kind = ARM64_VALUE_OTHER };

void arm64_values_forget(struct arm64_values *values)
{
	memset(values, 0, sizeof(*values));
	values->regs[ARM64_SP] = other;
}

uint64_t arm64_value_address(const struct arm64_value *value)
{
	return value->kind == ARM64_VALUE_ADDRESS ? value->base + (uint64_t)value->offset : 0;
}

bool arm64_value_is_address(const struct arm64_value *value, uint64_t vaddr)
{
	return value->kind == ARM64_VALUE_ADDRESS && arm64_value_address(value) == vaddr;
}

/* Offsets in what a compiler makes are small; a sum of many hostile ones may be anything. */
static struct arm64_value moved(struct arm64_value value, int64_t by)
{
	value.offset = (int64_t)((uint64_t)value.offset + (uint64_t)by);
	return value;
}

/* The thread pointer and what lies behind it, in whatever order. */
static struct arm64_value sum(const struct arm64_value *one, const struct arm64_value *two)
{
	bool is_first = one->kind == ARM64_VALUE_THREAD;
	const struct arm64_value *thread = is_first ? one : two, *behind = is_first ? two : one;
	struct arm64_value result = *behind;

	if (thread->kind != ARM64_VALUE_THREAD)
		return other;
	if (behind->kind == ARM64_VALUE_LOADED)
		result.kind = ARM64_VALUE_THREAD_LOADED;
	else if (behind->kind == ARM64_VALUE_DESCRIBED)
		result.kind = ARM64_VALUE_THREAD_DESCRIBED;
	else
		return other;
	return moved(result, thread->offset);
}

struct arm64_value arm64_values_place(const struct arm64_values *values,
				      const struct arm64_insn *insn)
{
	if (insn->op == ARM64_LOAD_LITERAL)
		return (struct arm64_value){ ARM64_VALUE_ADDRESS, insn->target, 0 };
	if (insn->op == ARM64_LOAD_INDEXED)
		return sum(&values->regs[insn->rn], &values->regs[insn->rm]);
	return moved(values->regs[insn->rn], insn->value);
}

static struct arm64_value loaded(const struct arm64_values *values, const struct arm64_insn *insn)
{
	struct arm64_value place = arm64_values_place(values, insn);
	uint64_t vaddr = arm64_value_address(&place);

	if (!vaddr || !insn->is_wide)
		return other;
	return (struct arm64_value){ ARM64_VALUE_LOADED, vaddr, 0 };
}

static struct arm64_value result_of(const struct arm64_values *values,
				    const struct arm64_insn *insn)
{
	switch (insn->op) {
	case ARM64_ADDRESS:
		return (struct arm64_value){ ARM64_VALUE_ADDRESS, insn->target, 0 };
	case ARM64_THREAD:
		return (struct arm64_value){ ARM64_VALUE_THREAD, 0, 0 };
	case ARM64_ADD:
		return moved(values->regs[insn->rn], insn->value);
	case ARM64_MOVE:
		return values->regs[insn->rn];
	case ARM64_ADD_REGISTER:
		return sum(&values->regs[insn->rn], &values->regs[insn->rm]);
	case ARM64_LOAD:
	case ARM64_LOAD_LITERAL:
		return loaded(values, insn);
	default:
		return other;
	}
}

/* The call of a descriptor's function with the descriptor. */
static bool is_described(const struct arm64_values *values, const struct arm64_insn *insn)
{
	const struct arm64_value *function = &values->regs[insn->rn];

	return insn->op == ARM64_CALL_REGISTER && function->kind == ARM64_VALUE_LOADED &&
	       !function->offset && arm64_value_is_address(&values->regs[0], function->base);
}

static void forget_written(struct arm64_values *values, uint32_t written)
{
	for (int reg = 0; reg < 32; reg++)
		if (written & ARM64_BIT(reg))
			values->regs[reg] = other;
}

void arm64_values_step(struct arm64_values *values, const struct arm64_insn *insn)
{
	struct arm64_value result = result_of(values, insn);

	if (is_described(values, insn)) {
		uint64_t descriptor = arm64_value_address(&values->regs[0]);

		values->regs[0] = (struct arm64_value){ ARM64_VALUE_DESCRIBED, descriptor, 0 };
		values->regs[ARM64_LR] = other;
		return;
	}
	forget_written(values, insn->written);
	if (insn->rd != ARM64_SP && insn->written & ARM64_BIT(insn->rd))
		values->regs[insn->rd] = result;
}
