/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses in machine code of x86-64; see code_access.h. Encodings: Intel SDM volume 2, chapter 2.
 *
 * This is no disassembler: the bytes are searched for `mov` and `lea` with a memory operand, in the
 * encodings that GCC and Clang give them. A match may begin in the middle of an instruction.
 */
#include <string.h>

#include "code_access.h"

enum {
	OPCODE_STORE = 0x89,
	OPCODE_LOAD = 0x8b,
	OPCODE_ADDRESS = 0x8d, /* lea */
};

static int32_t read_i32(const uint8_t *bytes)
{
	int32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* The memory operand behind the opcode; returns the bytes it takes, 0 for a register operand. */
static size_t decode_operand(const uint8_t *bytes, uint8_t rex, struct code_access *access)
{
	uint8_t mod = bytes[0] >> 6, rm = bytes[0] & 7;
	size_t length = 1;

	if (mod == 3)
		return 0;
	access->reg = (bytes[0] >> 3 & 7) | (rex & 4) << 1;
	access->base = rm | (rex & 1) << 3;
	if (rm == 4) {
		/* An index of 4 means none; a SIB base of 5 without displacement means no base. */
		bool is_plain = (bytes[1] >> 3 & 7) == 4 && !(rex & 2) &&
				!(mod == 0 && (bytes[1] & 7) == 5);

		access->base = is_plain ? (bytes[1] & 7) | (rex & 1) << 3 : CODE_NO_BASE;
		length++;
	}
	if (mod == 0 && rm != 5)
		return length;
	access->displacement = mod == 1 ? (int8_t)bytes[length] : read_i32(bytes + length);
	if (mod == 0)
		access->base = CODE_NO_BASE;
	return length + (mod == 1 ? 1 : 4);
}

static bool find_kind(uint8_t opcode, uint8_t *ret)
{
	if (opcode != OPCODE_STORE && opcode != OPCODE_LOAD && opcode != OPCODE_ADDRESS)
		return false;
	*ret = opcode == OPCODE_STORE  ? CODE_STORE
	       : opcode == OPCODE_LOAD ? CODE_LOAD
				       : CODE_ADDRESS;
	return true;
}

/* Decodes what may be an access at an address. */
static bool decode_access(const uint8_t *bytes, uint64_t vaddr, struct code_access *ret)
{
	uint8_t rex = (bytes[0] & 0xf0) == 0x40 ? bytes[0] : 0;
	const uint8_t *opcode = bytes + (rex ? 1 : 0);
	size_t length;

	*ret = (struct code_access){ .is_wide = rex & 8 };
	if (!find_kind(*opcode, &ret->kind))
		return false;
	length = decode_operand(opcode + 1, rex, ret);
	if (!length)
		return false;
	length += (size_t)(opcode + 1 - bytes);
	if ((opcode[1] & 0xc7) == 5)
		ret->address = vaddr + length + (uint64_t)(int64_t)ret->displacement;
	return true;
}

size_t code_access_find_x86(const uint8_t *bytes, size_t size, uint64_t vaddr,
			    struct code_access *ret, size_t max)
{
	size_t count = 0;

	/* At every byte: what looks like a REX prefix may be the end of the instruction before. */
	for (size_t i = 0; i < size && count < max; i++) {
		if (!decode_access(bytes + i, vaddr + i, &ret[count]))
			continue;
		ret[count++].position = (uint16_t)i;
	}
	return count;
}
