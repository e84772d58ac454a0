/* SPDX-License-Identifier: BSD-2-Clause */
/* The offset table's choice of a column, and _Py_DebugOffsets against it. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "debug_offsets.h"
#include "memory.h"
#include "offset_table.h"

static void test_every_version(void **state)
{
	struct offset_table table;

	for (uint32_t minor = 6; minor <= 15; minor++) {
		assert_int_equal(offset_table_find(3U << 24 | minor << 16 | 0x4f0, false, &table),
				 0);
		assert_int_equal(table.layout.version, 3 << 8 | minor);
		assert_int_equal(table.layout.free_threaded, 0);
		/* BPF reads frames and code objects by their heads. */
		assert_true(table.layout.frame_instr + 8 <= FRAME_HEAD_BYTES);
		assert_true(table.layout.code_linetable + 8 <= CODE_HEAD_BYTES);
	}
	for (uint32_t minor = 13; minor <= 15; minor++) {
		assert_int_equal(offset_table_find(3U << 24 | minor << 16 | 0xf0, true, &table), 0);
		assert_int_equal(table.layout.free_threaded, 1);
		assert_int_equal(table.layout.str_length, 32);
		assert_true(table.layout.code_linetable + 8 <= CODE_HEAD_BYTES);
	}
}

/* bpf/quick.h masks what it adds to an address, and would read elsewhere. */
static void test_quick_reach(void **state)
{
	for (uint32_t minor = 6; minor <= 15; minor++) {
		struct offset_table table;
		struct wire_layout *layout = &table.layout;

		assert_int_equal(offset_table_find(3U << 24 | minor << 16 | 0x4f0, false, &table),
				 0);
		offset_table_measure(layout);
		assert_int_equal((layout->frame_code - layout->quick_begin) & ~0x38, 0);
		assert_int_equal((layout->frame_back - layout->quick_begin) & ~0x38, 0);
		if (layout->holder_mask)
			assert_int_equal((layout->frame_holder - layout->quick_begin) & ~0x18, 64);
		assert_int_equal(!layout->holder_mask, minor < 9);
	}
}

static void test_samples(void **state)
{
	struct offset_table table;

	assert_int_equal(offset_table_find(0x03060ff0, false, &table), 0);
	assert_int_equal(table.runtime_key, NO_OFFSET);
	assert_int_equal(table.layout.frame_instr, 120);
	assert_int_equal(offset_table_find(0x030b02f0, false, &table), 0);
	assert_int_equal(table.layout.cframe_frame, 8);
	assert_int_equal(table.layout.code_qualname, 128);
	assert_int_equal(table.layout.owner_shim_min, NO_OFFSET);
	assert_int_equal(offset_table_find(0x030f02f0, false, &table), 0);
	assert_int_equal(table.layout.tag_mask, 3);
}

static struct offset_table find_for(uint32_t version_hex, bool is_free_threaded, uint16_t machine)
{
	struct offset_table table;

	assert_int_equal(offset_table_find(version_hex, is_free_threaded, &table), 0);
	offset_table_adapt(&table, machine);
	return table;
}

/* As Debian's 3.9.2, 3.11.2, 3.13.5, 3.14.10 and 3.15.2 for arm64 have it in their code or state it
 * (_Py_DebugOffsets), and the headers of the others. */
static void test_arm64(void **state)
{
	static const struct {
		uint32_t version_hex;
		bool is_free_threaded;
		uint16_t key, generation;
	} known[] = {
		{ 0x03060ff0, false, NO_OFFSET, NO_OFFSET }, { 0x030703f0, false, 1436, NO_OFFSET },
		{ 0x030710f0, false, 1524, NO_OFFSET },	     { 0x030812f0, false, 1412, NO_OFFSET },
		{ 0x030902f0, false, 604, NO_OFFSET },	     { 0x030a0df0, false, 604, NO_OFFSET },
		{ 0x030b02f0, false, 612, NO_OFFSET },	     { 0x030c01f0, false, 1548, NO_OFFSET },
		{ 0x030d05f0, false, 2164, 17016 },	     { 0x030d05f0, true, 2164, 20156 },
		{ 0x030e0af0, false, 2340, 8008 },	     { 0x030e0af0, true, 2340, 8040 },
		{ 0x030f02f0, false, NO_OFFSET, 7960 },	     { 0x030f02f0, true, NO_OFFSET, 7968 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct offset_table table = find_for(known[i].version_hex,
						     known[i].is_free_threaded, EM_AARCH64);
		struct offset_table x86 = find_for(known[i].version_hex, known[i].is_free_threaded,
						   EM_X86_64);

		assert_int_equal(table.runtime_key, known[i].key);
		assert_int_equal(table.layout.interp_generation, known[i].generation);
		/* Nothing else differs. */
		x86.runtime_key = table.runtime_key;
		x86.layout.interp_generation = table.layout.interp_generation;
		assert_memory_equal(&x86, &table, sizeof(table));
	}
}

static void test_early_releases_of_3_7(void **state)
{
	struct offset_table table;

	assert_int_equal(offset_table_find(0x030703f0, false, &table), 0);
	assert_int_equal(table.runtime_key, 1420);
	assert_int_equal(offset_table_find(0x030704f0, false, &table), 0);
	assert_int_equal(table.runtime_key, 1508);
	assert_int_equal(offset_table_find(0x03070000, false, &table), -ENOTSUP);
}

static void test_versions_without_a_column(void **state)
{
	static const uint32_t versions[] = {
		0,	    0x020712f0, 0x030509f0, 0x031000f0, 0x040000f0, 0x030e00a1, /* alpha */
		0x030e00b4,								/* beta */
	};
	struct offset_table table;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		assert_int_equal(offset_table_find(versions[i], false, &table), -ENOTSUP);
	assert_int_equal(offset_table_find(0x030c01f0, true, &table), -ENOTSUP);
	assert_int_equal(offset_table_find(0x030e00c1, false, &table), 0); /* candidate */
	assert_int_equal(offset_table_find(0x03090000, false, &table), 0); /* release unknown */
}

static uint64_t words[DEBUG_OFFSETS_BYTES / sizeof(uint64_t)];

/* What 3.13 would state if it agreed with the table. */
static void state_of_3_13(const struct offset_table *table)
{
	memset(words, 0, sizeof(words));
	memcpy(words, "xdebugpy", 8);
	words[1] = 0x030d05f0;
#define FIELD(name, position, ...) words[(position) / 8] = table->name;
#include "debug_offsets.def"
#undef FIELD
	memcpy(words, "xdebugpy", 8); /* fields that 3.13 lacks have position 0 */
}

static void test_debug_offsets_agree(void **state)
{
	struct offset_table table, before;
	struct debug_offsets offsets;
	bool disagrees = true;

	assert_int_equal(offset_table_find(0x030d05f0, false, &table), 0);
	before = table;
	state_of_3_13(&table);
	assert_int_equal(debug_offsets_parse(words, sizeof(words), &offsets), 0);
	assert_int_equal(offsets.version_hex, 0x030d05f0);
	assert_false(offsets.is_free_threaded);
	assert_int_equal(debug_offsets_apply(&offsets, &table, &disagrees), 0);
	assert_false(disagrees);
	assert_memory_equal(&table, &before, sizeof(table));
}

static void test_debug_offsets_win(void **state)
{
	struct offset_table table;
	struct debug_offsets offsets;
	bool disagrees = false;

	assert_int_equal(offset_table_find(0x030d05f0, false, &table), 0);
	state_of_3_13(&table);
	words[184 / 8] = 80; /* thread_state.current_frame */
	assert_int_equal(debug_offsets_parse(words, sizeof(words), &offsets), 0);
	assert_int_equal(debug_offsets_apply(&offsets, &table, &disagrees), 0);
	assert_true(disagrees);
	assert_int_equal(table.layout.tstate_frame, 80);
	assert_int_equal(table.layout.interp_generation, 17000);
}

static void test_debug_offsets_without_sense(void **state)
{
	struct offset_table table, before;
	struct debug_offsets offsets;
	bool disagrees;

	assert_int_equal(offset_table_find(0x030d05f0, false, &table), 0);
	before = table;
	state_of_3_13(&table);
	words[232 / 8] = UINT64_MAX; /* interpreter_frame.previous */
	assert_int_equal(debug_offsets_parse(words, sizeof(words), &offsets), 0);
	assert_int_equal(debug_offsets_apply(&offsets, &table, &disagrees), -ENOTSUP);
	assert_memory_equal(&table, &before, sizeof(table));
	offsets.version_hex = 0x031000f0;
	assert_int_equal(debug_offsets_apply(&offsets, &table, &disagrees), -ENOTSUP);
	offsets.version_hex = 0x030c00f0;
	assert_int_equal(debug_offsets_apply(&offsets, &table, &disagrees), -ENOTSUP);
	assert_int_equal(debug_offsets_parse(words, 16, &offsets), -ENOENT);
	words[0]++;
	assert_int_equal(debug_offsets_parse(words, sizeof(words), &offsets), -ENOENT);
}

static void test_guess(void **state)
{
	/* Sizes of 3.15's structs, by position. */
	static const uint16_t sizes[][2] = { { 24, 30000 }, { 48, 30000 }, { 176, 888 },
					     { 312, 88 },   { 376, 216 },  { 464, 16 },
					     { 688, 40 },   { 712, 64 } };
	struct offset_table table, guessed;
	struct debug_offsets offsets = { .version_hex = 0x031000f0 };

	assert_int_equal(offset_table_find(0x030f02f0, false, &table), 0);
	assert_int_equal(offset_table_guess(0x030f02f0, false, &guessed), -ENOTSUP);
	assert_int_equal(offset_table_guess(0x040000f0, false, &guessed), -ENOTSUP);
	assert_int_equal(offset_table_guess(0x031000a1, true, &guessed), 0);
	assert_int_equal(guessed.layout.free_threaded, 1);
	assert_int_equal(offset_table_guess(0x031000f0, false, &guessed), 0);
	assert_int_equal(guessed.layout.version, 0x310);
#define FIELD(name, before, last, position) offsets.words[(position) / 8] = table.name;
#include "debug_offsets.def"
#undef FIELD
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		offsets.words[sizes[i][0] / 8] = sizes[i][1];
	offsets.words[208 / 8] = 80; /* thread_state.current_frame */
	assert_int_equal(debug_offsets_guess(&offsets, &guessed), 0);
	assert_int_equal(guessed.layout.tstate_frame, 80);
	assert_int_equal(guessed.layout.code_name, table.layout.code_name);
	/* A word more before the frame's. */
	memmove(&offsets.words[40], &offsets.words[39], 40 * sizeof(uint64_t));
	assert_int_equal(debug_offsets_guess(&offsets, &guessed), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_quick_reach),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_early_releases_of_3_7),
		cmocka_unit_test(test_versions_without_a_column),
		cmocka_unit_test(test_debug_offsets_agree),
		cmocka_unit_test(test_debug_offsets_win),
		cmocka_unit_test(test_debug_offsets_without_sense),
		cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
