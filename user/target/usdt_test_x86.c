/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of a semaphore in machine code of x86-64; see usdt_test.h. Encodings: Intel SDM volume 2.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "usdt_found.h"

#define COMPARE_BYTES 8	  /* 66 83 3d, displacement, 00: cmpw $0, displacement(%rip) */
#define DISPLACEMENT_AT 3 /* in the comparison */
#define MOVES_BETWEEN 4	  /* that the compiler puts between the comparison and its jump */
#define MOVE_BYTES_MAX 8  /* REX, opcode, ModRM, SIB, displacement */

/* Text is read a piece at a time, each with what is looked at around a displacement. */
#define PIECE_BYTES (256UL << 10)
#define BEHIND_BYTES 8
#define AHEAD_BYTES 64
_Static_assert(BEHIND_BYTES >= DISPLACEMENT_AT &&
		       AHEAD_BYTES >= COMPARE_BYTES + (MOVES_BETWEEN + 1) * MOVE_BYTES_MAX,
	       "what is looked at");

/* So many bytes are looked at in one go, and a displacement is at most so much less than that of an
 * instruction that ends with it. */
#define LANES 16
#define FURTHEST 4
typedef uint8_t lanes __attribute__((vector_size(LANES)));

/* A piece. */
struct text {
	uint64_t vaddr;
	size_t size;
	uint8_t *bytes; /* MOVE_BYTES_MAX zeros behind them */
};

/* The length of a mov or lea that reads or writes memory or registers, which leaves the flags of
 * the comparison alone; 0: something else. */
static size_t move_length(const uint8_t *bytes)
{
	size_t length = (bytes[0] & 0xf0) == 0x40 ? 1 : 0;
	uint8_t opcode = bytes[length++], mod, rm;

	if (opcode != 0x89 && opcode != 0x8b && opcode != 0x8d)
		return 0;
	mod = bytes[length] >> 6;
	rm = bytes[length++] & 7;
	if (mod == 3)
		return length;
	if (rm == 4)
		rm = bytes[length++] & 7; /* SIB; its base 5 means the same as ModRM's */
	if (mod == 1)
		return length + 1;
	return length + (mod == 2 || rm == 5 ? 4 : 0);
}

static bool is_conditional_jump(const uint8_t *bytes)
{
	return (bytes[0] & 0xf0) == 0x70 || (bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80);
}

/* The position of the jump behind a comparison, 0: there is none. */
static size_t find_jump(const struct text *text, size_t position)
{
	for (int moves = 0; moves <= MOVES_BETWEEN && position < text->size; moves++) {
		size_t length;

		if (is_conditional_jump(text->bytes + position))
			return position;
		length = move_length(text->bytes + position);
		if (!length)
			return 0;
		position += length;
	}
	return 0;
}

/* Whether a displacement is that of a comparison with 0. */
static bool is_compare(const struct text *text, size_t position)
{
	static const uint8_t compare[DISPLACEMENT_AT] = { 0x66, 0x83, 0x3d };

	return position >= DISPLACEMENT_AT && !text->bytes[position + sizeof(int32_t)] &&
	       !memcmp(text->bytes + position - DISPLACEMENT_AT, compare, sizeof(compare));
}

/* What a displacement at a position that leads to the semaphore belongs to. */
static void note_reference(const struct text *text, size_t position, struct usdt_found *found)
{
	size_t jump;

	if (!is_compare(text, position)) {
		found->is_other = true;
		return;
	}
	jump = find_jump(text, position - DISPLACEMENT_AT + COMPARE_BYTES);
	if (!jump)
		found->is_other = true;
	else
		usdt_found_add(found, text->vaddr + jump);
}

/* A displacement counts from the end of its instruction; behind it an immediate value of 0, 1, 2 or
 * 4 bytes may come. (3 is a comparison of the semaphore beside this one, 2 bytes lower.) */
static void look_at(const struct text *text, size_t position, uint32_t wanted,
		    struct usdt_found *found)
{
	uint32_t displacement;

	memcpy(&displacement, text->bytes + position, sizeof(displacement));
	displacement = wanted - (displacement + (uint32_t)position);
	if (displacement == 1)
		note_reference(text, position, found);
	else if (displacement <= FURTHEST && displacement != 3)
		found->is_other = true;
}

static lanes load(const uint8_t *bytes)
{
	lanes loaded;

	memcpy(&loaded, bytes, sizeof(loaded));
	return loaded;
}

/* Which of the positions that follow have this byte at the place of byte `index` of the
 * displacement for either `highest` or `lowest`. */
static lanes has_byte(const uint8_t *bytes, int index, uint32_t highest, uint32_t lowest)
{
	lanes there = load(bytes + index);
	uint8_t high = highest >> 8 * index, low = lowest >> 8 * index;

	return (lanes)((there == high) | (there == low));
}

/* False for most: that none of LANES positions has one of the displacements looked for, whose upper
 * bytes differ little. A megabyte takes 0.3 ms instead of 1.2. */
static bool may_lead(const struct text *text, size_t position, uint32_t wanted)
{
	uint32_t highest = wanted - (uint32_t)position, lowest = highest - LANES - FURTHEST;
	const uint8_t *bytes = text->bytes + position;
	union {
		lanes lanes;
		uint64_t words[LANES / sizeof(uint64_t)];
	} both = { has_byte(bytes, 2, highest, lowest) & has_byte(bytes, 3, highest, lowest) };

	return both.words[0] | both.words[1];
}

static void find_references(const struct text *text, size_t begin, size_t end, uint64_t target,
			    struct usdt_found *found)
{
	uint32_t wanted = (uint32_t)(target - text->vaddr - sizeof(int32_t));
	size_t last = text->size < sizeof(uint32_t) ? 0 : text->size - sizeof(uint32_t) + 1;

	if (end > last)
		end = last;
	for (size_t i = begin; i < end;) {
		size_t stop = i + LANES < end ? i + LANES : end;

		if (stop < i + LANES || may_lead(text, i, wanted)) {
			for (size_t position = i; position < stop; position++)
				look_at(text, position, wanted, found);
		}
		i = stop;
	}
}

int usdt_found_by_x86(struct elf_file *file, uint64_t target, struct usdt_found *found)
{
	const struct elf_segment *segment = elf_file_text(file);
	_cleanup_(freep)
		uint8_t *bytes = xmalloc(BEHIND_BYTES + PIECE_BYTES + AHEAD_BYTES + MOVE_BYTES_MAX);

	for (uint64_t at = 0; at < segment->file_bytes; at += PIECE_BYTES) {
		uint64_t begin = at ? at - BEHIND_BYTES : 0, end = at + PIECE_BYTES + AHEAD_BYTES;
		struct text text = { .vaddr = segment->vaddr + begin, .bytes = bytes };
		int err;

		if (end > segment->file_bytes)
			end = segment->file_bytes;
		text.size = end - begin;
		memset(bytes + text.size, 0, MOVE_BYTES_MAX);
		err = elf_file_read(file, text.vaddr, bytes, text.size);
		if (err)
			return err;
		find_references(&text, at - begin, at - begin + PIECE_BYTES, target, found);
	}
	return 0;
}
