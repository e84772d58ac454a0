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

#include "memory.h"
#include "usdt_test.h"

#define PIECE_BYTES (256UL << 10) /* as usdt_test.c reads */
#define TEXT_BYTES (2 * PIECE_BYTES + 100)
#define TEXT_VADDR 0x401000
#define SEMAPHORE 0x1441000 /* so that at one border all bytes of a displacement change */

static uint8_t *text;
static const struct elf_segment segment = {
	.vaddr = TEXT_VADDR,
	.file_bytes = TEXT_BYTES,
	.is_executable = true,
};

/* Instead of elf_segments.c's and elf_state.c's. */
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
