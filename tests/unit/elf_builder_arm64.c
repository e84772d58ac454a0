/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine code of elf_builder.h's files for arm64, as GCC makes it of CPython. */
#include <string.h>

#include "arm64_words.h"
#include "elf_builder_layout.h"

struct code {
	struct elf_built *built;
	uint64_t vaddr; /* where the next word comes to */
};

static struct code at(struct elf_built *built, size_t function)
{
	return (struct code){ built, TEXT_OFFSET + function };
}

/* Hosts of tests are little-endian, too. */
static void put(struct code *code, uint32_t word)
{
	memcpy(code->built->bytes + code->vaddr, &word, sizeof(word));
	code->vaddr += sizeof(word);
}

static void put_page(struct code *code, unsigned int reg, uint64_t target)
{
	put(code, word_adrp(reg, code->vaddr, target));
}

/* nop, where the note is; a test of the semaphore. */
static void put_eval(struct elf_built *built)
{
	struct code code = at(built, AT_EVAL);

	put(&code, WORD_NOP);
	put_page(&code, 0, elf_built_semaphore());
	put(&code, WORD_LDRH(0, 0, low_of(elf_built_semaphore())));
	put(&code, WORD_MOVE(3, 1));
	put(&code, WORD_CBNZ_W(0, 16));
	put(&code, WORD_RET);
}

static void put_get_tstate(struct elf_built *built)
{
	struct code code = at(built, AT_GET_TSTATE);

	if (built->minor < 15) {
		put_page(&code, 1, DATA_VADDR + AT_TLS_KEY);
		put(&code, WORD_LDR_W(0, 1, low_of(DATA_VADDR + AT_TLS_KEY)));
	} else {
		put(&code, WORD_THREAD(0));
		put(&code, WORD_PACIASP);
		put(&code, WORD_ADD(0, 0, ELF_BUILT_ARM64_TLS));
		put(&code, WORD_LDR_X(0, 0, 0));
	}
	put(&code, WORD_RET);
}

static void put_get_version(struct elf_built *built)
{
	struct code code = at(built, AT_GET_VERSION);

	put_page(&code, 0, TEXT_OFFSET + AT_VERSION_TEXT);
	put(&code, WORD_ADD(0, 0, low_of(TEXT_OFFSET + AT_VERSION_TEXT)));
	put(&code, WORD_RET);
}

static void put_code_new(struct elf_built *built)
{
	struct code code = at(built, AT_CODE_NEW);

	put_page(&code, 1, DATA_VADDR + AT_CODE_VERSION);
	put(&code, WORD_LDR_W(0, 1, low_of(DATA_VADDR + AT_CODE_VERSION)));
	put(&code, WORD_STR_W(0, 19, 92));
	put(&code, WORD_RET);
}

static void put_dict(struct elf_built *built, size_t function)
{
	struct code code = at(built, function);

	put_page(&code, 1, DICT_VERSION_VADDR);
	put(&code, WORD_LDR_X(0, 1, low_of(DICT_VERSION_VADDR)));
	put(&code, WORD_ADD(0, 0, 1));
	put(&code, WORD_STR_X(0, 1, low_of(DICT_VERSION_VADDR)));
	put(&code, WORD_STP_X(31, 0, 19, 16));
	put(&code, WORD_RET);
}

static void put_caller(struct elf_built *built, size_t function, size_t called)
{
	struct code code = at(built, function);

	put(&code, WORD_PUSH_LINK);
	put(&code, WORD_BL((int64_t)called - (int64_t)(code.vaddr - TEXT_OFFSET)));
	put(&code, WORD_RET);
}

/* What all functions of which nothing is asked but where they are begin with. */
static void put_function(struct elf_built *built, size_t function)
{
	struct code code = at(built, function);

	put(&code, WORD_BTI_C);
	put(&code, WORD_PACIASP);
	put(&code, WORD_PUSH_LINK);
	put(&code, WORD_RET);
}

static void put_ends(struct elf_built *built)
{
	size_t whole = built->minor < FIRST_FINALIZER ? AT_FINALIZE : AT_FINALIZER;
	struct code wrapper = at(built, AT_FINALIZE);

	if (whole != AT_FINALIZE)
		put(&wrapper, WORD_B((int64_t)whole - AT_FINALIZE));
	put_function(built, whole);
	put_caller(built, AT_EXIT, whole);
	put_caller(built, AT_RUN_MAIN, whole);
}

void elf_build_arm64(struct elf_built *built)
{
	put_eval(built);
	put_get_version(built);
	put_get_tstate(built);
	put_code_new(built);
	put_dict(built, AT_DICT_NEW);
	put_dict(built, AT_DICT_CLEAR);
	put_function(built, AT_CODE_DEALLOC);
	put_function(built, AT_FRAME_CLEAR);
	put_ends(built);
}
