/* SPDX-License-Identifier: BSD-2-Clause */
/* See cfi_bytes.h. */
#include "cfi_bytes.h"

#define MAX_LEB_BYTES 10 /* of 64 bits */

/* DW_EH_PE_*: how a number lies there, and what it is relative to. */
enum {
	FORMAT_WORD = 0x00,
	FORMAT_ULEB = 0x01,
	FORMAT_U16 = 0x02,
	FORMAT_U32 = 0x03,
	FORMAT_U64 = 0x04,
	FORMAT_SLEB = 0x09,
	FORMAT_S16 = 0x0a,
	FORMAT_S32 = 0x0b,
	FORMAT_S64 = 0x0c,
};
#define FORMAT_BITS 0x0f
#define TO_NOTHING 0x00
#define TO_ITSELF 0x10 /* DW_EH_PE_pcrel */

static void fail(struct cfi_bytes *from)
{
	from->at = from->end;
	from->is_bad = true;
}

uint64_t cfi_fixed(struct cfi_bytes *from, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(from->end - from->at) < size) {
		fail(from);
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)from->at[i] << 8 * i;
	from->at += size;
	return value;
}

/* The groups of seven bits, the lowest first. *ret_bits: how many were there. */
static uint64_t read_leb(struct cfi_bytes *from, bool is_signed, unsigned int *ret_bits)
{
	uint64_t value = 0;
	unsigned int bits = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)cfi_fixed(from, 1);
		if (bits < 63)
			value |= (uint64_t)(byte & 0x7f) << bits;
		else
			value |= (uint64_t)(byte & 1) << 63;
		bits += 7;
	} while (byte & 0x80 && bits < 7 * MAX_LEB_BYTES);
	/* The tenth has one bit that counts; of a negative number the others repeat it. */
	if (byte & 0x80 || (bits == 7 * MAX_LEB_BYTES && byte > 1 && !(is_signed && byte == 0x7f)))
		fail(from);
	*ret_bits = bits;
	return from->is_bad ? 0 : value;
}

uint64_t cfi_unsigned(struct cfi_bytes *from)
{
	unsigned int bits;

	return read_leb(from, false, &bits);
}

int64_t cfi_signed(struct cfi_bytes *from)
{
	unsigned int bits;
	uint64_t value = read_leb(from, true, &bits);

	if (bits < 64 && value >> (bits - 1) & 1)
		value |= ~0ULL << bits;
	return (int64_t)value;
}

struct cfi_bytes cfi_block(struct cfi_bytes *from, uint64_t size)
{
	struct cfi_bytes block = { from->at, from->at, from->is_bad };

	if ((uint64_t)(from->end - from->at) < size) {
		fail(from);
		fail(&block);
		return block;
	}
	from->at += size;
	block.end = from->at;
	return block;
}

bool cfi_number(struct cfi_bytes *from, uint8_t encoding, uint64_t *ret)
{
	switch (encoding & FORMAT_BITS) {
	case FORMAT_WORD:
	case FORMAT_U64:
	case FORMAT_S64:
		*ret = cfi_fixed(from, 8);
		break;
	case FORMAT_ULEB:
		*ret = cfi_unsigned(from);
		break;
	case FORMAT_SLEB:
		*ret = (uint64_t)cfi_signed(from);
		break;
	case FORMAT_U16:
		*ret = cfi_fixed(from, 2);
		break;
	case FORMAT_U32:
		*ret = cfi_fixed(from, 4);
		break;
	case FORMAT_S16:
		*ret = (uint64_t)(int16_t)cfi_fixed(from, 2);
		break;
	case FORMAT_S32:
		*ret = (uint64_t)(int32_t)cfi_fixed(from, 4);
		break;
	default:
		return false;
	}
	return !from->is_bad;
}

bool cfi_address(struct cfi_bytes *from, uint8_t encoding, uint64_t vaddr, uint64_t *ret)
{
	unsigned int relative = encoding & (uint8_t)~FORMAT_BITS;

	if ((relative != TO_NOTHING && relative != TO_ITSELF) || !cfi_number(from, encoding, ret))
		return false;
	if (relative == TO_ITSELF)
		*ret += vaddr;
	return true;
}
