/* SPDX-License-Identifier: BSD-2-Clause */
/* Which symbol names a function, of tables written by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "function_names.h"
#include "memory.h"
#include "unwind_builder.h"

#define GLOBAL ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)
#define LOCAL ELF64_ST_INFO(STB_LOCAL, STT_FUNC)
#define WEAK ELF64_ST_INFO(STB_WEAK, STT_FUNC)

static struct unwind_built built;

static int begin(void **state)
{
	unwind_build(&built);
	return 0;
}

static int end(void **state)
{
	unwind_built_free(&built);
	return 0;
}

static void put_in(enum unwind_built_section table, const char *name, uint64_t at, uint64_t size,
		   uint8_t info)
{
	unwind_put_symbol(&built, table, name, UNWIND_TEXT_VADDR + at, size, info);
}

static void put(const char *name, uint64_t at, uint64_t size, uint8_t info)
{
	put_in(UNWIND_BUILT_SYMTAB, name, at, size, info);
}

static struct function_name read_name(uint32_t offset)
{
	_cleanup_(closep) int fd = unwind_built_open(&built, 0);
	struct function_name name;

	assert_int_equal(function_names_read(fd, &offset, 1, &name), 0);
	assert_true(function_name_is_sane(&name));
	return name;
}

static void expect(uint64_t at, const char *wanted)
{
	struct function_name name = read_name((uint32_t)(UNWIND_TEXT_OFFSET + at));

	assert_string_equal(name.name, wanted);
	assert_int_equal(name.vaddr, UNWIND_TEXT_VADDR + at);
}

static void test_by_address(void **state)
{
	put("before", 0x10, 0x10, GLOBAL);
	put("around", 0x10, 0x100, GLOBAL);
	put("exact", 0x40, 0, LOCAL);
	put("after", 0x41, 0x10, GLOBAL);
	expect(0x40, "exact");
	expect(0x41, "after");
	expect(0x30, "around");
	expect(0x10f, "around");
	expect(0x110, "");
	expect(0x0f, "");
}

/* Of those that reach there, the nearest. */
static void test_nearest(void **state)
{
	put("outer", 0, 0x100, GLOBAL);
	put("inner", 0x20, 0x20, LOCAL);
	put("short", 0x24, 0x4, GLOBAL);
	expect(0x28, "inner");
	expect(0x40, "outer");
}

static void test_bindings(void **state)
{
	put("weak", 0, 4, WEAK);
	expect(0, "weak");
	put("local", 0, 4, LOCAL);
	expect(0, "local");
	put("_global", 0, 4, GLOBAL);
	expect(0, "_global");
	put("__global", 0, 4, GLOBAL);
	expect(0, "_global");
	put("plain", 0, 4, GLOBAL);
	put("another", 0, 4, ELF64_ST_INFO(STB_GNU_UNIQUE, STT_FUNC));
	expect(0, "plain");
}

static void test_kinds(void **state)
{
	put("variable", 0, 4, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT));
	put("label", 0, 4, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE));
	put("", 0, 4, GLOBAL);
	expect(0, "");
	put("chosen", 0, 4, ELF64_ST_INFO(STB_LOCAL, STT_GNU_IFUNC));
	expect(0, "chosen");
	put("undefined", 8, 4, GLOBAL);
	expect(8, "undefined");
	((Elf64_Sym *)(built.file.bytes +
		       unwind_built_section(&built, UNWIND_BUILT_SYMTAB)->sh_offset))[4]
		.st_shndx = SHN_UNDEF;
	expect(8, "");
}

/* What .symtab has not, as most of a stripped file. */
static void test_tables(void **state)
{
	put_in(UNWIND_BUILT_DYNSYM, "exported", 0, 8, GLOBAL);
	put_in(UNWIND_BUILT_DYNSYM, "also", 8, 8, GLOBAL);
	expect(0, "exported");
	put("own", 0, 8, LOCAL);
	expect(0, "own");
	expect(8, "also");
}

static void test_versions(void **state)
{
	put("memcpy@@GLIBC_2.14", 0, 8, GLOBAL);
	put("memcpy@GLIBC_2.2.5", 8, 8, GLOBAL);
	put("@", 16, 8, GLOBAL);
	put("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", 24, 8, GLOBAL);
	put("run.part.0.cold", 32, 8, LOCAL);
	expect(0, "memcpy");
	expect(8, "memcpy");
	expect(16, "@");
	expect(24, "core::fmt::Write::write_fmt");
	expect(32, "run.part.0.cold");
}

static void test_inert(void **state)
{
	put("\x1b[2J\xc3\xa9\xff\xe2\x80\xae", 0, 8, GLOBAL);
	expect(0, "\\x1b[2J\xc3\xa9\xef\xbf\xbd\\u202e");
}

/* Names that do not fit, once as they are and once when escaped. */
static void test_long(void **state)
{
	static const char marks[] = "\xe2\x80\xa6";
	const size_t lengths[] = { FUNCTION_NAME_BYTES - 1, FUNCTION_NAME_BYTES, 4000 };
	struct function_name name;
	char text[4001];

	put("", 0, 8, GLOBAL);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		size_t length = lengths[i / 2];
		bool fits = !i; /* of controls not even the shortest */

		memset(text, i % 2 ? '\x01' : 'x', length);
		text[length] = '\0';
		unwind_built_section(&built, UNWIND_BUILT_STRTAB)->sh_offset = built.file.size;
		unwind_built_section(&built, UNWIND_BUILT_STRTAB)->sh_size = length + 1;
		unwind_put(&built, text, length + 1);
		name = read_name(UNWIND_TEXT_OFFSET);
		assert_int_equal(strlen(name.name), FUNCTION_NAME_BYTES - 1);
		assert_int_equal(!strcmp(name.name + strlen(name.name) - 3, marks), !fits);
	}
}

static void test_places(void **state)
{
	struct function_name name = read_name(UNWIND_TEXT_OFFSET - 1);

	assert_int_equal(name.vaddr, 0);
	name = read_name(UNWIND_TEXT_OFFSET + UNWIND_TEXT_BYTES);
	assert_int_equal(name.vaddr, 0);
	assert_string_equal(name.name, "");
}

static void test_many(void **state)
{
	_cleanup_(closep) int fd = -1;
	uint32_t begins[FUNCTION_NAMES_BATCH];
	struct function_name names[FUNCTION_NAMES_BATCH];

	put("low", 0, 0x20, GLOBAL);
	put("high", 0x20, 0x20, GLOBAL);
	for (uint32_t i = 0; i < FUNCTION_NAMES_BATCH; i++)
		begins[i] = UNWIND_TEXT_OFFSET + FUNCTION_NAMES_BATCH - 1 - i;
	fd = unwind_built_open(&built, 0);
	assert_int_equal(function_names_read(fd, begins, FUNCTION_NAMES_BATCH, names), 0);
	for (uint32_t i = 0; i < FUNCTION_NAMES_BATCH; i++)
		assert_string_equal(names[i].name, i < 0x20 ? "high" : "low");
	unwind_built_header(&built)->e_machine = EM_386;
	closep(&fd);
	fd = unwind_built_open(&built, 0);
	assert_int_equal(function_names_read(fd, begins, FUNCTION_NAMES_BATCH, names), -ENOEXEC);
}

static void test_sanity(void **state)
{
	static const char *const wrong[] = { "\x07", "\xff", "\xc0\x80", "a\xe2\x80\xae" };
	struct function_name name = { .name = "PyList_New" };

	assert_true(function_name_is_sane(&name));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		strcpy(name.name, wrong[i]);
		assert_false(function_name_is_sane(&name));
	}
	memset(name.name, 'x', sizeof(name.name));
	assert_false(function_name_is_sane(&name));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_by_address), TEST(test_nearest),  TEST(test_bindings), TEST(test_kinds),
		TEST(test_tables),     TEST(test_versions), TEST(test_inert),	 TEST(test_long),
		TEST(test_places),     TEST(test_many),	    TEST(test_sanity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
