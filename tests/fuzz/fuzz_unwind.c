/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows for unwinding of arbitrary bytes. The first byte of an input says what the others are: a
 * file; what .eh_frame has in a file that is whole otherwise, with or without section headers; or
 * the answer of an inspecting process that was taken over. Whatever they hold, a table that comes
 * out is in order, has no more rows than it had bytes, and names for it are inert.
 */
#include "fuzz_target.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "function_names.h"
#include "inspect_native.h"
#include "memory.h"
#include "unwind_builder.h"
#include "unwind_table.h"

enum kind { AS_FILE, AS_FRAMES, AS_BARE_FRAMES, AS_ANSWER, NR_PLAYS };

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_unwind: %s\n", what);
	abort();
}

/* One file for all inputs. */
static int file_of(const uint8_t *bytes, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz_unwind", MFD_CLOEXEC);
	expect(!ftruncate(fd, (off_t)size) && pwrite(fd, bytes, size, 0) == (ssize_t)size,
	       "cannot write the file");
	return fd;
}

/* What a lookup does: each row leads to its rule and to its function's first. */
static void use_table(const struct unwind_table *table)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < table->nr_rows; i++) {
		uint32_t back = table->rows[i].rule >> UNWIND_RULE_BITS;

		sum += table->rules[table->rows[i].rule & (UNWIND_MAX_RULES - 1)].cfa;
		expect(table->rows[i - back].offset <= table->rows[i].offset,
		       "a function begins behind its row");
	}
	expect(sum <= table->nr_rows * NR_UNWIND_CFAS, "no such rule");
}

static void name_functions(int fd, const struct unwind_table *table)
{
	static struct function_name names[FUNCTION_NAMES_BATCH];
	uint32_t begins[FUNCTION_NAMES_BATCH];
	size_t count = table->nr_rows < FUNCTION_NAMES_BATCH ? table->nr_rows
							     : FUNCTION_NAMES_BATCH;

	for (size_t i = 0; i < count; i++)
		begins[i] = table->rows[i].offset;
	expect(!function_names_read(fd, begins, count, names), "rows, but no names");
	for (size_t i = 0; i < count; i++)
		expect(function_name_is_sane(&names[i]), "a name that is not inert");
}

static void play_file(const uint8_t *bytes, size_t size)
{
	_cleanup_(unwind_table_clear) struct unwind_table table = { 0 };
	int fd = file_of(bytes, size), status = unwind_table_read(fd, &table);

	expect(status == 0 || status == -ENOEXEC || status == -ENODATA || status == -E2BIG ||
		       status == -EIO || status == -EFAULT,
	       "an error that is not promised");
	expect((status == 0) == (table.nr_rows != 0), "rows with an error, or neither");
	expect(table.nr_rows <= size, "more rows than bytes");
	expect(unwind_table_is_sane(&table), "a table out of order");
	use_table(&table);
	if (table.nr_rows)
		name_functions(fd, &table);
}

static void play_frames(const uint8_t *bytes, size_t size, bool is_bare)
{
	struct unwind_built built;

	unwind_build(&built);
	unwind_put(&built, bytes, size);
	if (is_bare)
		unwind_built_header(&built)->e_shoff = 0;
	play_file(built.file.bytes, built.file.size);
	unwind_built_free(&built);
}

static void play_answer(const uint8_t *bytes, size_t size)
{
	struct inspected_unwind unwind = { 0 };
	int status = inspect_native_take(bytes, size, &unwind);

	expect(status == 0 || status == -EPROTO, "an error that is not promised");
	expect(!status || (!unwind.path && !unwind.table.rows), "what was refused is there");
	if (!status)
		expect(strlen(unwind.path) < PATH_MAX, "a path without end");
	use_table(&unwind.table);
	inspected_unwind_clear(&unwind);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (!size)
		return 0;
	switch (bytes[0] % NR_PLAYS) {
	case AS_FILE:
		play_file(bytes + 1, size - 1);
		break;
	case AS_ANSWER:
		play_answer(bytes + 1, size - 1);
		break;
	default:
		play_frames(bytes + 1, size - 1, bytes[0] % NR_PLAYS == AS_BARE_FRAMES);
	}
	return 0;
}

/* ---- Seeds ---- */

#define PROGRAM(text)                  \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct {
	const char *code;
	size_t size;
} programs[] = {
	PROGRAM("\x41\x0e\x10\x86\x02\x43\x0d\x06\x4a\x0c\x07\x08"),
	PROGRAM("\x0e\x10\x46\x0e\x18\x4a\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"),
	PROGRAM("\x45\x0c\x0a\x00\x49\x10\x06\x02\x76\x00\x45\x0f\x03\x76\x78\x06\x42\x0c\x07\x08"),
	PROGRAM("\x0a\x02\x50\x12\x07\x7e\x0b\x03\x34\x02\x13\x7e\x04\x00\x01\x00\x00\x2e\x08"),
	PROGRAM("\x07\x10"),
	PROGRAM("\x05\x06\x02\x41\x06\x06\x41\x11\x06\x02\x41\xc6\x41\x14\x10\x01\x09\x06\x03"),
};

/* Functions beside and over one another, with one program each. */
static void put_functions(struct unwind_built *built)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		unwind_put_function(built, UNWIND_TEXT_VADDR + 0x200 * i, i & 1 ? 0x200 : 0x300,
				    programs[i].code, programs[i].size);
}

static void put_seed(struct unwind_built *built)
{
	static const struct unwind_built_common cplusplus = {
		.letters = "zPLR",
		.data = "\x9b\x01\x02\x03\x04\x1b\x00",
		.data_bytes = 7,
		.version = 1,
		.address_register = 16,
		.code_factor = 1,
		.program = "\x0c\x07\x08\x90\x01",
		.program_bytes = 5,
	};

	unwind_build(built);
	unwind_put_usual(built);
	put_functions(built);
	unwind_put_common(built, &cplusplus);
	unwind_put_function(built, UNWIND_TEXT_VADDR + 0xe00, 0x20, "\x41\x0e\x10", 3);
	unwind_put(built, "\0\0\0\0", 4);
	unwind_put_symbol(built, UNWIND_BUILT_SYMTAB, "first@@V1", UNWIND_TEXT_VADDR, 0x300,
			  ELF64_ST_INFO(STB_GLOBAL, STT_FUNC));
	unwind_put_symbol(built, UNWIND_BUILT_DYNSYM, "later", UNWIND_TEXT_VADDR + 0x400, 0x200,
			  ELF64_ST_INFO(STB_WEAK, STT_GNU_IFUNC));
}

static void put_answer(const struct unwind_built *built, struct packed_bytes *to)
{
	_cleanup_(unwind_table_clear) struct unwind_table table = { 0 };
	struct inspect_unwind head = { .file = { .ino = 1 }, .path = "/usr/lib/libc.so.6" };

	expect(!unwind_table_read(file_of(built->file.bytes, built->file.size), &table),
	       "a seed without rows");
	head.nr_rows = (uint32_t)table.nr_rows;
	head.nr_rules = (uint32_t)table.nr_rules;
	packed_bytes_put(to, &head, sizeof(head));
	packed_bytes_put(to, table.rows, table.nr_rows * sizeof(*table.rows));
	packed_bytes_put(to, table.rules, table.nr_rules * sizeof(*table.rules));
}

uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	struct packed_bytes seed = { 0 };
	const uint8_t kind = (uint8_t)number;
	struct unwind_built built;

	if (number >= NR_PLAYS)
		return NULL;
	put_seed(&built);
	packed_bytes_put(&seed, &kind, 1);
	if (kind == AS_ANSWER)
		put_answer(&built, &seed);
	else if (kind == AS_FILE)
		packed_bytes_put(&seed, built.file.bytes, built.file.size);
	else
		packed_bytes_put(&seed, built.file.bytes + UNWIND_FRAMES_OFFSET,
				 built.file.size - UNWIND_FRAMES_OFFSET);
	unwind_built_free(&built);
	*ret_size = seed.size;
	return seed.bytes;
}
