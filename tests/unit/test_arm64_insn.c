/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arm64's instructions, one at a time, as GNU as 2.40 makes them: what is known of them, what they
 * write, and whether the kernel takes a probe there. What follows from several of them: what their
 * registers hold.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm64_insn.h"
#include "arm64_values.h"
#include "arm64_words.h"
#include "memory.h"
#include "probe_insn.h"

#define R(reg) ARM64_BIT(reg)
#define SP R(ARM64_SP)
#define LR R(ARM64_LR)
#define EMULATED PROBE_INSN_EMULATED
#define STEPPED PROBE_INSN_STEPPED
#define REFUSED PROBE_INSN_REFUSED
#define AT 0x400100

static const struct {
	uint32_t word;
	enum arm64_op op;
	uint32_t written;
	int64_t value; /* or, of branches and addresses, the target's distance */
	enum probe_insn probe;
} cases[] = {
	/* clang-format off */
	{ 0xd503201f, ARM64_NOP, 0, 0, EMULATED },			/* nop */
	{ 0xd503245f, ARM64_LANDING, 0, 0, PROBE_INSN_LANDING },	/* bti c */
	{ 0xd503249f, ARM64_LANDING, 0, 0, PROBE_INSN_LANDING },	/* bti j */
	{ 0xd50324df, ARM64_LANDING, 0, 0, PROBE_INSN_LANDING },	/* bti jc */
	{ 0xd503233f, ARM64_PLAIN, LR, 0, STEPPED },			/* paciasp */
	{ 0xd50323bf, ARM64_PLAIN, LR, 0, STEPPED },			/* autiasp */
	{ 0xd53bd047, ARM64_THREAD, R(7), 0, STEPPED },			/* mrs x7, tpidr_el0 */
	{ 0x14000002, ARM64_JUMP, 0, 8, EMULATED },			/* b .+8 */
	{ 0x97fffffe, ARM64_CALL, ARM64_CALL_WRITES, -8, EMULATED },	/* bl .-8 */
	{ 0x54000081, ARM64_JUMP_IF, 0, 16, EMULATED },			/* b.ne .+16 */
	{ 0xb4000083, ARM64_JUMP_IF_ZERO, 0, 16, EMULATED },		/* cbz x3, .+16 */
	{ 0x35ffff84, ARM64_JUMP_IF_ZERO, 0, -16, EMULATED },		/* cbnz w4, .-16 */
	{ 0x36180105, ARM64_JUMP_IF_BIT, 0, 32, EMULATED },		/* tbz w5, #3, .+32 */
	{ 0xb747ff06, ARM64_JUMP_IF_BIT, 0, -32, EMULATED },		/* tbnz x6, #40, .-32 */
	{ 0xd61f0220, ARM64_JUMP_REGISTER, 0, 0, EMULATED },		/* br x17 */
	{ 0xd63f0040, ARM64_CALL_REGISTER, ARM64_CALL_WRITES, 0, EMULATED }, /* blr x2 */
	{ 0xd65f03c0, ARM64_RETURN, 0, 0, EMULATED },			/* ret */
	{ 0x100091a9, ARM64_ADDRESS, R(9), 0x1234, EMULATED },		/* adr x9, .+0x1234 */
	{ 0xb0000015, ARM64_ADDRESS, R(21), 0xf00, EMULATED },		/* adrp x21, the next page */
	{ 0x91004041, ARM64_ADD, R(1), 16, STEPPED },			/* add x1, x2, #16 */
	{ 0xd1004041, ARM64_ADD, R(1), -16, STEPPED },			/* sub x1, x2, #16 */
	{ 0x91400441, ARM64_ADD, R(1), 4096, STEPPED },			/* add x1, x2, #1, lsl #12 */
	{ 0x910083e1, ARM64_ADD, R(1), 32, STEPPED },			/* add x1, sp, #32 */
	{ 0xd100c3ff, ARM64_ADD, SP, -48, STEPPED },			/* sub sp, sp, #48 */
	{ 0x11001041, ARM64_PLAIN, R(1), 4, STEPPED },			/* add w1, w2, #4 */
	{ 0xf100103f, ARM64_PLAIN, 0, -4, STEPPED },			/* cmp x1, #4 */
	{ 0xaa0903e3, ARM64_MOVE, R(3), 0, STEPPED },			/* mov x3, x9 */
	{ 0x2a0903e3, ARM64_PLAIN, R(3), 0, STEPPED },			/* mov w3, w9 */
	{ 0x8b050083, ARM64_ADD_REGISTER, R(3), 0, STEPPED },		/* add x3, x4, x5 */
	{ 0x8b050c83, ARM64_PLAIN, R(3), 0, STEPPED },			/* add x3, x4, x5, lsl #3 */
	{ 0x8b25cc83, ARM64_PLAIN, R(3), 0, STEPPED },			/* add x3, x4, w5, sxtw #3 */
	{ 0x92401c20, ARM64_PLAIN, R(0), 0, STEPPED },			/* and x0, x1, #255 */
	{ 0xd28000a4, ARM64_PLAIN, R(4), 0, STEPPED },			/* mov x4, #5 */
	{ 0xf2a000c4, ARM64_PLAIN, R(4), 0, STEPPED },			/* movk x4, #6, lsl #16 */
	{ 0xb37c1c83, ARM64_PLAIN, R(3), 0, STEPPED },			/* bfi x3, x4, #4, #8 */
	{ 0x93c51c83, ARM64_PLAIN, R(3), 0, STEPPED },			/* extr x3, x4, x5, #7 */
	{ 0x9a850083, ARM64_PLAIN, R(3), 0, STEPPED },			/* csel x3, x4, x5, eq */
	{ 0xfa400864, ARM64_PLAIN, 0, 0, STEPPED },			/* ccmp x3, #0, #4, eq */
	{ 0x9ac50883, ARM64_PLAIN, R(3), 0, STEPPED },			/* udiv x3, x4, x5 */
	{ 0xdac00083, ARM64_PLAIN, R(3), 0, STEPPED },			/* rbit x3, x4 */
	{ 0x9b051883, ARM64_PLAIN, R(3), 0, STEPPED },			/* madd x3, x4, x5, x6 */
	{ 0x9a050083, ARM64_PLAIN, R(3), 0, STEPPED },			/* adc x3, x4, x5 */
	{ 0xf94004c5, ARM64_LOAD, R(5), 8, STEPPED },			/* ldr x5, [x6, #8] */
	{ 0x794004c5, ARM64_LOAD, R(5), 2, STEPPED },			/* ldrh w5, [x6, #2] */
	{ 0xb98004c5, ARM64_LOAD, R(5), 4, STEPPED },			/* ldrsw x5, [x6, #4] */
	{ 0xf85f80c5, ARM64_LOAD, R(5), -8, STEPPED },			/* ldur x5, [x6, #-8] */
	{ 0xf84084c5, ARM64_LOAD, R(5) | R(6), 0, STEPPED },		/* ldr x5, [x6], #8 */
	{ 0xf85f8cc5, ARM64_LOAD, R(5) | R(6), -8, STEPPED },		/* ldr x5, [x6, #-8]! */
	{ 0xf90004c5, ARM64_STORE, 0, 8, STEPPED },			/* str x5, [x6, #8] */
	{ 0xf81f0cc5, ARM64_STORE, R(6), -16, STEPPED },		/* str x5, [x6, #-16]! */
	{ 0xa9411cc5, ARM64_LOAD_PAIR, R(5) | R(7), 16, STEPPED },	/* ldp x5, x7, [x6, #16] */
	{ 0xa8c37bfd, ARM64_LOAD_PAIR, R(29) | LR | SP, 0, STEPPED },	/* ldp x29, x30, [sp], #48 */
	{ 0xa9bd7bfd, ARM64_STORE_PAIR, SP, -48, STEPPED },		/* stp x29, x30, [sp, #-48]! */
	{ 0x69411cc5, ARM64_PLAIN, R(5) | R(7), 0, STEPPED },		/* ldpsw x5, x7, [x6, #8] */
	{ 0xf8626825, ARM64_LOAD_INDEXED, R(5), 0, STEPPED },		/* ldr x5, [x1, x2] */
	{ 0xf8627825, ARM64_PLAIN, R(5), 0, STEPPED },			/* ldr x5, [x1, x2, lsl #3] */
	{ 0x58000205, ARM64_LOAD_LITERAL, R(5), 64, EMULATED },		/* ldr x5, .+64 */
	{ 0x18fffe05, ARM64_LOAD_LITERAL, R(5), -64, EMULATED },	/* ldr w5, .-64 */
	{ 0x3dc004c5, ARM64_PLAIN, 0, 0, STEPPED },			/* ldr q5, [x6, #16] */
	{ 0x6dbf27e8, ARM64_PLAIN, SP, 0, STEPPED },			/* stp d8, d9, [sp, #-16]! */
	{ 0xf98004c0, ARM64_PLAIN, 0, 0, STEPPED },			/* prfm pldl1keep, [x6, #8] */
	/* Not known: what the kernel refuses is among them. */
	{ 0xc85f7cc5, ARM64_UNKNOWN, R(5), 0, REFUSED },		/* ldxr x5, [x6] */
	{ 0xc8077cc5, ARM64_UNKNOWN, R(5), 0, REFUSED },		/* stxr w7, x5, [x6] */
	{ 0xf82500c7, ARM64_UNKNOWN, R(7), 0, REFUSED },		/* ldadd x5, x7, [x6] */
	{ 0xd4000001, ARM64_UNKNOWN, R(1), 0, REFUSED },		/* svc #0 */
	{ 0xd4200020, ARM64_UNKNOWN, R(0), 0, REFUSED },		/* brk #1 */
	{ 0xd53b4227, ARM64_UNKNOWN, R(7), 0, REFUSED },		/* mrs x7, daif */
	{ 0x9e660065, ARM64_UNKNOWN, R(5), 0, REFUSED },		/* fmov x5, d3 */
	{ 0xd65f0bff, ARM64_UNKNOWN, 0, 0, REFUSED },			/* retaa */
	{ 0xd61f08bf, ARM64_UNKNOWN, 0, 0, REFUSED },			/* braaz x5 */
	{ 0x9c000205, ARM64_UNKNOWN, R(5), 0, REFUSED },		/* ldr q5, .+64 */
	{ 0xd8000200, ARM64_UNKNOWN, R(0), 0, REFUSED },		/* prfm pldl1keep, .+64 */
	{ 0xd503231f, ARM64_UNKNOWN, 0, 0, REFUSED },			/* paciaz */
	{ 0x00000000, ARM64_UNKNOWN, R(0), 0, REFUSED },
	/* clang-format on */
};

static enum probe_insn classify(uint32_t word, size_t size)
{
	const uint8_t bytes[] = { (uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16),
				  (uint8_t)(word >> 24) };

	assert_int_equal(arm64_insn_word(bytes), word);
	return probe_insn_classify(EM_AARCH64, bytes, size);
}

static void test_instructions(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arm64_insn insn = arm64_insn_decode(cases[i].word, AT);
		int64_t value = insn.target ? (int64_t)(insn.target - AT) : insn.value;

		print_message("%08x\n", cases[i].word);
		assert_int_equal(insn.op, cases[i].op);
		assert_int_equal(insn.written, cases[i].written);
		if (insn.op != ARM64_UNKNOWN)
			assert_int_equal(value, cases[i].value);
		assert_int_equal(classify(cases[i].word, 4), cases[i].probe);
		assert_int_equal(classify(cases[i].word, 3), REFUSED);
	}
}

/* Whatever a word is: an instruction that is known leads on or to somewhere, not both. */
static void test_all_words(void **state)
{
	uint32_t word = 1;

	for (int i = 0; i < 2000000; i++) {
		struct arm64_insn insn = arm64_insn_decode(word, AT);

		assert_true(insn.op <= ARM64_RETURN);
		assert_true(insn.rd < 32 && insn.rn < 32 && insn.rm < 32 && insn.bytes <= 8);
		assert_true(insn.op == ARM64_UNKNOWN || !insn.target || insn.op == ARM64_ADDRESS ||
			    insn.op == ARM64_LOAD_LITERAL || insn.op >= ARM64_JUMP);
		word = word * 1664525 + 1013904223;
	}
}

/* ---- Registers ---- */

static struct arm64_values follow(const uint32_t *words, size_t count)
{
	struct arm64_values values;

	arm64_values_forget(&values);
	for (size_t i = 0; i < count; i++) {
		struct arm64_insn insn = arm64_insn_decode(words[i], AT + 4 * i);

		arm64_values_step(&values, &insn);
	}
	return values;
}

#define FOLLOW(...) \
	follow((const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void check(const struct arm64_value *value, enum arm64_value_kind kind, uint64_t base,
		  int64_t offset)
{
	assert_int_equal(value->kind, kind);
	assert_true(value->base == base);
	assert_true(value->offset == offset);
}

static void test_addresses(void **state)
{
	struct arm64_values values = FOLLOW(word_adrp(1, AT, 0x512345), WORD_ADD(2, 1, 0x345),
					    WORD_MOVE(3, 2), WORD_LDR_X(4, 1, 0x340),
					    WORD_LDR_W(5, 1, 0x340), WORD_ADD(6, 7, 8));

	check(&values.regs[1], ARM64_VALUE_ADDRESS, 0x512000, 0);
	assert_true(arm64_value_is_address(&values.regs[2], 0x512345));
	assert_true(arm64_value_is_address(&values.regs[3], 0x512345));
	check(&values.regs[4], ARM64_VALUE_LOADED, 0x512340, 0);
	check(&values.regs[5], ARM64_VALUE_OTHER, 0, 0);
	check(&values.regs[6], ARM64_VALUE_UNKNOWN, 0, 8);
	assert_true(arm64_value_address(&values.regs[4]) == 0);
}

/* A call changes what the callee may change, and nothing else. */
static void test_calls(void **state)
{
	struct arm64_values values = FOLLOW(word_adrp(1, AT, 0x512000), word_adrp(18, AT, 0x512000),
					    word_adrp(19, AT, 0x512000), WORD_BL(64));

	check(&values.regs[1], ARM64_VALUE_OTHER, 0, 0);
	check(&values.regs[18], ARM64_VALUE_OTHER, 0, 0);
	check(&values.regs[19], ARM64_VALUE_ADDRESS, 0x512000, 0);
	check(&values.regs[30], ARM64_VALUE_OTHER, 0, 0);
	/* Of an instruction that is not known, what looks like its result. */
	values = FOLLOW(word_adrp(5, AT, 0x512000), word_adrp(6, AT, 0x512000), 0xc85f7cc5);
	check(&values.regs[5], ARM64_VALUE_OTHER, 0, 0);
	check(&values.regs[6], ARM64_VALUE_ADDRESS, 0x512000, 0);
	/* And of one that is added to behind. */
	values = FOLLOW(word_adrp(6, AT, 0x512000), 0xf84084c5);
	check(&values.regs[6], ARM64_VALUE_OTHER, 0, 0);
}

static void test_thread_pointer(void **state)
{
	struct arm64_values values = FOLLOW(WORD_THREAD(0), WORD_ADD(0, 0, 0x20));
	struct arm64_insn load = arm64_insn_decode(WORD_LDR_X(1, 0, 8), AT);
	struct arm64_value place = arm64_values_place(&values, &load);

	check(&place, ARM64_VALUE_THREAD, 0, 0x28);
}

/* A descriptor's function changes no register but its result's and the link register. */
static void test_descriptor(void **state)
{
	struct arm64_values values = FOLLOW(WORD_THREAD(1), word_adrp(0, AT, 0x512340),
					    WORD_LDR_X(2, 0, 0x340), WORD_ADD(0, 0, 0x340),
					    WORD_BLR(2), WORD_ADD(3, 0, 16));
	struct arm64_insn load = arm64_insn_decode(WORD_LDR_INDEXED(4, 1, 0), AT);
	struct arm64_value place = arm64_values_place(&values, &load);

	check(&place, ARM64_VALUE_THREAD_DESCRIBED, 0x512340, 0);
	load = arm64_insn_decode(WORD_LDR_INDEXED(4, 3, 1), AT);
	place = arm64_values_place(&values, &load);
	check(&place, ARM64_VALUE_THREAD_DESCRIBED, 0x512340, 16);
	/* Not the descriptor whose function it is. */
	values = FOLLOW(WORD_THREAD(1), word_adrp(0, AT, 0x512340), WORD_LDR_X(2, 0, 0x340),
			WORD_ADD(0, 0, 0x350), WORD_BLR(2));
	check(&values.regs[0], ARM64_VALUE_OTHER, 0, 0);
	check(&values.regs[1], ARM64_VALUE_OTHER, 0, 0);
	/* A word of the global offset table. */
	values = FOLLOW(WORD_THREAD(1), word_adrp(0, AT, 0x512340), WORD_LDR_X(0, 0, 0x340));
	place = arm64_values_place(&values, &load);
	assert_int_equal(place.kind, ARM64_VALUE_OTHER);
	load = arm64_insn_decode(WORD_LDR_INDEXED(4, 1, 0), AT);
	place = arm64_values_place(&values, &load);
	check(&place, ARM64_VALUE_THREAD_LOADED, 0x512340, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions),   cmocka_unit_test(test_all_words),
		cmocka_unit_test(test_addresses),      cmocka_unit_test(test_calls),
		cmocka_unit_test(test_thread_pointer), cmocka_unit_test(test_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
