/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a runtime's end is probed, in files that elf_builder makes: the function that is always
 * passed, never a place that is no code, and doubt where a program's end was not seen to come
 * there. Real interpreters: test_target_interpreter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf_builder.h"
#include "interpreter.h"
#include "memory.h"

#define LANDING_BYTES 4 /* what elf_builder's functions begin with */
#define FIRST_SPLIT 13
#define FIRST_RUN_MAIN 8

static struct elf_built built;

static struct runtime_ends find(void)
{
	_cleanup_(closep) int fd = memfd_create("built", MFD_CLOEXEC);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	struct interpreter interpreter;

	assert_int_equal(pwrite(fd, built.bytes, sizeof(built.bytes), 0), sizeof(built.bytes));
	assert_int_equal(elf_file_open_for(fd, EM_X86_64, &file), 0);
	assert_int_equal(interpreter_inspect_in(file, INTERPRETER_ANY, &interpreter), 0);
	return interpreter.ends;
}

static uint64_t address_of(const char *name)
{
	return elf_built_exported(&built, name)->st_value;
}

static void check_unknown(void)
{
	struct runtime_ends ends = find();

	assert_int_equal(ends.doubt, RUNTIME_ENDS_UNKNOWN);
	assert_int_equal(ends.offsets[0], 0);
	assert_int_equal(ends.offsets[1], 0);
	assert_non_null(runtime_ends_reason(ends.doubt));
}

/* Also where Py_RunMain passes Py_FinalizeEx by. */
static void test_what_all_ends_pass(void **state)
{
	for (unsigned int i = 0; i < ELF_BUILT_NR_MINORS; i++) {
		struct runtime_ends ends;
		uint64_t whole;

		elf_build(&built, ELF_BUILT_FIRST_MINOR + i);
		whole = built.minor < FIRST_SPLIT ? address_of("Py_FinalizeEx")
						  : elf_built_finalizer();
		ends = find();
		assert_int_equal(ends.offsets[0], whole + LANDING_BYTES);
		assert_int_equal(ends.offsets[1], 0);
		assert_int_equal(ends.doubt, RUNTIME_ENDS_SURE);
		assert_null(runtime_ends_reason(ends.doubt));
	}
}

/* A branch with the opcode, of so many bytes, from one address to another. */
static void put_branch(uint64_t at, const char *opcode, size_t size, uint64_t target)
{
	int32_t distance = (int32_t)(target - (at + size + sizeof(distance)));

	memcpy(built.bytes + at, opcode, size);
	memcpy(built.bytes + at + size, &distance, sizeof(distance));
}

static void test_run_main_by_the_wrapper(void **state)
{
	elf_build(&built, 14);
	put_branch(address_of("Py_RunMain"), "\xe8", 1, address_of("Py_FinalizeEx"));
	assert_int_equal(find().doubt, RUNTIME_ENDS_SURE);
	assert_int_equal(find().offsets[0], elf_built_finalizer() + LANDING_BYTES);
}

/* gcc tests first whether there is a runtime: _Py_Finalize.part.0. */
static void test_conditional_wrapper(void **state)
{
	elf_build(&built, 13);
	put_branch(address_of("Py_FinalizeEx"), "\x85\xc0\x0f\x85", 4, elf_built_finalizer());
	assert_int_equal(find().offsets[0], elf_built_finalizer() + LANDING_BYTES);
}

/* It may go elsewhere than all that is known. */
static void test_run_main_elsewhere(void **state)
{
	for (unsigned int minor = FIRST_RUN_MAIN; minor <= 15; minor++) {
		elf_build(&built, minor);
		put_branch(address_of("Py_RunMain"), "\x53\xe8", 2, address_of("PyDict_New"));
		assert_int_equal(find().doubt, RUNTIME_ENDS_DOUBTFUL);
		assert_true(find().offsets[0] != 0);
		assert_non_null(runtime_ends_reason(RUNTIME_ENDS_DOUBTFUL));
	}
}

/* Without a function that both go to, each is an end of its own. */
static void test_nothing_shared(void **state)
{
	struct runtime_ends ends;

	elf_build(&built, 14);
	put_branch(address_of("Py_Exit"), "\x53\xe8", 2, address_of("PyDict_New"));
	ends = find();
	assert_int_equal(ends.offsets[0], address_of("Py_FinalizeEx"));
	assert_int_equal(ends.offsets[1], address_of("Py_Exit"));
	assert_int_equal(ends.doubt, RUNTIME_ENDS_DOUBTFUL);
}

/* Data that could be an instruction: push %rbp. */
static uint64_t put_data(void)
{
	const Elf64_Phdr *data = (Elf64_Phdr *)(built.bytes + sizeof(Elf64_Ehdr)) + 1;
	uint64_t vaddr = address_of("PyCode_Type");

	built.bytes[vaddr - data->p_vaddr + data->p_offset] = 0x55;
	return vaddr;
}

/* A breakpoint in data would change what the program reads. */
static void test_no_code(void **state)
{
	for (unsigned int i = 0; i < ELF_BUILT_NR_MINORS; i++) {
		elf_build(&built, ELF_BUILT_FIRST_MINOR + i);
		elf_built_exported(&built, "Py_FinalizeEx")->st_value = put_data();
		check_unknown();
		elf_built_exported(&built, "Py_FinalizeEx")->st_value = UINT64_MAX;
		check_unknown();
	}
}

static void test_finalizer_that_is_no_code(void **state)
{
	uint64_t data;

	elf_build(&built, 14);
	data = put_data();
	put_branch(address_of("Py_FinalizeEx"), "\xe9", 1, data);
	put_branch(address_of("Py_Exit"), "\x53\xe8", 2, data);
	assert_int_equal(find().offsets[0], address_of("Py_FinalizeEx"));
	assert_int_equal(find().offsets[1], address_of("Py_Exit"));
	assert_int_equal(find().doubt, RUNTIME_ENDS_DOUBTFUL);
}

static void test_exit_that_is_no_code(void **state)
{
	elf_build(&built, 14);
	elf_built_exported(&built, "Py_Exit")->st_value = put_data();
	assert_int_equal(find().offsets[0], address_of("Py_FinalizeEx"));
	assert_int_equal(find().offsets[1], 0);
}

/* Which the kernel would single-step, and whose length nobody knows: ud2. */
static void test_unknown_instruction(void **state)
{
	elf_build(&built, 12);
	memcpy(built.bytes + address_of("Py_FinalizeEx"), "\x0f\x0b", 2);
	check_unknown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_all_ends_pass),
		cmocka_unit_test(test_run_main_by_the_wrapper),
		cmocka_unit_test(test_conditional_wrapper),
		cmocka_unit_test(test_run_main_elsewhere),
		cmocka_unit_test(test_nothing_shared),
		cmocka_unit_test(test_no_code),
		cmocka_unit_test(test_finalizer_that_is_no_code),
		cmocka_unit_test(test_exit_that_is_no_code),
		cmocka_unit_test(test_unknown_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
