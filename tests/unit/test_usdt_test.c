/* SPDX-License-Identifier: BSD-2-Clause */
/* usdt_test.h on text that is made here: whatever is referred to is found at every position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "arm64_words.h"
#include "memory.h"
#include "usdt_test.h"

#define PIECE_BYTES (256UL << 10) /* as usdt_test.c reads */
#define TEXT_BYTES (2 * PIECE_BYTES + 100)
#define TEXT_VADDR 0x401000
#define SEMAPHORE 0x1441000 /* so that at one border all bytes of a displacement change */

static uint8_t *text;
static uint16_t machine = EM_X86_64;
static uint64_t slot; /* of the global offset table, that is relocated to the semaphore; 0: none */
static const struct elf_segment segment = {
	.vaddr = TEXT_VADDR,
	.file_bytes = TEXT_BYTES,
	.is_executable = true,
};

/* Instead of elf_segments.c's, elf_tables.c's and elf_state.c's. */
uint16_t elf_file_machine(const struct elf_file *file)
{
	return machine;
}

const struct elf_segment *elf_file_segment_at(const struct elf_file *file, size_t index)
{
	return index ? NULL : &segment;
}

bool elf_file_section_range(struct elf_file *file, const char *name, uint64_t *ret_vaddr,
			    uint64_t *ret_bytes)
{
	return false;
}

uint64_t elf_file_bound_slot(struct elf_file *file, uint64_t vaddr)
{
	return 0;
}

void elf_file_visit_relative(struct elf_file *file,
			     bool (*visit)(uint64_t at, uint64_t value, void *context),
			     void *context)
{
	if (visit(0x1440f60, 0x1441002, context) && slot)
		visit(slot, SEMAPHORE + 0xb38, context);
}

const struct elf_segment *elf_file_text(const struct elf_file *file)
{
	return &segment;
}

int elf_file_charge(struct elf_file *file, uint64_t bytes)
{
	return 0;
}

int elf_file_read(const struct elf_file *file, uint64_t vaddr, void *ret, size_t size)
{
	assert_in_range(vaddr, TEXT_VADDR, TEXT_VADDR + TEXT_BYTES);
	assert_true(size <= TEXT_VADDR + TEXT_BYTES - vaddr);
	memcpy(ret, text + (vaddr - TEXT_VADDR), size);
	return 0;
}

/* A displacement at a position, of an instruction that ends so many bytes behind it. */
static void put_displacement(size_t position, uint32_t behind)
{
	uint32_t displacement = SEMAPHORE - (TEXT_VADDR + (uint32_t)position + 4 + behind);

	memcpy(text + position, &displacement, sizeof(displacement));
}

/* cmpw $0, semaphore; je */
static void put_test(size_t position)
{
	memcpy(text + position, "\x66\x83\x3d", 3);
	put_displacement(position + 3, 1);
	memcpy(text + position + 7, "\x00\x74\x10", 3);
}

static void erase(size_t position)
{
	memset(text + position, 0x90, position + 10 < TEXT_BYTES ? 10 : TEXT_BYTES - position);
}

static void check_test_at(size_t position)
{
	uint64_t found[2] = { 0 };

	put_test(position);
	assert_int_equal(usdt_test_find(NULL, SEMAPHORE, found, 2), 1);
	assert_int_equal(found[0], TEXT_VADDR + position + 8);
	erase(position);
}

/* Beside a test that is found, so that -ENOENT is the reference's. */
static void check_reference_at(size_t position, uint32_t behind, int expected)
{
	uint64_t found[2];

	put_displacement(position, behind);
	assert_int_equal(usdt_test_find(NULL, SEMAPHORE, found, 2), expected);
	erase(position);
}

static const size_t borders[] = { 64, PIECE_BYTES, 2 * PIECE_BYTES };

static void test_every_position(void **state)
{
	for (size_t border = 0; border < ARRAY_SIZE(borders); border++) {
		for (size_t position = borders[border] - 64; position < borders[border] + 40;
		     position++)
			check_test_at(position);
	}
	check_test_at(TEXT_BYTES - 10);
}

static void test_other_references(void **state)
{
	put_test(1000);
	for (size_t border = 0; border < ARRAY_SIZE(borders); border++) {
		for (size_t position = borders[border] - 40; position < borders[border] + 40;
		     position++) {
			for (uint32_t behind = 0; behind <= 4; behind++)
				check_reference_at(position, behind, behind == 3 ? 1 : -ENOENT);
			check_reference_at(position, 5, 1);
			check_reference_at(position, UINT32_MAX, 1);
		}
	}
	check_reference_at(TEXT_BYTES - 4, 0, -ENOENT);
	erase(1000);
}

/* ---- arm64 ---- */

#define ARM64_SEMAPHORE (SEMAPHORE + 0xb38)
#define NO_WORD WORD_MOVE(9, 10)

static void put_words(size_t position, const uint32_t *words, size_t count)
{
	memcpy(text + position, words, count * sizeof(*words));
}

static void erase_words(void)
{
	static const uint32_t plain = NO_WORD;

	for (size_t at = 0; at + sizeof(plain) <= TEXT_BYTES; at += sizeof(plain))
		put_words(at, &plain, 1);
}

/* How many tests are found, the first of which jumps from so many bytes behind the position. */
static void check_words(size_t position, const uint32_t *words, size_t count, int expected,
			size_t jump)
{
	uint64_t found[4] = { 0 };

	put_words(position, words, count);
	assert_int_equal(usdt_test_find(NULL, ARM64_SEMAPHORE, found, 4), expected);
	if (expected > 0)
		assert_true(found[0] == TEXT_VADDR + position + jump);
}

#define CHECK(position, expected, jump, ...)                       \
	check_words((position), (const uint32_t[]){ __VA_ARGS__ }, \
		    sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4, (expected), (jump))
#define PAGE(reg, position) word_adrp((reg), TEXT_VADDR + (position), ARM64_SEMAPHORE)
#define LOW low_of(ARM64_SEMAPHORE)

static void test_arm64_program(void **state)
{
	static const uint32_t between = WORD_STR_X(10, 8, 64);

	for (size_t border = 0; border < ARRAY_SIZE(borders); border++) {
		for (size_t at = borders[border] - 64; at < borders[border] + 40; at += 4) {
			erase_words();
			CHECK(at, 1, 16, PAGE(3, at), between, WORD_LDRH(3, 3, LOW), between,
			      WORD_CBNZ_W(3, 64));
		}
	}
	/* At the text's end, and the page of a register that calls leave alone. */
	erase_words();
	CHECK(TEXT_BYTES - 24, 1, 20, PAGE(20, TEXT_BYTES - 24), WORD_BL(64), between,
	      WORD_LDRH(4, 20, LOW), between, WORD_CBNZ_W(4, 64));
}

static void test_arm64_what_is_none(void **state)
{
	erase_words();
	CHECK(400, 1, 8, PAGE(3, 400), WORD_LDRH(3, 3, LOW), WORD_CBNZ_W(3, 64));
	/* Others' words: of another page, behind what was loaded, of another size. */
	CHECK(600, 1, 8 - 200, word_adrp(3, TEXT_VADDR + 600, 0x2000000), WORD_LDRH(3, 3, LOW),
	      WORD_LDR_X(4, 5, 8), WORD_LDRH(3, 4, LOW), PAGE(3, 600), WORD_LDR_W(3, 3, LOW & ~3U));
	/* The compiler's start files compare where it lies. */
	CHECK(800, 1, 8 - 400, PAGE(0, 800), WORD_ADD(0, 0, LOW), PAGE(1, 808), WORD_ADD(1, 1, LOW),
	      0xeb00003f, WORD_RET);
}

/* Beside one that is found. */
static void check_unsure(const uint32_t *words, size_t count)
{
	erase_words();
	CHECK(400, 1, 8, PAGE(3, 400), WORD_LDRH(3, 3, LOW), WORD_CBNZ_W(3, 64));
	check_words(2000, words, count, -ENOENT, 0);
}

#define UNSURE(...)                                     \
	check_unsure((const uint32_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void test_arm64_what_is_unsure(void **state)
{
	/* A page from nobody knows where. */
	UNSURE(WORD_LDRH(3, 21, LOW), WORD_CBNZ_W(3, 64));
	UNSURE(PAGE(3, 2000), WORD_B(64), WORD_LDRH(3, 3, LOW), WORD_CBNZ_W(3, 64));
	/* No jump, or not by it: another register, changed before, 64 bits. */
	UNSURE(PAGE(3, 2000), WORD_LDRH(3, 3, LOW), WORD_BL(64), WORD_CBNZ_W(3, 64));
	UNSURE(PAGE(3, 2000), WORD_LDRH(3, 3, LOW), WORD_CBNZ_W(4, 64));
	UNSURE(PAGE(3, 2000), WORD_LDRH(3, 3, LOW), WORD_MOVE(3, 5), WORD_CBNZ_W(3, 64));
	UNSURE(PAGE(3, 2000), WORD_LDRH(3, 3, LOW), WORD_CBZ_X(3, 64));
	UNSURE(PAGE(3, 2000), WORD_LDRH(3, 3, LOW), 0xc85f7cc5, WORD_CBNZ_W(3, 64));
	/* Its address, for whatever. */
	UNSURE(PAGE(3, 2000), WORD_ADD(3, 3, LOW), WORD_BL(64));
}

static void test_arm64_library(void **state)
{
	slot = 0x1440f60;
	erase_words();
	CHECK(400, 1, 20, word_adrp(1, TEXT_VADDR + 400, slot), WORD_LDR_X(1, 1, low_of(slot)),
	      NO_WORD, WORD_LDRH(1, 1, 0), NO_WORD, WORD_CBNZ_W(1, 64));
	/* Beside the probe's nop it is put together for nothing. */
	CHECK(600, 1, 20 - 200, word_adrp(1, TEXT_VADDR + 600, slot),
	      WORD_LDR_X(1, 1, low_of(slot)), WORD_NOP);
	/* Other places, that have the same LOW. */
	CHECK(800, 1, 20 - 400, word_adrp(1, TEXT_VADDR + 800, 0x2000000),
	      WORD_LDR_X(1, 1, low_of(slot)), WORD_BL(64));
	CHECK(1000, -ENOENT, 0, word_adrp(1, TEXT_VADDR + 1000, slot),
	      WORD_LDR_X(1, 1, low_of(slot)), WORD_BL(64));
	slot = 0;
}

/* More than are asked for are counted, and the first are told. */
static void test_arm64_many(void **state)
{
	uint64_t found[1] = { 0 };

	erase_words();
	CHECK(400, 1, 8, PAGE(3, 400), WORD_LDRH(3, 3, LOW), WORD_CBNZ_W(3, 64));
	CHECK(100, 2, 8, PAGE(3, 100), WORD_LDRH(3, 3, LOW), WORD_CBNZ_W(3, 64));
	assert_int_equal(usdt_test_find(NULL, ARM64_SEMAPHORE, found, 1), -E2BIG);
	assert_true(found[0] == TEXT_VADDR + 108);
}

/* Whatever the bytes are. */
static void test_arm64_noise(void **state)
{
	uint64_t found[4];
	uint32_t random = 7;

	for (size_t at = 0; at < TEXT_BYTES; at++) {
		random = random * 1664525 + 1013904223;
		text[at] = (uint8_t)(random >> 24);
	}
	for (uint64_t semaphore = SEMAPHORE; semaphore < SEMAPHORE + 4096; semaphore += 2)
		assert_true(usdt_test_find(NULL, semaphore, found, 4) <= 4);
}

static int set_arm64(void **state)
{
	machine = EM_AARCH64;
	return 0;
}

static int set_up(void **state)
{
	text = malloc(TEXT_BYTES);
	if (text)
		memset(text, 0x90, TEXT_BYTES);
	return !text;
}

static int tear_down(void **state)
{
	free(text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_position),
		cmocka_unit_test(test_other_references),
		cmocka_unit_test_setup(test_arm64_program, set_arm64),
		cmocka_unit_test_setup(test_arm64_what_is_none, set_arm64),
		cmocka_unit_test_setup(test_arm64_what_is_unsure, set_arm64),
		cmocka_unit_test_setup(test_arm64_library, set_arm64),
		cmocka_unit_test_setup(test_arm64_many, set_arm64),
		cmocka_unit_test_setup(test_arm64_noise, set_arm64),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
