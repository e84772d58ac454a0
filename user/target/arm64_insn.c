/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See arm64_insn.h. Encodings: Arm Architecture Reference Manual for A-profile (DDI 0487), C4.1.
 * What has no row here is not known: floating point, atomics, exclusive loads and stores, system
 * instructions.
 */
#include "arm64_insn.h"

#include <string.h>

#include "memory.h"

/* ---- Fields ---- */

static uint32_t bits(uint32_t word, unsigned int low, unsigned int count)
{
	return word >> low & ((1U << count) - 1);
}

static int64_t signed_bits(uint32_t word, unsigned int low, unsigned int count)
{
	return (int64_t)((uint64_t)bits(word, low, count) << (64 - count)) >> (64 - count);
}

/* A register that a result goes to; the zero register keeps none. */
static uint32_t result(uint8_t reg)
{
	return reg == ARM64_SP ? 0 : ARM64_BIT(reg);
}

uint32_t arm64_insn_word(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* ---- Groups ---- */

static void decode_address(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	bool is_page = word >> 31;
	int64_t distance = signed_bits(word, 5, 19) * 4 + bits(word, 29, 2);

	ret->target = is_page ? (vaddr & ~0xfffULL) + (uint64_t)distance * 4096
			      : vaddr + (uint64_t)distance;
	ret->written = result(ret->rd);
}

/* add, sub with a constant; without flags rd and rn may be the stack pointer. */
static void decode_add(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	bool has_flags = bits(word, 29, 1);
	int64_t value = bits(word, 10, 12);

	ret->value = bits(word, 22, 1) ? value << 12 : value;
	if (bits(word, 30, 1))
		ret->value = -ret->value;
	ret->written = has_flags ? result(ret->rd) : ARM64_BIT(ret->rd);
	if (has_flags || !ret->is_wide)
		ret->op = ARM64_PLAIN;
	else if (!ret->value && ret->rd != ARM64_SP && ret->rn != ARM64_SP)
		ret->op = ARM64_MOVE;
}

/* Constants: of and, orr, eor the result may go to the stack pointer. */
static void decode_logical(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->written = bits(word, 29, 2) == 3 ? result(ret->rd) : ARM64_BIT(ret->rd);
}

static void decode_result(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->written = result(ret->rd);
}

static void decode_nothing(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
}

/* orr rd, xzr, rm is how a register is moved. */
static void decode_orr(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->written = result(ret->rd);
	if (ret->rn != ARM64_SP || !ret->is_wide || bits(word, 10, 6) || bits(word, 22, 2))
		return;
	ret->op = ARM64_MOVE;
	ret->rn = ret->rm;
}

static void decode_add_register(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->written = result(ret->rd);
	if (ret->is_wide && !bits(word, 10, 6) && !bits(word, 22, 2) && !bits(word, 29, 2))
		ret->op = ARM64_ADD_REGISTER;
}

/* Extended: without flags the result may go to the stack pointer. */
static void decode_add_extended(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->written = bits(word, 29, 1) ? result(ret->rd) : ARM64_BIT(ret->rd);
}

/* ---- Loads and stores ---- */

/* Of a vector register no general one changes. */
static bool is_vector(uint32_t word)
{
	return bits(word, 26, 1);
}

/* size, V and opc: what it does, and with how many bytes. False: no load or store. */
static bool decode_transfer(uint32_t word, struct arm64_insn *ret)
{
	uint32_t size = bits(word, 30, 2), opc = bits(word, 22, 2);

	if (is_vector(word)) {
		ret->op = ARM64_PLAIN;
		return true;
	}
	if (size == 3 && opc >= 2) /* prfm changes nothing */
		return opc == 2;
	ret->op = opc ? ARM64_LOAD : ARM64_STORE;
	ret->bytes = (uint8_t)(1U << size);
	/* Loads that extend the sign are of no use to those who follow a value. */
	ret->is_wide = size == 3;
	if (opc)
		ret->written = result(ret->rd);
	return true;
}

static void update(struct arm64_insn *ret)
{
	ret->is_updating = true;
	ret->written |= ARM64_BIT(ret->rn);
}

static void decode_scaled(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->op = ARM64_PLAIN;
	if (!decode_transfer(word, ret))
		ret->op = ARM64_UNKNOWN;
	else if (ret->bytes)
		ret->value = (int64_t)bits(word, 10, 12) * ret->bytes;
}

/* Nine bits that are not scaled: alone, added behind (1) or before (3); 2 is for the kernel. */
static void decode_unscaled(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	uint32_t mode = bits(word, 10, 2);

	ret->op = ARM64_PLAIN;
	if (mode == 2 || !decode_transfer(word, ret)) {
		ret->op = ARM64_UNKNOWN;
		return;
	}
	ret->value = mode == 1 ? 0 : signed_bits(word, 12, 9);
	if (mode)
		update(ret);
}

static void decode_indexed(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	bool is_plain = bits(word, 12, 4) == 6; /* lsl #0 of 64 bits */

	ret->op = ARM64_PLAIN;
	if (!decode_transfer(word, ret))
		ret->op = ARM64_UNKNOWN;
	else if (ret->op == ARM64_LOAD && is_plain && ret->is_wide)
		ret->op = ARM64_LOAD_INDEXED;
	else
		ret->op = ARM64_PLAIN;
}

/* opc 1 is ldpsw, or stores tags, but for vectors. */
static void decode_pair(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	uint32_t opc = bits(word, 30, 2), mode = bits(word, 23, 2);
	bool is_load = bits(word, 22, 1);

	ret->rm = (uint8_t)bits(word, 10, 5);
	if (is_vector(word)) {
		ret->op = ARM64_PLAIN;
	} else if (opc & 1) {
		ret->op = is_load ? ARM64_PLAIN : ARM64_UNKNOWN;
		ret->written = result(ret->rd) | result(ret->rm);
	} else {
		ret->op = is_load ? ARM64_LOAD_PAIR : ARM64_STORE_PAIR;
		ret->is_wide = opc == 2;
		ret->bytes = ret->is_wide ? 8 : 4;
		ret->value = mode == 1 ? 0 : signed_bits(word, 15, 7) * ret->bytes;
		if (is_load)
			ret->written = result(ret->rd) | result(ret->rm);
	}
	if (mode & 1)
		update(ret);
}

static void decode_literal(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->target = vaddr + (uint64_t)(signed_bits(word, 5, 19) * 4);
	ret->written = result(ret->rd);
	ret->is_wide = bits(word, 30, 1);
	ret->bytes = ret->is_wide ? 8 : 4;
}

/* ---- Branches ---- */

static void decode_jump(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->target = vaddr + (uint64_t)(signed_bits(word, 0, 26) * 4);
	if (ret->op == ARM64_CALL)
		ret->written = ARM64_CALL_WRITES;
}

static void decode_jump_if(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->target = vaddr + (uint64_t)(signed_bits(word, 5, 19) * 4);
	ret->is_inverted = bits(word, 24, 1);
}

static void decode_jump_if_bit(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->target = vaddr + (uint64_t)(signed_bits(word, 5, 14) * 4);
	ret->is_inverted = bits(word, 24, 1);
}

static void decode_jump_register(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	if (ret->op == ARM64_CALL_REGISTER)
		ret->written = ARM64_CALL_WRITES;
}

/* paciasp and autiasp sign the return address and take that away again. */
static void decode_link(uint32_t word, uint64_t vaddr, struct arm64_insn *ret)
{
	ret->written = ARM64_BIT(ARM64_LR);
}

/* ---- Table ---- */

/* The first that fits counts. */
static const struct {
	uint32_t value, mask;
	enum arm64_op op;
	void (*decode)(uint32_t word, uint64_t vaddr, struct arm64_insn *ret);
} forms[] = {
	/* hints: nop; bti; paciasp, pacibsp, autiasp, autibsp */
	{ 0xd503201f, 0xffffffff, ARM64_NOP, decode_nothing },
	{ 0xd503241f, 0xffffff3f, ARM64_LANDING, decode_nothing },
	{ 0xd503233f, 0xffffff3f, ARM64_PLAIN, decode_link },
	{ 0xd53bd040, 0xffffffe0, ARM64_THREAD, decode_result },
	/* b, bl, b.cond, cbz, tbz, br, blr, ret */
	{ 0x14000000, 0xfc000000, ARM64_JUMP, decode_jump },
	{ 0x94000000, 0xfc000000, ARM64_CALL, decode_jump },
	{ 0x54000000, 0xff000010, ARM64_JUMP_IF, decode_jump_if },
	{ 0x34000000, 0x7e000000, ARM64_JUMP_IF_ZERO, decode_jump_if },
	{ 0x36000000, 0x7e000000, ARM64_JUMP_IF_BIT, decode_jump_if_bit },
	{ 0xd61f0000, 0xfffffc1f, ARM64_JUMP_REGISTER, decode_jump_register },
	{ 0xd63f0000, 0xfffffc1f, ARM64_CALL_REGISTER, decode_jump_register },
	{ 0xd65f0000, 0xfffffc1f, ARM64_RETURN, decode_jump_register },
	/* with a constant: adr, adrp; add, sub; and, orr, eor; movn, movz, movk; bitfields; extr */
	{ 0x10000000, 0x1f000000, ARM64_ADDRESS, decode_address },
	{ 0x11000000, 0x1f800000, ARM64_ADD, decode_add },
	{ 0x12000000, 0x1f800000, ARM64_PLAIN, decode_logical },
	{ 0x12800000, 0x1f800000, ARM64_PLAIN, decode_result },
	{ 0x13000000, 0x1f800000, ARM64_PLAIN, decode_result },
	{ 0x13800000, 0x7fa00000, ARM64_PLAIN, decode_result },
	/* of registers: orr; and, eor, bic; add, sub; adc, sbc */
	{ 0x2a000000, 0x7f200000, ARM64_PLAIN, decode_orr },
	{ 0x0a000000, 0x1f000000, ARM64_PLAIN, decode_result },
	{ 0x0b000000, 0x1f200000, ARM64_PLAIN, decode_add_register },
	{ 0x0b200000, 0x1fe00000, ARM64_PLAIN, decode_add_extended },
	{ 0x1a000000, 0x1fe0fc00, ARM64_PLAIN, decode_result },
	/* ccmp; csel and the like; of two sources, one, three */
	{ 0x1a400000, 0x1fe00410, ARM64_PLAIN, decode_nothing },
	{ 0x1a800000, 0x1fe00000, ARM64_PLAIN, decode_result },
	{ 0x1ac00000, 0x7fe0c000, ARM64_PLAIN, decode_result },
	{ 0x5ac00000, 0x7fffe000, ARM64_PLAIN, decode_result },
	{ 0x1b000000, 0x7f000000, ARM64_PLAIN, decode_result },
	/* ldr with a literal; pairs; a constant that is scaled, or not; another register */
	{ 0x18000000, 0xbf000000, ARM64_LOAD_LITERAL, decode_literal },
	{ 0x28000000, 0x3a000000, ARM64_PLAIN, decode_pair },
	{ 0x39000000, 0x3b000000, ARM64_PLAIN, decode_scaled },
	{ 0x38000000, 0x3b200000, ARM64_PLAIN, decode_unscaled },
	{ 0x38200800, 0x3b200c00, ARM64_PLAIN, decode_indexed },
};

struct arm64_insn arm64_insn_decode(uint32_t word, uint64_t vaddr)
{
	struct arm64_insn insn = {
		.op = ARM64_UNKNOWN,
		.rd = (uint8_t)bits(word, 0, 5),
		.rn = (uint8_t)bits(word, 5, 5),
		.rm = (uint8_t)bits(word, 16, 5),
		.is_wide = word >> 31,
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if ((word & forms[i].mask) != forms[i].value)
			continue;
		insn.op = forms[i].op;
		forms[i].decode(word, vaddr, &insn);
		break;
	}
	if (insn.op == ARM64_UNKNOWN)
		insn.written |= result(insn.rd);
	return insn;
}
