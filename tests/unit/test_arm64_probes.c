/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where functions of arm64 are probed: single functions, and the files that elf_builder makes. That
 * a hit is a call is for the end-to-end tests.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64_words.h"
#include "code_branch.h"
#include "code_entry.h"
#include "elf_builder.h"
#include "interpreter.h"
#include "malloc_plan.h"
#include "memory.h"
#include "probe_plan.h"

#define NOWHERE 99
#define ADRP 0xb0000015U	/* adrp x21 */
#define LDXR 0xc85f7cc5U	/* ldxr x5, [x6] */
#define MOVE_STACK 0x910003fdU	/* mov x29, sp */
#define STORE_FIELD 0xf9000c3fU /* str xzr, [x1, #24] */
#define STORE_STACK 0xf90003f3U /* str x19, [sp] */
#define STORE_LINK 0xf9000bfeU	/* str x30, [sp, #16] */
#define CBZ_W0 0x34000080U
#define CBNZ_X0 0xb5000080U

static struct code_entry entry_of(const uint32_t *words, size_t count)
{
	struct code_entry entry = { .vaddr = 0x400100, .machine = EM_AARCH64 };

	entry.size = count * sizeof(*words);
	assert_true(entry.size <= sizeof(entry.bytes));
	memcpy(entry.bytes, words, entry.size);
	return entry;
}

#define ENTRY(...) \
	entry_of((const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static size_t place_of(struct code_entry entry, uint32_t needs)
{
	struct code_place place;

	if (!code_entry_find_emulated(&entry, code_entry_first(&entry), needs, &place))
		return NOWHERE;
	return place.at;
}

static void test_places(void **state)
{
	/* glibc 2.41's posix_memalign and malloc; _PyEval_FrameClearAndPop of 3.14. */
	struct code_entry early = ENTRY(WORD_BTI_C, ADRP, WORD_PACIASP, WORD_PUSH_LINK);
	struct code_entry late = ENTRY(WORD_PACIASP, WORD_PUSH_LINK, ADRP, MOVE_STACK);
	struct code_entry tests = ENTRY(WORD_PACIASP, WORD_PUSH_LINK, MOVE_STACK, STORE_STACK,
					WORD_MOVE(20, 0), 0x39412820 /* ldrb w0, [x1, #74] */,
					CBZ_W0);

	assert_int_equal(place_of(early, CODE_ARGUMENT_1 | CODE_RETURN_ADDRESS), 4);
	assert_int_equal(place_of(late, CODE_ARGUMENT_1 | CODE_RETURN_ADDRESS), NOWHERE);
	assert_int_equal(place_of(late, CODE_ARGUMENT_1), 8);
	assert_int_equal(place_of(tests, CODE_ARGUMENT_2), 24);
	assert_int_equal(place_of(tests, CODE_ARGUMENT_1), NOWHERE);
}

/* Each by itself, before an adrp: whether it may come before the place. */
static void test_what_may_come_before(void **state)
{
	static const struct {
		uint32_t word, needs;
		bool is_passed;
	} cases[] = {
		{ WORD_MOVE(4, 0), 15 | CODE_RETURN_ADDRESS, true },
		{ WORD_MOVE(0, 4), CODE_ARGUMENT_1, false },
		{ WORD_MOVE(0, 4), CODE_ARGUMENT_2, true },
		{ WORD_MOVE(1, 4), CODE_ARGUMENT_2, false },
		{ WORD_MOVE(2, 4), CODE_ARGUMENT_3, false },
		{ WORD_MOVE(3, 4), CODE_ARGUMENT_4, false },
		{ WORD_PACIASP, 15, true },
		{ WORD_PACIASP, CODE_RETURN_ADDRESS, false },
		{ WORD_PUSH_LINK, CODE_RETURN_ADDRESS, false },
		{ STORE_LINK, 15, true },
		{ STORE_LINK, CODE_RETURN_ADDRESS, false },
		{ STORE_STACK, CODE_RETURN_ADDRESS, true },
		{ STORE_FIELD, 0, false },
		{ LDXR, 0, false },
		{ 0, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(place_of(ENTRY(cases[i].word, ADRP), cases[i].needs),
				 cases[i].is_passed ? 4 : NOWHERE);
	/* Not behind what a jump may pass by, and not behind the end. */
	assert_int_equal(place_of(ENTRY(WORD_B(8), ADRP), 0), 0);
	assert_int_equal(place_of(ENTRY(STORE_STACK), 0), NOWHERE);
}

static size_t behind_null(struct code_entry entry)
{
	struct code_place place = { 0 };

	assert_true(code_entry_find_emulated(&entry, 0, CODE_ARGUMENT_1, &place));
	code_entry_pass_null(&entry, CODE_ARGUMENT_1, &place);
	return place.at;
}

/* free() as of glibc, and what is no test of its argument. */
static void test_null(void **state)
{
	assert_int_equal(behind_null(ENTRY(WORD_CBZ_X(0, 64), WORD_PUSH_LINK, ADRP)), 8);
	assert_int_equal(behind_null(ENTRY(ADRP, WORD_MOVE(5, 6), WORD_CBZ_X(0, 64), ADRP)), 12);
	assert_int_equal(behind_null(ENTRY(ADRP, WORD_MOVE(0, 6), WORD_CBZ_X(0, 64), ADRP)), 0);
	assert_int_equal(behind_null(ENTRY(WORD_CBZ_X(1, 64), WORD_PUSH_LINK, ADRP)), 0);
	assert_int_equal(behind_null(ENTRY(CBZ_W0, WORD_PUSH_LINK, ADRP)), 0);
	assert_int_equal(behind_null(ENTRY(CBNZ_X0, WORD_PUSH_LINK, ADRP)), 0);
	/* Nothing is emulated behind it: where it was. */
	assert_int_equal(behind_null(ENTRY(WORD_CBZ_X(0, 64), WORD_PUSH_LINK)), 0);
}

static void test_first_instructions(void **state)
{
	struct code_entry entry = ENTRY(WORD_PACIASP, WORD_PUSH_LINK);
	struct code_place place;

	assert_true(code_entry_can_be_probed(&entry));
	assert_true(code_entry_find_place(&entry, CODE_RETURN_ADDRESS, &place));
	assert_int_equal(place.at, 0);
	entry = ENTRY(LDXR, ADRP);
	assert_false(code_entry_can_be_probed(&entry));
	assert_false(code_entry_find_place(&entry, 0, &place));
	entry = ENTRY(WORD_BTI_C, WORD_B(64));
	assert_true(code_entry_is_jump(&entry));
	assert_int_equal(code_entry_first(&entry), 4);
	entry = ENTRY(WORD_BTI_C, WORD_BL(64));
	assert_false(code_entry_is_jump(&entry));
	entry.size = 3;
	assert_false(code_entry_can_be_probed(&entry));
	assert_false(code_entry_is_jump(&entry));
}

/* ---- Files ---- */

static struct elf_built built;

static void write_built(int fd)
{
	assert_int_equal(pwrite(fd, built.bytes, sizeof(built.bytes), 0), sizeof(built.bytes));
}

static uint64_t address_of(const char *name)
{
	return elf_built_exported(&built, name)->st_value;
}

static void put_word(uint64_t at, uint32_t word)
{
	memcpy(built.bytes + at, &word, sizeof(word));
}

/* As processes are looked at: the file is inspected, then the plan is made of it. */
static int plan(struct interpreter *interpreter, struct probe_plan *ret)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL, *again = NULL;

	write_built(fd);
	assert_int_equal(elf_file_open_for(fd, EM_AARCH64, &file), 0);
	assert_int_equal(interpreter_inspect_in(file, INTERPRETER_ANY, interpreter), 0);
	assert_int_equal(elf_file_open_for(fd, EM_AARCH64, &again), 0);
	return probe_plan_find_in(again, interpreter, false, ret);
}

static bool has_usdt(unsigned int minor)
{
	return minor <= 11 || minor == 15;
}

static void test_plans(void **state)
{
	for (unsigned int i = 0; i < ELF_BUILT_NR_MINORS; i++) {
		struct interpreter interpreter;
		struct probe_plan found;

		elf_build_for(&built, ELF_BUILT_FIRST_MINOR + i, EM_AARCH64);
		assert_int_equal(plan(&interpreter, &found), 0);
		assert_int_equal(found.method,
				 has_usdt(built.minor) ? PROBE_BY_USDT : PROBE_BY_UPROBE);
		assert_int_equal(found.nr_sites, 1);
		assert_int_equal(found.sites[0].semaphore, 0);
		if (has_usdt(built.minor))
			assert_int_equal(found.sites[0].offset,
					 address_of("_PyEval_EvalFrameDefault") + 16);
		assert_true(found.code_death != 0);
	}
}

/* The function is stepped at its first instruction where nothing is emulated before its argument
 * has gone, and is not probed where the kernel would refuse. */
static void test_functions(void **state)
{
	struct interpreter interpreter;
	struct probe_plan found;
	uint64_t at;

	elf_build_for(&built, 13, EM_AARCH64);
	at = address_of("_PyEval_FrameClearAndPop");
	assert_int_equal(plan(&interpreter, &found), 0);
	assert_int_equal(found.sites[0].offset, at + 12); /* ret */
	assert_string_equal(found.what, "uprobe _PyEval_FrameClearAndPop+12");
	/* The frame, and the thread state. */
	for (unsigned int reg = 0; reg < 2; reg++) {
		put_word(at + 4, WORD_MOVE(reg, 5));
		assert_int_equal(plan(&interpreter, &found), 0);
		assert_int_equal(found.sites[0].offset, at);
		assert_string_equal(found.what, "uprobe _PyEval_FrameClearAndPop");
	}
	put_word(at, LDXR);
	assert_int_equal(plan(&interpreter, &found), -ENOENT);
	assert_non_null(strstr(found.reason, "does not probe"));
	elf_built_exported(&built, "_PyEval_FrameClearAndPop")->st_value += 2;
	assert_int_equal(plan(&interpreter, &found), -ENOENT);
	assert_non_null(strstr(found.reason, "outside"));
}

#define FREE_TEXT 0x540 /* behind what elf_builder has made */

static void put_call(uint64_t at, uint64_t target, bool is_jump)
{
	int64_t distance = (int64_t)(target - at);

	put_word(at, is_jump ? WORD_B(distance) : WORD_BL(distance));
}

/* What the function calls first is called from all places that it was copied to. */
static void test_copies(void **state)
{
	struct interpreter interpreter;
	struct probe_plan found;
	uint64_t at, callee = FREE_TEXT + 0x100;

	elf_build_for(&built, 14, EM_AARCH64);
	at = address_of("_PyEval_FrameClearAndPop");
	put_call(at + 4, callee, false);
	put_call(at + 8, callee, false);
	for (int i = 0; i < 12; i++)
		put_call(FREE_TEXT + 4 * (uint64_t)i, callee, i % 2);
	assert_int_equal(plan(&interpreter, &found), 0);
	put_call(FREE_TEXT + 48, callee, false);
	assert_int_equal(plan(&interpreter, &found), -ENOENT);
	assert_non_null(strstr(found.reason, "has copied the function"));
	/* Others are called as often as they like. */
	put_call(at + 4, callee + 4, false);
	assert_int_equal(plan(&interpreter, &found), 0);
}

/* The semaphore is raised, and its note's nop probed, where not all tests are found. */
static void test_note(void **state)
{
	struct interpreter interpreter;
	struct probe_plan found;
	uint64_t at;

	elf_build_for(&built, 9, EM_AARCH64);
	at = address_of("_PyEval_EvalFrameDefault");
	put_word(at + 16, WORD_RET);
	assert_int_equal(plan(&interpreter, &found), 0);
	assert_int_equal(found.nr_sites, 1);
	assert_int_equal(found.sites[0].offset, at);
	assert_true(found.sites[0].semaphore != 0);
}

#define FINALIZER_PLACE 12 /* of elf_builder's functions: the first that is emulated */

static void test_ends(void **state)
{
	for (unsigned int i = 0; i < ELF_BUILT_NR_MINORS; i++) {
		struct interpreter interpreter;
		struct probe_plan found;
		uint64_t whole;

		elf_build_for(&built, ELF_BUILT_FIRST_MINOR + i, EM_AARCH64);
		whole = built.minor < 13 ? address_of("Py_FinalizeEx") : elf_built_finalizer();
		plan(&interpreter, &found);
		assert_int_equal(interpreter.ends.offsets[0], whole + FINALIZER_PLACE);
		assert_int_equal(interpreter.ends.offsets[1], 0);
		assert_int_equal(interpreter.ends.doubt, RUNTIME_ENDS_SURE);
		/* Nothing is emulated: stepped, for it runs once. */
		for (uint64_t at = whole; at < whole + 0x40; at += 4)
			put_word(at, STORE_FIELD);
		plan(&interpreter, &found);
		assert_int_equal(interpreter.ends.offsets[0], whole);
		put_word(whole, LDXR);
		plan(&interpreter, &found);
		assert_true(interpreter.ends.offsets[0] != whole);
	}
}

/* Each kind of branch, from 3.13 on where a function is found by those that lead to it. */
static void test_branches(void **state)
{
	const uint32_t kinds[] = { 0x14000000, 0x94000000, 0x54000000, 0x34000000, 0xb5000000 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct interpreter interpreter;
		struct probe_plan found;
		uint32_t distance;

		elf_build_for(&built, 14, EM_AARCH64);
		distance = (uint32_t)(elf_built_finalizer() - address_of("Py_FinalizeEx")) / 4;
		put_word(address_of("Py_FinalizeEx"),
			 kinds[i] | (i < 2 ? distance : distance << 5));
		plan(&interpreter, &found);
		assert_int_equal(interpreter.ends.offsets[0],
				 elf_built_finalizer() + FINALIZER_PLACE);
		assert_int_equal(interpreter.ends.doubt, RUNTIME_ENDS_SURE);
	}
}

/* Stubs of the linkage table, with and without bti; and what is none. */
static void test_stubs(void **state)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	const uint64_t at = 0x240, slot = 0x40011120;

	elf_build_for(&built, 11, EM_AARCH64);
	put_word(at, WORD_BTI_C);
	put_word(at + 4, word_adrp(16, at + 4, slot));
	put_word(at + 8, WORD_LDR_X(17, 16, low_of(slot)));
	put_word(at + 12, WORD_ADD(16, 16, low_of(slot)));
	put_word(at + 16, WORD_BR(17));
	write_built(fd);
	assert_int_equal(elf_file_open_for(fd, EM_AARCH64, &file), 0);
	assert_int_equal(code_stub_slot(file, at), slot);
	assert_int_equal(code_stub_slot(file, at + 4), slot);
	assert_int_equal(code_stub_slot(file, at + 8), 0);
	assert_int_equal(code_stub_slot(file, UINT64_MAX - 8), 0);
	assert_int_equal(code_branch_step(file), 4);
	put_word(at + 16, WORD_BR(16));
	write_built(fd);
	assert_int_equal(code_stub_slot(file, at), 0);
	put_word(at + 16, WORD_BLR(17));
	write_built(fd);
	assert_int_equal(code_stub_slot(file, at), 0);
}

/* ---- Allocators ---- */

static int plan_malloc(struct malloc_plan *ret)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;

	write_built(fd);
	assert_int_equal(elf_file_open_for(fd, EM_AARCH64, &file), 0);
	return malloc_plan_find_in(file, ret);
}

/* Two of the file's functions by other names. */
static void name_malloc(uint32_t first_word)
{
	static const char *const names[][2] = { { "PyDict_New", "malloc" },
						{ "PyDict_Clear", "free" } };
	const Elf64_Shdr *strings;

	elf_build_for(&built, 11, EM_AARCH64);
	put_word(address_of("PyDict_New"), first_word);
	put_word(address_of("PyDict_Clear"), WORD_CBZ_X(0, 32));
	strings = elf_built_section(&built, BUILT_DYNSTR);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const Elf64_Sym *symbol = elf_built_exported(&built, names[i][0]);

		memcpy(built.bytes + strings->sh_offset + symbol->st_name, names[i][1],
		       strlen(names[i][1]) + 1);
	}
}

static void test_allocator(void **state)
{
	struct malloc_plan found;
	uint64_t at;

	name_malloc(WORD_PUSH_LINK);
	at = address_of("malloc");
	assert_int_equal(plan_malloc(&found), 0);
	assert_int_equal(found.nr_sites, 2);
	assert_int_equal(found.sites[0].offset, at);
	assert_int_equal(found.sites[0].has_return, 1);
	assert_int_equal(found.sites[0].is_slow, 1);
	assert_true(found.is_slow);
	name_malloc(WORD_BTI_C);
	put_word(at + 4, ADRP);
	assert_int_equal(plan_malloc(&found), 0);
	assert_int_equal(found.sites[0].offset, at + 4);
	assert_int_equal(found.sites[0].is_slow, 0);
	name_malloc(LDXR);
	assert_int_equal(plan_malloc(&found), -ENOENT);
	assert_non_null(strstr(found.reason, "does not probe"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places), cmocka_unit_test(test_what_may_come_before),
		cmocka_unit_test(test_null),   cmocka_unit_test(test_first_instructions),
		cmocka_unit_test(test_plans),  cmocka_unit_test(test_functions),
		cmocka_unit_test(test_copies), cmocka_unit_test(test_note),
		cmocka_unit_test(test_ends),   cmocka_unit_test(test_branches),
		cmocka_unit_test(test_stubs),  cmocka_unit_test(test_allocator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
