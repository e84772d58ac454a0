/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of another machine than this one, as elf_builder makes them: who opens them, and that what
 * their relocations mean is their machine's.
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

#include "elf_builder.h"
#include "elf_file.h"
#include "memory.h"

static struct elf_built built;

static const uint16_t machines[] = { EM_X86_64, EM_AARCH64 };

static int open_built(int fd, uint16_t wanted, struct elf_file **ret)
{
	assert_int_equal(pwrite(fd, built.bytes, sizeof(built.bytes), 0), sizeof(built.bytes));
	*ret = NULL;
	return elf_file_open_for(fd, wanted, ret);
}

static void check_open(uint16_t machine, uint16_t wanted)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	_cleanup_(elf_file_freep) struct elf_file *here = NULL;

	elf_built_header(&built)->e_machine = machine;
	assert_int_equal(open_built(fd, wanted, &file), machine == wanted ? 0 : -ENOEXEC);
	assert_int_equal(elf_file_open(fd, &here), machine == ELF_MACHINE_HERE ? 0 : -ENOEXEC);
	if (file)
		assert_int_equal(elf_file_machine(file), machine);
}

static void test_who_opens_it(void **state)
{
	static const uint16_t others[] = { EM_NONE, EM_386, EM_ARM, EM_RISCV, 0xffff };

	elf_build(&built, 11);
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(machines); j++)
			check_open(machines[j], machines[i]);
		for (size_t j = 0; j < ARRAY_SIZE(others); j++)
			check_open(others[j], machines[i]);
	}
}

/* The file's only relocation. */
static Elf64_Rela *relocation(void)
{
	return (Elf64_Rela *)(built.bytes + elf_built_section(&built, BUILT_RELA)->sh_offset);
}

static uint64_t relative_value(uint16_t machine, uint32_t type)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	uint64_t value = 0;

	elf_built_header(&built)->e_machine = machine;
	relocation()->r_info = ELF64_R_INFO(0, type);
	assert_int_equal(open_built(fd, machine, &file), 0);
	if (elf_file_read_pointer(file, relocation()->r_offset, &value))
		return 0;
	return value;
}

static void test_relative(void **state)
{
	uint64_t value;

	elf_build(&built, 11);
	value = (uint64_t)relocation()->r_addend;
	assert_true(value != 0);
	assert_true(relative_value(EM_X86_64, R_X86_64_RELATIVE) == value);
	assert_true(relative_value(EM_AARCH64, R_AARCH64_RELATIVE) == value);
	assert_true(relative_value(EM_X86_64, R_AARCH64_RELATIVE) == 0);
	assert_true(relative_value(EM_AARCH64, R_X86_64_RELATIVE) == 0);
}

#define SYMBOL 1 /* the first that is not empty */

/* Where the address of the file's own symbol is put, if a relocation of that type does so. */
static bool is_bound(uint16_t machine, uint32_t type)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	uint64_t vaddr, at;
	const Elf64_Sym *symbols;

	elf_built_header(&built)->e_machine = machine;
	relocation()->r_info = ELF64_R_INFO(SYMBOL, type);
	symbols = (const Elf64_Sym *)(built.bytes +
				      elf_built_section(&built, BUILT_DYNSYM)->sh_offset);
	vaddr = symbols[SYMBOL].st_value;
	assert_true(vaddr != 0);
	assert_int_equal(open_built(fd, machine, &file), 0);
	at = elf_file_bound_slot(file, vaddr);
	assert_true(!at || at == relocation()->r_offset);
	return at != 0;
}

/* The table of symbols is not among what the dynamic section of these files tells of. */
static void tell_symbols(void)
{
	Elf64_Shdr *symbols = elf_built_section(&built, BUILT_DYNSYM);
	Elf64_Dyn *needed = elf_built_dynamic(&built, DT_NEEDED);

	memcpy(built.bytes + 0xd00, built.bytes + symbols->sh_offset, symbols->sh_size);
	symbols->sh_offset = 0xd00;
	*needed = (Elf64_Dyn){ .d_tag = DT_SYMTAB, .d_un = { 0xd00 } };
}

static void test_bound(void **state)
{
	elf_build(&built, 11);
	tell_symbols();
	assert_true(is_bound(EM_X86_64, R_X86_64_JUMP_SLOT));
	assert_true(is_bound(EM_X86_64, R_X86_64_GLOB_DAT));
	assert_false(is_bound(EM_X86_64, R_AARCH64_JUMP_SLOT));
	assert_true(is_bound(EM_AARCH64, R_AARCH64_JUMP_SLOT));
	assert_true(is_bound(EM_AARCH64, R_AARCH64_GLOB_DAT));
	assert_false(is_bound(EM_AARCH64, R_X86_64_JUMP_SLOT));
	assert_false(is_bound(EM_AARCH64, R_AARCH64_RELATIVE));
}

static bool fills_in(uint16_t machine, uint32_t type, enum elf_tls what)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	uint64_t at = relocation()->r_offset;

	elf_built_header(&built)->e_machine = machine;
	relocation()->r_info = ELF64_R_INFO(0, type);
	assert_int_equal(open_built(fd, machine, &file), 0);
	assert_false(elf_file_fills_in_tls(file, at + 8, what));
	return elf_file_fills_in_tls(file, at, what);
}

static void test_thread_local(void **state)
{
	elf_build(&built, 15);
	assert_true(fills_in(EM_AARCH64, R_AARCH64_TLSDESC, ELF_TLS_DESCRIPTOR));
	assert_true(fills_in(EM_AARCH64, R_AARCH64_TLS_TPREL, ELF_TLS_OFFSET));
	assert_true(fills_in(EM_X86_64, R_X86_64_TLSDESC, ELF_TLS_DESCRIPTOR));
	assert_true(fills_in(EM_X86_64, R_X86_64_TPOFF64, ELF_TLS_OFFSET));
	assert_false(fills_in(EM_AARCH64, R_AARCH64_TLSDESC, ELF_TLS_OFFSET));
	assert_false(fills_in(EM_AARCH64, R_AARCH64_RELATIVE, ELF_TLS_DESCRIPTOR));
	assert_false(fills_in(EM_AARCH64, R_X86_64_TLSDESC, ELF_TLS_DESCRIPTOR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_opens_it),
		cmocka_unit_test(test_relative),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_thread_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
