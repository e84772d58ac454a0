/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See cfi_program.h. Instructions: DWARF 5, 6.4.2 and 7.24; GNU's own: LSB Core, DWARF Extensions.
 * Expressions: DWARF 5, 2.5; only those that compilers and linkers write are known.
 */
#include "cfi_program.h"

#include <string.h>

#include "memory.h"

#define RETURN_AT (-8) /* CFA: the call has pushed it */

/* The high two bits, with an operand in the low six; or else all of it. */
enum {
	CFA_ADVANCE_LOC = 0x40,
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
	CFA_NOP = 0x00,
	CFA_ADVANCE_LOC1 = 0x02,
	CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f,
};

enum {
	OP_DEREF = 0x06,
	OP_LIT0 = 0x30,
	OP_LIT15 = 0x3f,
	OP_BREG6 = 0x76, /* rbp + */
};

/* ---- Expressions ---- */

/* DW_OP_breg6 n, and whatever follows. */
static bool take_by_rbp(struct cfi_bytes *expression, int64_t *ret_offset)
{
	if (cfi_fixed(expression, 1) != OP_BREG6)
		return false;
	*ret_offset = cfi_signed(expression);
	return !expression->is_bad;
}

/*
 * What GNU ld writes for lazy PLT entries, which push one word in the middle of their 16 bytes
 * (elf_x86_64_eh_frame_lazy_plt, bfd/elf64-x86-64.c): rsp + 8 + ((rip & 15) >= n) << 3. n is 11, 10
 * where entries begin with endbr64.
 */
static bool is_plt(const struct cfi_bytes *expression, int64_t *ret_offset)
{
	static const uint8_t head[] = { 0x77, 8, 0x80, 0, 0x3f, 0x1a };
	static const uint8_t tail[] = { 0x2a, 0x33, 0x24, 0x22 };
	const uint8_t *at = expression->at;

	if (expression->end - at != sizeof(head) + 1 + sizeof(tail) ||
	    memcmp(at, head, sizeof(head)) != 0 ||
	    memcmp(at + sizeof(head) + 1, tail, sizeof(tail)) != 0)
		return false;
	at += sizeof(head);
	*ret_offset = *at - OP_LIT0;
	return *at >= OP_LIT0 && *at <= OP_LIT15;
}

static void set_cfa_expression(struct cfi_state *state, struct cfi_bytes expression)
{
	int64_t offset = 0;

	state->cfa = UNWIND_CFA_NONE;
	if (is_plt(&expression, &offset))
		state->cfa = UNWIND_CFA_PLT;
	else if (take_by_rbp(&expression, &offset) && cfi_fixed(&expression, 1) == OP_DEREF &&
		 expression.at == expression.end)
		state->cfa = UNWIND_CFA_AT_RBP;
	state->cfa_offset = offset;
}

/* ---- Instructions ---- */

static void set_cfa_register(struct cfi_state *state, uint64_t reg)
{
	if (reg == CFI_REGISTER_RSP)
		state->cfa = UNWIND_CFA_RSP;
	else if (reg == CFI_REGISTER_RBP)
		state->cfa = UNWIND_CFA_RBP;
	else
		state->cfa = UNWIND_CFA_NONE;
}

/* Of a register that nobody asks for: NULL. */
static struct cfi_place *place_of(struct cfi_state *state, uint64_t reg)
{
	switch (reg) {
	case CFI_REGISTER_RBP:
		return &state->rbp;
	case CFI_REGISTER_RSP:
		return &state->rsp;
	case CFI_REGISTER_RETURN:
		return &state->address;
	default:
		return NULL;
	}
}

static void set_place(struct cfi_run *run, uint64_t reg, enum cfi_place_kind kind, int64_t offset)
{
	struct cfi_place *place = place_of(&run->state, reg);

	if (place)
		*place = (struct cfi_place){ kind, offset };
}

/* An offset in units of the CIE's. */
static int64_t scale(struct cfi_run *run, int64_t factored)
{
	int64_t offset = 0;

	if (__builtin_mul_overflow(factored, run->common->data_factor, &offset))
		run->is_lost = true;
	return offset;
}

static int64_t take_offset(struct cfi_run *run, bool is_signed)
{
	uint64_t offset = is_signed ? (uint64_t)cfi_signed(&run->code) : cfi_unsigned(&run->code);

	if (!is_signed && offset > INT64_MAX)
		run->is_lost = true;
	return (int64_t)offset;
}

static void save_at_cfa(struct cfi_run *run, uint64_t reg, bool is_signed)
{
	set_place(run, reg, CFI_PLACE_BY_CFA, scale(run, take_offset(run, is_signed)));
}

static void save_at_expression(struct cfi_run *run)
{
	uint64_t reg = cfi_unsigned(&run->code);
	struct cfi_bytes expression = cfi_block(&run->code, cfi_unsigned(&run->code));
	int64_t offset;

	if (take_by_rbp(&expression, &offset) && expression.at == expression.end)
		set_place(run, reg, CFI_PLACE_BY_RBP, offset);
	else
		set_place(run, reg, CFI_PLACE_ELSEWHERE, 0);
}

static void save_elsewhere(struct cfi_run *run, uint8_t instruction)
{
	uint64_t reg = cfi_unsigned(&run->code), operand = cfi_unsigned(&run->code);

	if (instruction == CFA_VAL_EXPRESSION)
		cfi_block(&run->code, operand);
	set_place(run, reg, CFI_PLACE_ELSEWHERE, 0);
}

static void restore(struct cfi_run *run, uint64_t reg)
{
	struct cfi_state begin = run->common->state;
	const struct cfi_place *place = place_of(&begin, reg);

	if (run->is_common)
		run->is_lost = true;
	else if (place)
		set_place(run, reg, place->kind, place->offset);
}

static void remember(struct cfi_run *run)
{
	if (run->nr_remembered == CFI_MAX_REMEMBERED)
		run->is_lost = true;
	else
		run->remembered[run->nr_remembered++] = run->state;
}

static void recall(struct cfi_run *run)
{
	if (!run->nr_remembered)
		run->is_lost = true;
	else
		run->state = run->remembered[--run->nr_remembered];
}

static void define_cfa(struct cfi_run *run, bool is_signed)
{
	set_cfa_register(&run->state, cfi_unsigned(&run->code));
	run->state.cfa_offset = take_offset(run, is_signed);
	if (is_signed)
		run->state.cfa_offset = scale(run, run->state.cfa_offset);
}

/* Both change one half of register + offset: after an expression there is none. */
static bool has_register(const struct cfi_state *state)
{
	return state->cfa != UNWIND_CFA_AT_RBP && state->cfa != UNWIND_CFA_PLT;
}

static void change_cfa_register(struct cfi_run *run)
{
	bool has_offset = has_register(&run->state);

	set_cfa_register(&run->state, cfi_unsigned(&run->code));
	if (!has_offset)
		run->is_lost = true;
}

static void change_cfa_offset(struct cfi_run *run, bool is_signed)
{
	run->state.cfa_offset = take_offset(run, is_signed);
	if (is_signed)
		run->state.cfa_offset = scale(run, run->state.cfa_offset);
	if (!has_register(&run->state))
		run->is_lost = true;
}

/* A place below the CFA, by a number that is not negative: DW_CFA_offset_extended_sf came later. */
static void save_below(struct cfi_run *run)
{
	uint64_t reg = cfi_unsigned(&run->code);
	int64_t offset = scale(run, take_offset(run, false));

	if (offset == INT64_MIN)
		run->is_lost = true;
	else
		set_place(run, reg, CFI_PLACE_BY_CFA, -offset);
}

/* All that say where a register is. False: it is none of them. */
static bool do_place(struct cfi_run *run, uint8_t instruction)
{
	switch (instruction) {
	case CFA_OFFSET_EXTENDED:
	case CFA_OFFSET_EXTENDED_SF:
		save_at_cfa(run, cfi_unsigned(&run->code), instruction == CFA_OFFSET_EXTENDED_SF);
		return true;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		save_below(run);
		return true;
	case CFA_RESTORE_EXTENDED:
		restore(run, cfi_unsigned(&run->code));
		return true;
	case CFA_UNDEFINED:
		set_place(run, cfi_unsigned(&run->code), CFI_PLACE_UNDEFINED, 0);
		return true;
	case CFA_SAME_VALUE:
		set_place(run, cfi_unsigned(&run->code), CFI_PLACE_SAME, 0);
		return true;
	case CFA_EXPRESSION:
		save_at_expression(run);
		return true;
	case CFA_REGISTER:
	case CFA_VAL_OFFSET:
	case CFA_VAL_OFFSET_SF:
	case CFA_VAL_EXPRESSION:
		save_elsewhere(run, instruction);
		return true;
	default:
		return false;
	}
}

/* All else that moves nowhere. False: it is not known. */
static bool do_frame(struct cfi_run *run, uint8_t instruction)
{
	switch (instruction) {
	case CFA_NOP:
		return true;
	case CFA_GNU_ARGS_SIZE:
		cfi_unsigned(&run->code);
		return true;
	case CFA_REMEMBER_STATE:
		remember(run);
		return true;
	case CFA_RESTORE_STATE:
		recall(run);
		return true;
	case CFA_DEF_CFA:
	case CFA_DEF_CFA_SF:
		define_cfa(run, instruction == CFA_DEF_CFA_SF);
		return true;
	case CFA_DEF_CFA_REGISTER:
		change_cfa_register(run);
		return true;
	case CFA_DEF_CFA_OFFSET:
	case CFA_DEF_CFA_OFFSET_SF:
		change_cfa_offset(run, instruction == CFA_DEF_CFA_OFFSET_SF);
		return true;
	case CFA_DEF_CFA_EXPRESSION:
		set_cfa_expression(&run->state, cfi_block(&run->code, cfi_unsigned(&run->code)));
		return true;
	default:
		return do_place(run, instruction);
	}
}

/* How far an instruction moves on, in units of the CIE's; 0: it does something else. */
static uint64_t take_advance(struct cfi_run *run, uint8_t instruction)
{
	if ((instruction & 0xc0) == CFA_ADVANCE_LOC)
		return instruction & 0x3f;
	switch (instruction) {
	case CFA_ADVANCE_LOC1:
		return cfi_fixed(&run->code, 1);
	case CFA_ADVANCE_LOC2:
		return cfi_fixed(&run->code, 2);
	case CFA_ADVANCE_LOC4:
		return cfi_fixed(&run->code, 4);
	default:
		return 0;
	}
}

static bool is_advance(uint8_t instruction)
{
	return (instruction & 0xc0) == CFA_ADVANCE_LOC ||
	       (instruction >= CFA_ADVANCE_LOC1 && instruction <= CFA_ADVANCE_LOC4);
}

static void advance(struct cfi_run *run, uint64_t units)
{
	uint64_t step, to;

	if (run->is_common) {
		run->is_lost = true;
		return;
	}
	if (__builtin_mul_overflow(units, run->common->code_factor, &step) ||
	    __builtin_add_overflow(run->at, step, &to))
		to = run->bytes;
	run->at = to;
}

static void step(struct cfi_run *run)
{
	uint8_t instruction = (uint8_t)cfi_fixed(&run->code, 1);

	if (is_advance(instruction))
		advance(run, take_advance(run, instruction));
	else if ((instruction & 0xc0) == CFA_OFFSET)
		save_at_cfa(run, instruction & 0x3f, false);
	else if ((instruction & 0xc0) == CFA_RESTORE)
		restore(run, instruction & 0x3f);
	else if (!do_frame(run, instruction))
		run->is_lost = true;
	run->is_lost |= run->code.is_bad;
}

/* ---- Rows ---- */

static bool set_rbp(const struct cfi_place *place, struct wire_unwind_rule *ret)
{
	static const enum unwind_rbp kinds[] = {
		[CFI_PLACE_SAME] = UNWIND_RBP_SAME,
		[CFI_PLACE_BY_CFA] = UNWIND_RBP_BY_CFA,
		[CFI_PLACE_BY_RBP] = UNWIND_RBP_BY_RBP,
	};

	if (place->kind == CFI_PLACE_UNDEFINED || place->kind == CFI_PLACE_ELSEWHERE ||
	    place->offset < INT16_MIN || place->offset > INT16_MAX)
		return false;
	ret->rbp = (uint8_t)kinds[place->kind];
	ret->rbp_offset = (int16_t)place->offset;
	return true;
}

static struct wire_unwind_rule rule_of(const struct cfi_state *state)
{
	struct wire_unwind_rule rule = { 0 };

	if (state->address.kind == CFI_PLACE_UNDEFINED)
		return (struct wire_unwind_rule){ .cfa = UNWIND_CFA_END };
	if (state->cfa == UNWIND_CFA_NONE || state->address.kind != CFI_PLACE_BY_CFA ||
	    state->address.offset != RETURN_AT || state->rsp.kind != CFI_PLACE_SAME ||
	    state->cfa_offset < INT32_MIN || state->cfa_offset > INT32_MAX ||
	    !set_rbp(&state->rbp, &rule))
		return (struct wire_unwind_rule){ 0 };
	rule.cfa = (uint8_t)state->cfa;
	rule.cfa_offset = (int32_t)state->cfa_offset;
	return rule;
}

bool cfi_program_common(struct cfi_bytes code, struct cfi_common *ret)
{
	struct cfi_run run;

	cfi_program_begin(&run, ret, code, 0);
	run.state = (struct cfi_state){ 0 };
	run.is_common = true;
	while (run.code.at < run.code.end && !run.is_lost)
		step(&run);
	ret->state = run.state;
	return !run.is_lost;
}

void cfi_program_begin(struct cfi_run *run, const struct cfi_common *common, struct cfi_bytes code,
		       uint64_t bytes)
{
	run->common = common;
	run->code = code;
	run->state = common->state;
	run->nr_remembered = 0;
	run->is_common = false;
	run->is_lost = false;
	run->at = 0;
	run->bytes = bytes;
}

bool cfi_program_next(struct cfi_run *run, uint64_t *ret_at, struct wire_unwind_rule *ret_rule)
{
	uint64_t at = run->at;

	if (at >= run->bytes)
		return false;
	while (run->at == at && !run->is_lost && run->code.at < run->code.end)
		step(run);
	/* The program is over, and its last row holds to the end. */
	if (run->at == at)
		run->at = run->bytes;
	*ret_at = at;
	*ret_rule = run->is_lost ? (struct wire_unwind_rule){ 0 } : rule_of(&run->state);
	return true;
}
