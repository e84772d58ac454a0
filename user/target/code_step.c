/* SPDX-License-Identifier: BSD-2-Clause */
/* Single instructions; see code_step.h. Encodings: Intel SDM volume 2, chapter 2 and appendix A. */
#include "code_step.h"

#include "memory.h"

#define ANY 0xff
#define MAX_PREFIXES 3

enum written {
	WRITES_NOTHING,
	WRITES_RM, /* the register that ModRM.rm names, or memory */
	WRITES_REG,
	WRITES_OPCODE, /* the register in the opcode's last bits */
	WRITES_RAX,
	WRITES_RAX_RDX,
};

enum immediate {
	NO_IMMEDIATE,
	IMMEDIATE_8,
	IMMEDIATE_32, /* 16 with an operand size prefix */
	IMMEDIATE_64, /* the same, 64 with REX.W */
};

struct form {
	uint8_t opcode, mask; /* opcodes that are `opcode` under the mask */
	bool has_modrm;
	bool is_byte;	/* of 8-bit registers */
	uint8_t groups; /* which values of ModRM.reg, a bit each */
	uint8_t written, immediate;
};

#define ONE(n) (1U << (n))

/* The first that fits counts. */
static const struct form forms[] = {
	/* clang-format off */
	/* cmp */
	{ 0x38, 0xfd, true, true, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0x39, 0xfd, true, false, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0x3c, 0xff, false, true, ANY, WRITES_NOTHING, IMMEDIATE_8 },
	{ 0x3d, 0xff, false, false, ANY, WRITES_NOTHING, IMMEDIATE_32 },
	/* add, or, adc, sbb, and, sub, xor */
	{ 0x00, 0xc7, true, true, ANY, WRITES_RM, NO_IMMEDIATE },
	{ 0x01, 0xc7, true, false, ANY, WRITES_RM, NO_IMMEDIATE },
	{ 0x02, 0xc7, true, true, ANY, WRITES_REG, NO_IMMEDIATE },
	{ 0x03, 0xc7, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	{ 0x04, 0xc7, false, true, ANY, WRITES_RAX, IMMEDIATE_8 },
	{ 0x05, 0xc7, false, false, ANY, WRITES_RAX, IMMEDIATE_32 },
	/* movsxd */
	{ 0x63, 0xff, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	/* imul with three operands */
	{ 0x69, 0xff, true, false, ANY, WRITES_REG, IMMEDIATE_32 },
	{ 0x6b, 0xff, true, false, ANY, WRITES_REG, IMMEDIATE_8 },
	/* the same seven and cmp, with a constant */
	{ 0x80, 0xff, true, true, ONE(7), WRITES_NOTHING, IMMEDIATE_8 },
	{ 0x80, 0xff, true, true, ANY, WRITES_RM, IMMEDIATE_8 },
	{ 0x81, 0xff, true, false, ONE(7), WRITES_NOTHING, IMMEDIATE_32 },
	{ 0x81, 0xff, true, false, ANY, WRITES_RM, IMMEDIATE_32 },
	{ 0x83, 0xff, true, false, ONE(7), WRITES_NOTHING, IMMEDIATE_8 },
	{ 0x83, 0xff, true, false, ANY, WRITES_RM, IMMEDIATE_8 },
	/* test, mov, lea */
	{ 0x84, 0xff, true, true, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0x85, 0xff, true, false, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0x88, 0xff, true, true, ANY, WRITES_RM, NO_IMMEDIATE },
	{ 0x89, 0xff, true, false, ANY, WRITES_RM, NO_IMMEDIATE },
	{ 0x8a, 0xff, true, true, ANY, WRITES_REG, NO_IMMEDIATE },
	{ 0x8b, 0xff, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	{ 0x8d, 0xff, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	{ 0xa8, 0xff, false, true, ANY, WRITES_NOTHING, IMMEDIATE_8 },
	{ 0xa9, 0xff, false, false, ANY, WRITES_NOTHING, IMMEDIATE_32 },
	{ 0xb0, 0xf8, false, true, ANY, WRITES_OPCODE, IMMEDIATE_8 },
	{ 0xb8, 0xf8, false, false, ANY, WRITES_OPCODE, IMMEDIATE_64 },
	{ 0xc6, 0xff, true, true, ONE(0), WRITES_RM, IMMEDIATE_8 },
	{ 0xc7, 0xff, true, false, ONE(0), WRITES_RM, IMMEDIATE_32 },
	/* shifts */
	{ 0xc0, 0xff, true, true, ANY, WRITES_RM, IMMEDIATE_8 },
	{ 0xc1, 0xff, true, false, ANY, WRITES_RM, IMMEDIATE_8 },
	{ 0xd0, 0xfd, true, true, ANY, WRITES_RM, NO_IMMEDIATE },
	{ 0xd1, 0xfd, true, false, ANY, WRITES_RM, NO_IMMEDIATE },
	/* test; not, neg; mul and div */
	{ 0xf6, 0xff, true, true, ONE(0), WRITES_NOTHING, IMMEDIATE_8 },
	{ 0xf6, 0xff, true, true, ONE(2) | ONE(3), WRITES_RM, NO_IMMEDIATE },
	{ 0xf7, 0xff, true, false, ONE(0), WRITES_NOTHING, IMMEDIATE_32 },
	{ 0xf7, 0xff, true, false, ONE(2) | ONE(3), WRITES_RM, NO_IMMEDIATE },
	{ 0xf7, 0xff, true, false, ONE(4) | ONE(5) | ONE(6) | ONE(7), WRITES_RAX_RDX, NO_IMMEDIATE },
	/* inc, dec */
	{ 0xfe, 0xff, true, true, ONE(0) | ONE(1), WRITES_RM, NO_IMMEDIATE },
	{ 0xff, 0xff, true, false, ONE(0) | ONE(1), WRITES_RM, NO_IMMEDIATE },
	/* clang-format on */
};

/* Behind 0f. */
static const struct form long_forms[] = {
	/* clang-format off */
	/* nop; movups, movaps, xorps, pxor: registers of another kind, or memory */
	{ 0x1f, 0xff, true, false, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0x10, 0xfe, true, false, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0x28, 0xfe, true, false, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0x57, 0xff, true, false, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	{ 0xef, 0xff, true, false, ANY, WRITES_NOTHING, NO_IMMEDIATE },
	/* cmovcc, setcc, imul */
	{ 0x40, 0xf0, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	{ 0x90, 0xf0, true, true, ANY, WRITES_RM, NO_IMMEDIATE },
	{ 0xaf, 0xff, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	/* movzx, movsx: to a register that is wider than 8 bits; bsf, bsr */
	{ 0xb6, 0xf6, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	{ 0xbc, 0xfe, true, false, ANY, WRITES_REG, NO_IMMEDIATE },
	/* clang-format on */
};

/* An instruction while it is taken apart. */
struct decoding {
	const uint8_t *bytes;
	size_t size, at;
	uint8_t opcode, modrm, rex;
	bool has_16; /* operand size prefix */
	const struct form *form;
};

static bool take_byte(struct decoding *decoding, uint8_t *ret)
{
	if (decoding->at >= decoding->size)
		return false;
	*ret = decoding->bytes[decoding->at++];
	return true;
}

/* Operand size and %fs, then REX. */
static bool take_opcode(struct decoding *decoding)
{
	uint8_t byte;

	for (int i = 0; i <= MAX_PREFIXES; i++) {
		if (!take_byte(decoding, &byte))
			return false;
		if (byte == 0x66)
			decoding->has_16 = true;
		else if (byte != 0x64)
			break;
	}
	if ((byte & 0xf0) == 0x40) {
		decoding->rex = byte;
		if (!take_byte(decoding, &byte))
			return false;
	}
	decoding->opcode = byte;
	return true;
}

static const struct form *find_form(const struct form *table, size_t count, uint8_t opcode,
				    uint8_t modrm)
{
	for (size_t i = 0; i < count; i++) {
		if ((opcode & table[i].mask) != table[i].opcode)
			continue;
		if (!table[i].has_modrm || table[i].groups & ONE(modrm >> 3 & 7))
			return &table[i];
	}
	return NULL;
}

/* The form tells whether there is a ModRM byte, and its middle bits the form. */
static bool choose_form(struct decoding *decoding)
{
	bool is_long = decoding->opcode == 0x0f;
	uint8_t next;

	if (is_long && !take_byte(decoding, &decoding->opcode))
		return false;
	next = decoding->at < decoding->size ? decoding->bytes[decoding->at] : 0;
	decoding->form = is_long ? find_form(long_forms, ARRAY_SIZE(long_forms), decoding->opcode,
					     next)
				 : find_form(forms, ARRAY_SIZE(forms), decoding->opcode, next);
	if (!decoding->form)
		return false;
	return !decoding->form->has_modrm || take_byte(decoding, &decoding->modrm);
}

/* The bytes of an operand in memory behind ModRM. */
static bool skip_operand(struct decoding *decoding)
{
	uint8_t mod = decoding->modrm >> 6, base = decoding->modrm & 7;

	if (mod == 3)
		return true;
	if (base == 4) { /* SIB; its base 5 means the same as ModRM's */
		if (!take_byte(decoding, &base))
			return false;
		base &= 7;
	}
	if (mod == 1)
		decoding->at++;
	else if (mod == 2 || base == 5)
		decoding->at += 4;
	return true;
}

static void skip_immediate(struct decoding *decoding)
{
	if (decoding->form->immediate == IMMEDIATE_8)
		decoding->at++;
	else if (decoding->form->immediate == IMMEDIATE_64 && decoding->rex & 8)
		decoding->at += 8;
	else if (decoding->form->immediate != NO_IMMEDIATE)
		decoding->at += decoding->has_16 ? 2 : 4;
}

/* Without REX the last four of the 8-bit registers are the second bytes of the first four. */
static uint16_t bit_of(const struct decoding *decoding, uint8_t low, bool is_high)
{
	if (decoding->form->is_byte && !decoding->rex && low >= 4)
		low -= 4;
	return (uint16_t)ONE(low | (is_high ? 8 : 0));
}

static uint16_t find_written(const struct decoding *decoding)
{
	switch (decoding->form->written) {
	case WRITES_RM:
		if (decoding->modrm >> 6 != 3)
			return 0;
		return bit_of(decoding, decoding->modrm & 7, decoding->rex & 1);
	case WRITES_REG:
		return bit_of(decoding, decoding->modrm >> 3 & 7, decoding->rex & 4);
	case WRITES_OPCODE:
		return bit_of(decoding, decoding->opcode & 7, decoding->rex & 1);
	case WRITES_RAX:
		return ONE(CODE_RAX);
	case WRITES_RAX_RDX:
		return ONE(CODE_RAX) | ONE(CODE_RDX);
	default:
		return 0;
	}
}

bool code_step_decode(const uint8_t *bytes, size_t size, struct code_step *ret)
{
	struct decoding decoding = {
		.bytes = bytes,
		.size = size < CODE_STEP_BYTES ? size : CODE_STEP_BYTES,
	};

	if (!take_opcode(&decoding) || !choose_form(&decoding))
		return false;
	if (decoding.form->has_modrm && !skip_operand(&decoding))
		return false;
	skip_immediate(&decoding);
	if (decoding.at > decoding.size)
		return false;
	ret->bytes = (uint8_t)decoding.at;
	ret->written = find_written(&decoding);
	return true;
}
