/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files made to cost memory or time: every claim has a limit, and the work is bounded by bytes
 * that are counted, not by how often something is asked for. Large files here have holes.
 */
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
#include "interpreter.h"
#include "memory.h"
#include "probe_plan.h"

static struct elf_built built;
static struct interpreter interpreter;
static struct probe_plan plan;

/* A file of the built bytes, and of a hole behind them up to `size`. */
static int file_of_built(uint64_t size)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC);

	assert_int_equal(pwrite(fd, built.bytes, sizeof(built.bytes), 0), sizeof(built.bytes));
	if (size > sizeof(built.bytes))
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int inspect(uint64_t size)
{
	_cleanup_(closep) int fd = file_of_built(size);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;
	int err = elf_file_open_for(fd, built.machine, &file);

	memset(&interpreter, 0, sizeof(interpreter));
	if (err)
		return err == -ENOEXEC ? -ENOENT : err;
	return interpreter_inspect_in(file, INTERPRETER_ANY, &interpreter);
}

static int find_plan(uint64_t size)
{
	_cleanup_(closep) int fd = file_of_built(size);
	_cleanup_(elf_file_freep) struct elf_file *file = NULL;

	assert_int_equal(inspect(size), 0);
	assert_int_equal(elf_file_open_for(fd, built.machine, &file), 0);
	return probe_plan_find_in(file, &interpreter, false, &plan);
}

/* What is damaged below is whole before. */
static void test_built(void **state)
{
	for (unsigned int i = 0; i < ELF_BUILT_NR_MINORS; i++) {
		elf_build(&built, ELF_BUILT_FIRST_MINOR + i);
		assert_int_equal(find_plan(0), 0);
		assert_int_equal(interpreter.version_hex >> 16, 0x300 | built.minor);
		assert_int_equal(plan.nr_sites, 1);
		assert_true(plan.code_death);
		assert_int_equal(!interpreter.layout.generation_vaddr, built.minor >= 13);
	}
}

#define MB(count) ((uint64_t)(count) << 20)

/* 8 KB that claimed 20 million sections took 5.3 GB. */
static void test_sections_without_end(void **state)
{
	static const uint64_t counts[] = { 1025, 20000000, UINT32_MAX, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		elf_build(&built, 8);
		elf_built_section(&built, BUILT_NULL)->sh_size = counts[i];
		elf_built_header(&built)->e_shnum = 0;
		assert_int_equal(inspect(MB(4000)), -E2BIG);
	}
	/* As many as are there, counted in the same way, are read. */
	elf_built_section(&built, BUILT_NULL)->sh_size = NR_BUILT_SECTIONS;
	assert_int_equal(inspect(0), 0);
	elf_built_header(&built)->e_shnum = 1000;
	assert_int_equal(inspect(0), -ENOENT); /* beyond the file's end */
}

static void enlarge(enum built_section index, uint64_t offset, uint64_t bytes)
{
	elf_built_section(&built, index)->sh_offset = offset;
	elf_built_section(&built, index)->sh_size = bytes;
}

static void test_large_tables(void **state)
{
	static const enum built_section tables[] = { BUILT_DYNSYM, BUILT_DYNSTR };

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		elf_build(&built, 8);
		enlarge(BUILT_SYMTAB, 0, 0);
		enlarge(tables[i], MB(1), MB(64) + 1);
		assert_int_equal(inspect(MB(100)), -E2BIG);
		enlarge(tables[i], MB(1), UINT64_MAX);
		assert_int_equal(inspect(MB(100)), -ENOENT); /* not in the file */
		enlarge(tables[i], MB(1), 0);
		assert_int_equal(inspect(MB(100)), -ENOENT);
	}
	/* One that is too large hides nothing that the other has. */
	elf_build(&built, 8);
	enlarge(BUILT_STRTAB, MB(1), MB(65));
	assert_int_equal(inspect(MB(100)), 0);
}

/* All tables together: each is allowed, the file is not read again and again. */
static void test_budget(void **state)
{
	struct elf_symbol symbol = { .name = "PyCode_Type" };
	struct elf_file *file = NULL;
	_cleanup_(closep) int fd = -1;

	elf_build(&built, 8);
	fd = file_of_built(0);
	assert_int_equal(elf_file_open_for(fd, built.machine, &file), 0);
	assert_int_equal(elf_file_find_symbols(file, ELF_DYNSYM, &symbol, 1), 1);
	assert_false(elf_file_is_over(file));
	assert_int_equal(elf_file_charge(file, ELF_MAX_READ_BYTES), -E2BIG);
	assert_int_equal(elf_file_charge(file, ELF_MAX_READ_BYTES - 4096), 0);
	symbol.vaddr = 0;
	for (int i = 0; i < 16; i++)
		elf_file_find_symbols(file, ELF_DYNSYM, &symbol, 1);
	assert_true(elf_file_is_over(file));
	symbol.vaddr = 0;
	assert_int_equal(elf_file_find_symbols(file, ELF_DYNSYM, &symbol, 1), 0);
	elf_file_free(file);
}

/* Names that do not end: no symbol may begin a search for the end of its name. */
static void test_names_without_end(void **state)
{
	elf_build(&built, 8);
	memset(built.bytes + elf_built_section(&built, BUILT_DYNSTR)->sh_offset, 1,
	       elf_built_section(&built, BUILT_DYNSTR)->sh_size);
	enlarge(BUILT_SYMTAB, 0, 0);
	assert_int_equal(inspect(0), -ENOENT);
	elf_build(&built, 8);
	/* The last name has lost its NUL, and the table ends there. */
	elf_built_section(&built, BUILT_DYNSTR)->sh_size -= 11;
	assert_int_equal(inspect(0), 0);
}

static void put_notes(size_t count, bool is_one_semaphore)
{
	_cleanup_(freep) uint8_t *notes = xcalloc(count, ELF_BUILT_NOTE_BYTES);

	for (size_t i = 0; i < count; i++)
		elf_build_note(&built, elf_built_semaphore() + (is_one_semaphore ? 0 : 4 * i),
			       notes + i * ELF_BUILT_NOTE_BYTES);
	assert_true(count * ELF_BUILT_NOTE_BYTES < 2048);
	memcpy(built.bytes + 0x1800 + 4096, notes, count * ELF_BUILT_NOTE_BYTES);
	enlarge(BUILT_NOTES, 0x1800 + 4096, count * ELF_BUILT_NOTE_BYTES);
}

/* Claims text up to the end of the second segment's file bytes. */
static void set_text_bytes(uint64_t bytes)
{
	Elf64_Phdr *text = (Elf64_Phdr *)(built.bytes + sizeof(Elf64_Ehdr));

	text->p_filesz = text->p_memsz = bytes;
}

/* 100 notes took 0.57 s each, because the text was read for each: three times are all that the
 * budget has for this text. */
static void test_text_is_read_once(void **state)
{
	elf_build(&built, 8);
	put_notes(20, true);
	set_text_bytes(MB(80));
	assert_int_equal(find_plan(MB(80)), 0);
	assert_string_equal(plan.what, "USDT python:function__entry (1 tests of its semaphore)");
}

static void test_many_semaphores(void **state)
{
	elf_build(&built, 15);
	put_notes(20, false);
	assert_int_equal(find_plan(0), 0);
	assert_int_equal(plan.method, PROBE_BY_UPROBE); /* by the next rule */
}

static void test_more_text_than_is_read(void **state)
{
	elf_build(&built, 8);
	set_text_bytes(ELF_MAX_READ_BYTES + 1);
	/* The probe itself needs no search. */
	assert_int_equal(find_plan(ELF_MAX_READ_BYTES + 1), 0);
	assert_string_equal(plan.what, "USDT python:function__entry");
	assert_true(plan.sites[0].semaphore);
}

static void test_many_notes(void **state)
{
	elf_build(&built, 15);
	enlarge(BUILT_NOTES, elf_built_section(&built, BUILT_NOTES)->sh_offset, MB(1) + 1);
	assert_int_equal(find_plan(MB(4)), 0);
	assert_int_equal(plan.method, PROBE_BY_UPROBE);
}

static void test_note_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 7, 9, UINT32_MAX, UINT32_MAX - 3, INT32_MAX };
	Elf64_Nhdr *note;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		elf_build(&built, 15);
		note = (Elf64_Nhdr *)(built.bytes +
				      elf_built_section(&built, BUILT_NOTES)->sh_offset);
		note->n_namesz = sizes[i];
		assert_int_equal(find_plan(0), 0);
		elf_build(&built, 15);
		note->n_descsz = sizes[i];
		assert_int_equal(find_plan(0), 0);
	}
}

/* 12 sections of 400 MB of relocations were read in full for one pointer. */
static void test_relocations_without_end(void **state)
{
	elf_build(&built, 8);
	for (int i = 0; i < NR_BUILT_SECTIONS; i++) {
		if (elf_built_section(&built, i)->sh_type == SHT_RELA)
			enlarge(i, MB(1), MB(400));
	}
	assert_int_equal(find_plan(MB(500)), 0);
	assert_true(plan.code_death); /* by the table that the loader reads */
	elf_built_dynamic(&built, DT_RELASZ)->d_un.d_val = MB(400);
	set_text_bytes(MB(450));
	assert_int_equal(find_plan(MB(500)), 0);
	assert_int_equal(plan.code_death, 0);
	elf_built_dynamic(&built, DT_RELASZ)->d_un.d_val = UINT64_MAX;
	assert_int_equal(find_plan(MB(500)), 0);
	assert_int_equal(plan.code_death, 0);
}

static void count(int64_t tag, const char *text, void *context)
{
	++*(unsigned int *)context;
}

static unsigned int count_needed(uint64_t size)
{
	_cleanup_(closep) int fd = file_of_built(size);
	struct elf_file *file = NULL;
	unsigned int counted = 0;

	assert_int_equal(elf_file_open_for(fd, built.machine, &file), 0);
	elf_file_visit_dynamic(file, count, &counted);
	elf_file_free(file);
	return counted;
}

static void test_dynamic_without_end(void **state)
{
	Elf64_Phdr *segments = (Elf64_Phdr *)(built.bytes + sizeof(Elf64_Ehdr));

	elf_build(&built, 8);
	assert_int_equal(count_needed(0), 1);
	segments[2].p_filesz = segments[2].p_memsz = MB(1);
	assert_int_equal(count_needed(MB(8)), 0);
	elf_build(&built, 8);
	elf_built_dynamic(&built, DT_STRTAB)->d_un.d_val = UINT64_MAX;
	assert_int_equal(count_needed(0), 0);
	elf_build(&built, 8);
	elf_built_dynamic(&built, DT_NEEDED)->d_un.d_val = UINT64_MAX - 0xa00;
	assert_int_equal(count_needed(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built),
		cmocka_unit_test(test_sections_without_end),
		cmocka_unit_test(test_large_tables),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_names_without_end),
		cmocka_unit_test(test_text_is_read_once),
		cmocka_unit_test(test_many_semaphores),
		cmocka_unit_test(test_more_text_than_is_read),
		cmocka_unit_test(test_many_notes),
		cmocka_unit_test(test_note_sizes),
		cmocka_unit_test(test_relocations_without_end),
		cmocka_unit_test(test_dynamic_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
