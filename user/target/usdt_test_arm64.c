/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of a semaphore in machine code of arm64; see usdt_test.h. The semaphore is in another
 * object file than the code, so that its address is put together at each test, in a program
 *	adrp x0, PAGE; ldrh w0, [x0, #LOW]; cbnz w0, ...
 * and in a shared library, which may be given another one, by way of the global offset table:
 *	adrp x0, PAGE; ldr x0, [x0, #LOW]; ldrh w0, [x0]; cbnz w0, ...
 * with other instructions in between. Beside the nop of a probe its address is put together, too,
 * for nothing: it is an operand of the macro's assembly. What a register holds is followed for some
 * instructions from before each load with that LOW.
 */
#include <string.h>

#include "arm64_values.h"
#include "memory.h"
#include "usdt_found.h"

#define PIECE_BYTES (256UL << 10)
#define WINDOW_INSNS 128 /* before a load */
#define AHEAD_INSNS 24	 /* behind it, up to the jump. Seen: 8 */
#define WINDOW_BYTES (WINDOW_INSNS * ARM64_INSN_BYTES)
/* From a load of the address by the semaphore's to the jump. */
#define AHEAD_BYTES (2 * AHEAD_INSNS * ARM64_INSN_BYTES)
#define MAX_SLOTS 4

#define PAGE_MASK 0xfffULL
#define LOAD_MASK 0xffc00000U
#define LOAD_HALF 0x79400000U /* ldrh w, [x, #] */
#define LOAD_WIDE 0xf9400000U /* ldr x, [x, #] */
#define ADD_WIDE 0x91000000U  /* add x, x, # */

struct search {
	struct elf_file *file;
	uint64_t semaphore;
	uint64_t slots[MAX_SLOTS]; /* of the global offset table, that hold its address */
	size_t nr_slots;
	struct usdt_found *found;
	/* A piece of the text. */
	uint64_t vaddr;
	size_t size;
	uint8_t *bytes;
};

static struct arm64_insn insn_at(const struct search *search, size_t at)
{
	return arm64_insn_decode(arm64_insn_word(search->bytes + at), search->vaddr + at);
}

/* Behind these comes what was jumped to. */
static bool is_end(const struct arm64_insn *insn)
{
	return insn->op == ARM64_JUMP || insn->op == ARM64_JUMP_REGISTER ||
	       insn->op == ARM64_RETURN;
}

/* What is known of registers at a position. */
static void follow_to(const struct search *search, size_t position, struct arm64_values *ret)
{
	size_t at = position > WINDOW_BYTES ? position - WINDOW_BYTES : 0;

	arm64_values_forget(ret);
	for (; at < position; at += ARM64_INSN_BYTES) {
		struct arm64_insn insn = insn_at(search, at);

		if (is_end(&insn))
			arm64_values_forget(ret);
		else
			arm64_values_step(ret, &insn);
	}
}

static bool goes_on(const struct arm64_insn *insn)
{
	return insn->op != ARM64_UNKNOWN && insn->op < ARM64_JUMP;
}

/* The jump behind a load of the semaphore into a register. */
static void find_jump(struct search *search, size_t position, uint8_t reg)
{
	for (int i = 0; i < AHEAD_INSNS && position + ARM64_INSN_BYTES <= search->size; i++) {
		struct arm64_insn insn = insn_at(search, position);

		if (insn.op == ARM64_JUMP_IF_ZERO && insn.rd == reg && !insn.is_wide) {
			usdt_found_add(search->found, search->vaddr + position);
			return;
		}
		if (!goes_on(&insn) || insn.written & ARM64_BIT(reg))
			break;
		position += ARM64_INSN_BYTES;
	}
	search->found->is_other = true;
}

static bool loads_by(const struct arm64_insn *insn, uint8_t reg)
{
	return insn->op == ARM64_LOAD && insn->bytes == sizeof(uint16_t) && insn->rn == reg &&
	       !insn->value && !insn->is_updating;
}

/* A difference of addresses: the compiler's start files compare the end of the initialized data
 * with itself (deregister_tm_clones), which may be where the semaphores begin. */
static bool subtracts(const struct search *search, size_t position, uint8_t reg)
{
	uint32_t word = arm64_insn_word(search->bytes + position);
	struct arm64_insn insn = insn_at(search, position);

	return (word & 0xdf200000U) == 0xcb000000U && (insn.rn == reg || insn.rm == reg);
}

/* The load of the semaphore behind where a register has got its address. */
static void find_load(struct search *search, size_t position, uint8_t reg)
{
	for (int i = 0; i < AHEAD_INSNS && position + ARM64_INSN_BYTES <= search->size; i++) {
		struct arm64_insn insn = insn_at(search, position);

		position += ARM64_INSN_BYTES;
		if (loads_by(&insn, reg)) {
			find_jump(search, position, insn.rd);
			return;
		}
		if (insn.op == ARM64_NOP || subtracts(search, position - ARM64_INSN_BYTES, reg))
			return;
		if (!goes_on(&insn) || insn.written & ARM64_BIT(reg))
			break;
	}
	search->found->is_other = true;
}

/* Where an instruction loads from, as far as what is before it tells. */
static struct arm64_value place_of(struct search *search, size_t position,
				   const struct arm64_insn *insn)
{
	struct arm64_values values;

	follow_to(search, position, &values);
	return arm64_values_place(&values, insn);
}

/* A load with the semaphore's LOW. From where a register is not known it may be any page's. */
static void look_at_half(struct search *search, size_t position)
{
	struct arm64_insn insn = insn_at(search, position);
	struct arm64_value place = place_of(search, position, &insn);

	if (arm64_value_is_address(&place, search->semaphore))
		find_jump(search, position + ARM64_INSN_BYTES, insn.rd);
	else if (place.kind == ARM64_VALUE_UNKNOWN)
		search->found->is_other = true;
}

static bool is_slot(const struct search *search, const struct arm64_value *place)
{
	for (size_t i = 0; i < search->nr_slots; i++)
		if (arm64_value_is_address(place, search->slots[i]))
			return true;
	return false;
}

/* A load of 8 bytes with the LOW of one of the slots. */
static void look_at_wide(struct search *search, size_t position)
{
	struct arm64_insn insn = insn_at(search, position);
	struct arm64_value place = place_of(search, position, &insn);

	if (is_slot(search, &place))
		find_load(search, position + ARM64_INSN_BYTES, insn.rd);
}

static void look_at_add(struct search *search, size_t position)
{
	struct arm64_insn insn = insn_at(search, position);
	struct arm64_values values;

	follow_to(search, position, &values);
	arm64_values_step(&values, &insn);
	if (arm64_value_is_address(&values.regs[insn.rd], search->semaphore))
		find_load(search, position + ARM64_INSN_BYTES, insn.rd);
}

static bool is_slots_low(const struct search *search, uint64_t low)
{
	for (size_t i = 0; i < search->nr_slots; i++)
		if ((search->slots[i] & PAGE_MASK) == low)
			return true;
	return false;
}

static void look_at(struct search *search, size_t position)
{
	uint32_t word = arm64_insn_word(search->bytes + position);
	uint64_t constant = word >> 10 & 0xfff, low = search->semaphore & PAGE_MASK;

	if ((word & LOAD_MASK) == LOAD_HALF && constant * 2 == low)
		look_at_half(search, position);
	else if ((word & LOAD_MASK) == LOAD_WIDE && is_slots_low(search, constant * 8))
		look_at_wide(search, position);
	else if ((word & LOAD_MASK) == ADD_WIDE && constant == low)
		look_at_add(search, position);
}

/* ---- Slots ---- */

static void add_slot(struct search *search, uint64_t at)
{
	if (is_slot(search, &(struct arm64_value){ ARM64_VALUE_ADDRESS, at, 0 }))
		return;
	if (search->nr_slots == MAX_SLOTS)
		search->found->is_other = true;
	else
		search->slots[search->nr_slots++] = at;
}

static bool notice_relative(uint64_t at, uint64_t value, void *context)
{
	struct search *search = context;

	if (value == search->semaphore)
		add_slot(search, at);
	return true;
}

/* Words that have the address already: of programs that are not moved, and those of DT_RELR. */
static int find_words(struct search *search, const struct elf_segment *segment)
{
	for (uint64_t at = 0; at + sizeof(uint64_t) <= segment->file_bytes; at += PIECE_BYTES) {
		uint64_t left = segment->file_bytes - at, word;
		size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		int err = elf_file_read(search->file, segment->vaddr + at, search->bytes, size);

		if (err)
			return err;
		for (size_t i = -segment->vaddr % sizeof(word); i + sizeof(word) <= size;
		     i += sizeof(word)) {
			memcpy(&word, search->bytes + i, sizeof(word));
			if (word == search->semaphore)
				add_slot(search, segment->vaddr + at + i);
		}
	}
	return 0;
}

static int find_slots(struct search *search)
{
	uint64_t bound = elf_file_bound_slot(search->file, search->semaphore);
	const struct elf_segment *segment;
	int err = 0;

	if (bound)
		add_slot(search, bound);
	elf_file_visit_relative(search->file, notice_relative, search);
	for (size_t i = 0; !err && (segment = elf_file_segment_at(search->file, i)); i++) {
		if (!segment->is_writable)
			continue;
		err = elf_file_charge(search->file, segment->file_bytes);
		if (!err)
			err = find_words(search, segment);
	}
	return err;
}

/* ---- Text ---- */

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* Where code is, of an executable segment that mostly holds constants, too. */
static void find_code(struct search *search, uint64_t *ret_begin, uint64_t *ret_end)
{
	const struct elf_segment *segment = elf_file_text(search->file);
	uint64_t end = segment->vaddr + segment->file_bytes, vaddr, bytes;

	*ret_begin = segment->vaddr;
	*ret_end = end;
	if (elf_file_section_range(search->file, ".text", &vaddr, &bytes) &&
	    vaddr >= segment->vaddr && vaddr <= end && bytes <= end - vaddr) {
		*ret_begin = vaddr;
		*ret_end = vaddr + bytes;
	}
	*ret_begin = (*ret_begin + ARM64_INSN_BYTES - 1) & ~(uint64_t)(ARM64_INSN_BYTES - 1);
}

/* Pieces overlap by what is looked at around a load. */
static int search_piece(struct search *search, uint64_t begin, uint64_t at, uint64_t end)
{
	uint64_t stop = earlier(at + PIECE_BYTES, end);
	int err;

	search->vaddr = at - earlier(at - begin, WINDOW_BYTES);
	search->size = (size_t)(earlier(stop + AHEAD_BYTES, end) - search->vaddr);
	err = elf_file_read(search->file, search->vaddr, search->bytes, search->size);
	for (; !err && at + ARM64_INSN_BYTES <= stop; at += ARM64_INSN_BYTES)
		look_at(search, (size_t)(at - search->vaddr));
	return err;
}

int usdt_found_by_arm64(struct elf_file *file, uint64_t semaphore, struct usdt_found *found)
{
	_cleanup_(freep) uint8_t *bytes = xmalloc(WINDOW_BYTES + PIECE_BYTES + AHEAD_BYTES);
	struct search search = {
		.file = file, .semaphore = semaphore, .found = found, .bytes = bytes
	};
	uint64_t begin, end;
	int err = find_slots(&search);

	find_code(&search, &begin, &end);
	for (uint64_t at = begin; !err && at < end; at += PIECE_BYTES)
		err = search_piece(&search, begin, at, end);
	return err;
}
