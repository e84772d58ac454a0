/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of arm64 as elf_builder makes them, inspected on whatever machine this is: what is found is
 * where it was put, and nothing is where the code is changed. What was found in Debian's files for
 * arm64 is in the commits.
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
#include "elf_builder.h"
#include "elf_file.h"
#include "interpreter.h"
#include "memory.h"

static struct elf_built built;

static void build(unsigned int minor)
{
	elf_build_for(&built, minor, EM_AARCH64);
}

static int inspect(struct interpreter *ret)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;

	assert_int_equal(pwrite(fd, built.bytes, sizeof(built.bytes), 0), sizeof(built.bytes));
	assert_int_equal(elf_file_open_for(fd, EM_AARCH64, &file), 0);
	return interpreter_inspect_in(file, INTERPRETER_ANY, ret);
}

static uint64_t address_of(const char *name)
{
	return elf_built_exported(&built, name)->st_value;
}

/* So many words at a function, instead of what is there. */
static void put(const char *name, const uint32_t *words, size_t count)
{
	memcpy(built.bytes + address_of(name), words, count * sizeof(*words));
}

#define PUT(name, ...) \
	put(name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void test_every_version(void **state)
{
	for (unsigned int i = 0; i < ELF_BUILT_NR_MINORS; i++) {
		struct interpreter found, x86;

		elf_build(&built, ELF_BUILT_FIRST_MINOR + i);
		elf_built_header(&built)->e_machine = EM_AARCH64;
		/* Code of another machine says nothing, but where symbols do. */
		inspect(&x86);
		build(ELF_BUILT_FIRST_MINOR + i);
		assert_int_equal(inspect(&found), 0);
		assert_int_equal(found.layout.version, 0x300 | built.minor);
		assert_true(found.verified);
		assert_false(found.table_disagrees);
		assert_true(built.minor < 7 || found.layout.interpreters_vaddr);
		assert_int_equal(found.layout.tstate_by,
				 built.minor < 15 ? TSTATE_BY_PTHREAD_KEY : TSTATE_BY_TLS);
		assert_true(!!found.layout.generation_vaddr == (built.minor < 13));
		assert_true(built.minor > 11 || x86.layout.generation_vaddr == 0);
	}
}

/* What the code of a version alone tells: where its symbols are not there. */
static void test_without_symbols(void **state)
{
	struct interpreter with, found;

	build(6);
	assert_int_equal(inspect(&with), 0);
	elf_built_section(&built, BUILT_SYMTAB)->sh_type = SHT_NULL;
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.key_vaddr != 0);
	assert_true(found.layout.key_vaddr == with.layout.key_vaddr);
	/* Not the first argument, or of eight bytes. */
	build(6);
	elf_built_section(&built, BUILT_SYMTAB)->sh_type = SHT_NULL;
	built.bytes[address_of("PyGILState_GetThisThreadState") + 4] |= 2;
	assert_int_equal(inspect(&found), -ENOTSUP);
}

/* Both of the functions that are asked must say the same. */
static void test_dict_version(void **state)
{
	static const uint32_t other[] = { WORD_LDR_X(0, 1, 0), WORD_ADD(0, 0, 1),
					  WORD_STR_X(0, 1, 8), WORD_STP_X(31, 0, 19, 16) };
	struct interpreter found;

	build(9);
	put("PyDict_Clear", other, ARRAY_SIZE(other));
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.generation_vaddr == 0);
}

/* Stored apart, as most functions do. */
static void test_dict_version_stored_alone(void **state)
{
	struct interpreter with, found;
	uint64_t at;
	uint32_t store = WORD_STR_X(0, 19, 24);

	build(9);
	assert_int_equal(inspect(&with), 0);
	at = address_of("PyDict_New") + 16;
	memcpy(built.bytes + at, &store, sizeof(store));
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.generation_vaddr == with.layout.generation_vaddr);
	store = WORD_STR_X(0, 19, 16);
	memcpy(built.bytes + at, &store, sizeof(store));
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.generation_vaddr == 0);
}

static void test_code_version(void **state)
{
	struct interpreter found;
	uint32_t store = WORD_STR_W(0, 19, 96);

	build(12);
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.generation_vaddr != 0);
	memcpy(built.bytes + address_of("_PyCode_New") + 8, &store, sizeof(store));
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.generation_vaddr == 0);
}

static void test_static_tls(void **state)
{
	struct interpreter found;

	build(15);
	assert_int_equal(inspect(&found), 0);
	assert_int_equal(found.layout.tls_bound.offset, ELF_BUILT_ARM64_TLS);
	assert_int_equal(found.layout.tls_bound.is_word, 0);
	assert_true(found.layout.tls_bound.index_vaddr == 0);
	/* As Debian's programs are linked: a page of offsets, then the rest. */
	PUT("PyGILState_GetThisThreadState", WORD_THREAD(0), 0x91400400, WORD_ADD(0, 0, 0x18),
	    WORD_LDR_X(0, 0, 8), WORD_RET);
	assert_int_equal(inspect(&found), 0);
	assert_int_equal(found.layout.tls_bound.offset, 4096 + 0x20);
	/* The thread pointer's own words are no variable, nor is what is not a pointer. */
	PUT("PyGILState_GetThisThreadState", WORD_THREAD(0), WORD_LDR_X(0, 0, 8), WORD_RET);
	assert_int_equal(inspect(&found), -ENOTSUP);
	assert_non_null(found.reason);
	PUT("PyGILState_GetThisThreadState", WORD_THREAD(0), WORD_LDR_W(0, 0, 32), WORD_RET);
	assert_int_equal(inspect(&found), -ENOTSUP);
}

/* The only relocation of the file fills it in. */
static Elf64_Rela *relocation(void)
{
	return (Elf64_Rela *)(built.bytes + elf_built_section(&built, BUILT_RELA)->sh_offset);
}

static void test_described_tls(void **state)
{
	struct interpreter found;
	uint64_t at, slot;

	build(15);
	at = address_of("PyGILState_GetThisThreadState");
	slot = relocation()->r_offset;
	relocation()->r_info = R_AARCH64_TLSDESC;
	PUT("PyGILState_GetThisThreadState", WORD_PACIASP, WORD_THREAD(1), WORD_PUSH_LINK,
	    word_adrp(0, at + 12, slot), WORD_LDR_X(2, 0, low_of(slot)),
	    WORD_ADD(0, 0, low_of(slot)), WORD_BLR(2), WORD_LDR_INDEXED(0, 1, 0), WORD_RET);
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.tls_bound.index_vaddr == slot + 8);
	assert_int_equal(found.layout.tls_bound.is_word, 1);
	assert_int_equal(found.layout.tls_bound.offset, 0);
	/* Nothing fills it in. */
	relocation()->r_info = R_AARCH64_RELATIVE;
	assert_int_equal(inspect(&found), -ENOTSUP);
	/* A call of something else. */
	relocation()->r_info = R_AARCH64_TLSDESC;
	PUT("PyGILState_GetThisThreadState", WORD_PACIASP, WORD_THREAD(1), WORD_PUSH_LINK,
	    word_adrp(0, at + 12, slot), WORD_LDR_X(2, 0, low_of(slot)),
	    WORD_ADD(0, 0, low_of(slot)), WORD_BLR(3), WORD_LDR_INDEXED(0, 1, 0), WORD_RET);
	assert_int_equal(inspect(&found), -ENOTSUP);
}

/* Initial-exec code: the offset itself lies in the global offset table. */
static void test_tls_by_a_word(void **state)
{
	struct interpreter found;
	uint64_t at, slot;

	build(15);
	at = address_of("PyGILState_GetThisThreadState");
	slot = relocation()->r_offset;
	relocation()->r_info = R_AARCH64_TLS_TPREL;
	PUT("PyGILState_GetThisThreadState", WORD_THREAD(1), word_adrp(0, at + 4, slot),
	    WORD_LDR_X(0, 0, low_of(slot)), WORD_LDR_INDEXED(0, 1, 0), WORD_RET);
	assert_int_equal(inspect(&found), 0);
	assert_true(found.layout.tls_bound.index_vaddr == slot);
	assert_int_equal(found.layout.tls_bound.is_word, 1);
	relocation()->r_info = R_AARCH64_TLSDESC;
	assert_int_equal(inspect(&found), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_without_symbols),
		cmocka_unit_test(test_dict_version),
		cmocka_unit_test(test_dict_version_stored_alone),
		cmocka_unit_test(test_code_version),
		cmocka_unit_test(test_static_tls),
		cmocka_unit_test(test_described_tls),
		cmocka_unit_test(test_tls_by_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
