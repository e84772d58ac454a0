/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of .eh_frame, written by hand: each kind of rule, and each thing that is not followed. What
 * compilers write is compared with readelf in tests/property/unwind_tables.py.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "unwind_builder.h"
#include "unwind_table.h"

#define TEXT UNWIND_TEXT_OFFSET
#define CODE(text) text, sizeof(text) - 1

static struct unwind_built built;
static struct unwind_table table;

static int begin(void **state)
{
	unwind_build(&built);
	return 0;
}

static int end(void **state)
{
	unwind_table_clear(&table);
	unwind_built_free(&built);
	return 0;
}

static int read_table(void)
{
	_cleanup_(closep) int fd = unwind_built_open(&built, 0);
	int error;

	unwind_table_clear(&table);
	error = unwind_table_read(fd, &table);
	assert_true(unwind_table_is_sane(&table));
	assert_int_equal(!table.nr_rows, error != 0);
	return error;
}

struct row {
	uint64_t offset;
	uint32_t back;
	int cfa, cfa_offset, rbp, rbp_offset;
};

static void expect(const struct row *rows, size_t count)
{
	assert_int_equal(read_table(), 0);
	for (size_t i = 0; i < count && i < table.nr_rows; i++) {
		const struct wire_unwind_row *row = &table.rows[i];
		const struct wire_unwind_rule *rule =
			&table.rules[row->rule & (UNWIND_MAX_RULES - 1)];

		if (row->offset != rows[i].offset ||
		    row->rule >> UNWIND_RULE_BITS != rows[i].back || rule->cfa != rows[i].cfa ||
		    rule->cfa_offset != rows[i].cfa_offset || rule->rbp != rows[i].rbp ||
		    rule->rbp_offset != rows[i].rbp_offset)
			fail_msg("row %zu is %#x -%u %d %d %d %d", i, row->offset,
				 row->rule >> UNWIND_RULE_BITS, rule->cfa, rule->cfa_offset,
				 rule->rbp, rule->rbp_offset);
	}
	assert_int_equal(table.nr_rows, count);
}

#define ROW(offset, back, cfa, cfa_offset, rbp, rbp_offset)                \
	(struct row)                                                       \
	{                                                                  \
		(offset), (back), (cfa), (cfa_offset), (rbp), (rbp_offset) \
	}
#define SAME(offset, back, cfa, cfa_offset) ROW(offset, back, cfa, cfa_offset, UNWIND_RBP_SAME, 0)
#define NONE(offset, back) SAME(offset, back, UNWIND_CFA_NONE, 0)

#define EXPECT(...)                                            \
	do {                                                   \
		const struct row _rows[] = { __VA_ARGS__ };    \
		expect(_rows, sizeof(_rows) / sizeof(*_rows)); \
	} while (0)

static void put(uint64_t at, uint64_t bytes, const char *program, size_t size)
{
	unwind_put_function(&built, UNWIND_TEXT_VADDR + at, bytes, program, size);
}

/* ---- Rules ---- */

/* push %rbp; mov %rsp, %rbp; leave; ret */
static void test_frame_pointer(void **state)
{
	unwind_put_usual(&built);
	put(0x10, 0x20, CODE("\x41\x0e\x10\x86\x02\x43\x0d\x06\x4a\x0c\x07\x08"));
	EXPECT(SAME(TEXT + 0x10, 0, UNWIND_CFA_RSP, 8),
	       ROW(TEXT + 0x11, 1, UNWIND_CFA_RSP, 16, UNWIND_RBP_BY_CFA, -16),
	       ROW(TEXT + 0x14, 2, UNWIND_CFA_RBP, 16, UNWIND_RBP_BY_CFA, -16),
	       ROW(TEXT + 0x1e, 3, UNWIND_CFA_RSP, 8, UNWIND_RBP_BY_CFA, -16),
	       NONE(TEXT + 0x30, 0));
}

#define PLT(literal) "\x0f\x0b\x77\x08\x80\x00\x3f\x1a" literal "\x2a\x33\x24\x22"

static void test_plt(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x20, CODE("\x0e\x10\x46\x0e\x18\x4a" PLT("\x3b")));
	put(0x20, 0x20, CODE(PLT("\x3a")));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 16), SAME(TEXT + 6, 1, UNWIND_CFA_RSP, 24),
	       SAME(TEXT + 0x10, 2, UNWIND_CFA_PLT, 11), SAME(TEXT + 0x20, 0, UNWIND_CFA_PLT, 10),
	       NONE(TEXT + 0x40, 0));
}

/* lea 8(%rsp), %r10; and $-64, %rsp; push -8(%r10); push %rbp; mov %rsp, %rbp; push %r10 */
static void test_aligned_stack(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x100,
	    CODE("\x45\x0c\x0a\x00\x49\x10\x06\x02\x76\x00\x45\x0f\x03\x76\x78\x06"
		 "\x42\x0c\x0a\x00\x44\x0c\x07\x08"));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 5, 1),
	       ROW(TEXT + 19, 2, UNWIND_CFA_AT_RBP, -8, UNWIND_RBP_BY_RBP, 0), NONE(TEXT + 21, 3),
	       ROW(TEXT + 25, 4, UNWIND_CFA_RSP, 8, UNWIND_RBP_BY_RBP, 0), NONE(TEXT + 0x100, 0));
}

static void test_outermost(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10, CODE("\x07\x10\x42\x86\x02"));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_END, 0), NONE(TEXT + 0x10, 0));
}

/* ---- Instructions ---- */

static void test_advances(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x1000,
	    CODE("\x02\x50\x0e\x10\x03\x34\x02\x0e\x18\x04\x00\x01\x00\x00\x0e\x20\x40\x0e\x28"));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8), SAME(TEXT + 0x50, 1, UNWIND_CFA_RSP, 16),
	       SAME(TEXT + 0x284, 2, UNWIND_CFA_RSP, 24), SAME(TEXT + 0x384, 3, UNWIND_CFA_RSP, 40),
	       NONE(TEXT + 0x1000, 0));
}

/* Beyond the end of the function. */
static void test_advance_too_far(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10, CODE("\x04\xff\xff\xff\xff\x0e\x10"));
	put(0x20, 0x10, CODE("\x50\x0e\x10"));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x10, 0),
	       SAME(TEXT + 0x20, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x30, 0));
}

static void test_remembered(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10,
	    CODE("\x0e\x10\x86\x02\x0a\x41\x0c\x06\x20\xc6\x0a\x41\x0b\x0b\x41\xc6\x42\x0e\x10"));
	EXPECT(ROW(TEXT, 0, UNWIND_CFA_RSP, 16, UNWIND_RBP_BY_CFA, -16),
	       SAME(TEXT + 1, 1, UNWIND_CFA_RBP, 32),
	       ROW(TEXT + 2, 2, UNWIND_CFA_RSP, 16, UNWIND_RBP_BY_CFA, -16),
	       SAME(TEXT + 3, 3, UNWIND_CFA_RSP, 16), NONE(TEXT + 0x10, 0));
}

/* The same in all the ways that there are to say it. */
static void test_spellings(void **state)
{
	static const struct {
		const char *program;
		size_t size;
	} same[] = {
		{ CODE("\x0e\x10\x86\x02") },
		{ CODE("\x0c\x07\x10\x05\x06\x02") },	      /* offset_extended */
		{ CODE("\x12\x07\x7e\x11\x06\x02") },	      /* def_cfa_sf, offset_extended_sf */
		{ CODE("\x13\x7e\x86\x02") },		      /* def_cfa_offset_sf */
		{ CODE("\x0e\x90\x80\x00\x86\x82\x80\x00") }, /* LEB128 with zeros */
		{ CODE("\x0e\x10\x86\x03\x00\x2e\x40\x86\x02") }, /* nop, GNU_args_size */
		{ CODE("\x0c\x06\x10\x86\x02\x0d\x07") },	  /* def_cfa_register */
		{ CODE("\x0e\x10\x83\x05\x86\x02\x8f\x03\x09\x03\x05\x07\x0c") }, /* others */
	};
	struct row rows[2 * ARRAY_SIZE(same)];

	unwind_put_usual(&built);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		put(0x20 * i, 0x10, same[i].program, same[i].size);
		rows[2 * i] = ROW(TEXT + 0x20 * i, 0, UNWIND_CFA_RSP, 16, UNWIND_RBP_BY_CFA, -16);
		rows[2 * i + 1] = NONE(TEXT + 0x20 * i + 0x10, 0);
	}
	expect(rows, ARRAY_SIZE(rows));
}

/* DW_CFA_GNU_negative_offset_extended: below what DW_CFA_offset_extended would be above. */
static void test_negative_offset(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10, CODE("\x2f\x06\x02"));
	EXPECT(ROW(TEXT, 0, UNWIND_CFA_RSP, 8, UNWIND_RBP_BY_CFA, 16), NONE(TEXT + 0x10, 0));
}

static void test_restored(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10,
	    CODE("\x86\x02\x90\x03\x41\xc6\xd0\x41\x86\x02\x41\x06\x06\x41\x86\x02\x41\x08\x06"));
	EXPECT(NONE(TEXT, 0), SAME(TEXT + 1, 1, UNWIND_CFA_RSP, 8),
	       ROW(TEXT + 2, 2, UNWIND_CFA_RSP, 8, UNWIND_RBP_BY_CFA, -16),
	       SAME(TEXT + 3, 3, UNWIND_CFA_RSP, 8),
	       ROW(TEXT + 4, 4, UNWIND_CFA_RSP, 8, UNWIND_RBP_BY_CFA, -16),
	       SAME(TEXT + 5, 5, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x10, 0));
}

/* ---- What is not followed ---- */

#define NR_TOO_DEEP "\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"

/* For a row, after which the usual rule comes back. */
static void test_rows_that_are_not_followed(void **state)
{
	static const struct {
		const char *program;
		size_t size;
	} refused[] = {
		{ CODE("\x0c\x0a\x00") },		  /* cfa = r10 */
		{ CODE("\x0d\x0d") },			  /* cfa = r13 */
		{ CODE("\x90\x02") },			  /* ra at cfa - 16 */
		{ CODE("\x08\x10") },			  /* ra where it was */
		{ CODE("\x09\x10\x00") },		  /* ra in rax */
		{ CODE("\x10\x10\x02\x77\x00") },	  /* ra at rsp */
		{ CODE("\x14\x10\x01") },		  /* ra is cfa - 8 */
		{ CODE("\x07\x06") },			  /* no rbp */
		{ CODE("\x09\x06\x03") },		  /* rbp in rbx */
		{ CODE("\x14\x06\x02") },		  /* rbp is cfa - 16 */
		{ CODE("\x15\x06\x7e") },		  /* the same, signed */
		{ CODE("\x16\x06\x02\x76\x00") },	  /* rbp is rbp + 0 */
		{ CODE("\x10\x06\x02\x77\x00") },	  /* rbp at rsp */
		{ CODE("\x10\x06\x03\x76\x00\x06") },	  /* rbp at *rbp */
		{ CODE("\x10\x06\x02\x76\x80") },	  /* not whole */
		{ CODE("\x10\x06\x04\x76\x80\x80\x02") }, /* rbp at rbp + 2^15 */
		{ CODE("\x05\x06\x81\x20") },		  /* rbp at cfa - 2^15 - 8 */
		{ CODE("\x07\x07") },			  /* no rsp */
		{ CODE("\x87\x01") },			  /* rsp at cfa - 8 */
		{ CODE("\x0e\x80\x80\x80\x80\x08") },	  /* cfa = rsp + 2^31 */
		{ CODE("\x12\x07\x81\x80\x80\x80\x01") }, /* cfa = rsp - 2^31 - 8 */
		{ CODE("\x0f\x00") },			  /* expressions: none */
		{ CODE("\x0f\x02\x77\x08") },		  /* rsp + 8 */
		{ CODE("\x0f\x03\x77\x08\x06") },	  /* *(rsp + 8) */
		{ CODE("\x0f\x04\x76\x78\x06\x06") },	  /* **(rbp - 8) */
		{ CODE("\x0f\x02\x76\x78") },		  /* rbp - 8 */
		{ CODE("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x40\x2a\x33\x24\x22") }, /* lit16 */
		{ CODE("\x0f\x0b\x77\x10\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22") }, /* rsp + 16 */
		{ CODE("\x0f\x0c\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22\x06") },
	};

	unwind_put_usual(&built);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct packed_bytes program = { 0 };

		packed_bytes_put(&program, CODE("\x0a\x41"));
		packed_bytes_put(&program, refused[i].program, refused[i].size);
		packed_bytes_put(&program, CODE("\x41\x0b"));
		put(0x10 * i, 0x10, (char *)program.bytes, program.size);
		packed_bytes_free(&program);
	}
	assert_int_equal(read_table(), 0);
	assert_int_equal(table.nr_rows, 3 * ARRAY_SIZE(refused) + 1);
	for (size_t i = 0; i < table.nr_rows; i++) {
		uint8_t cfa = table.rules[table.rows[i].rule & (UNWIND_MAX_RULES - 1)].cfa;

		if (cfa !=
		    (i % 3 == 1 || i == table.nr_rows - 1 ? UNWIND_CFA_NONE : UNWIND_CFA_RSP))
			fail_msg("refused[%zu]: row %zu has %d", i / 3, i % 3, cfa);
	}
}

/* From where the program is lost to the function's end; what was before holds. */
static void test_programs_that_are_lost(void **state)
{
	static const struct {
		const char *program;
		size_t size;
	} lost[] = {
		{ CODE("\x17") },			  /* no such instruction */
		{ CODE("\x3f") },			  /* the last user's */
		{ CODE("\x2d") },			  /* SPARC's */
		{ CODE("\x01\x00\x00\x00\x00") },	  /* set_loc */
		{ CODE("\x0b") },			  /* nothing was remembered */
		{ CODE(NR_TOO_DEEP) },			  /* too much was */
		{ CODE("\x0f\x03\x76\x78\x06\x0e\x10") }, /* no offset without register */
		{ CODE("\x0f\x03\x76\x78\x06\x0d\x07") }, /* no register */
		{ CODE("\x0e\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") },     /* 2^64 - 1 */
		{ CODE("\x0e\x88\x80\x80\x80\x80\x80\x80\x80\x80\x02") },     /* 2^64 + 8 */
		{ CODE("\x0e\x88\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00") }, /* too long */
		{ CODE("\x05\x06\xff\xff\xff\xff\xff\xff\xff\xff\x7f") },     /* times -8 */
		{ CODE("\x0f\xff\xff\xff\xff\x0f\x06") },		      /* longer than all */
	};
	struct row rows[3 * ARRAY_SIZE(lost)];

	unwind_put_usual(&built);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		struct packed_bytes program = { 0 };

		packed_bytes_put(&program, CODE("\x41"));
		packed_bytes_put(&program, lost[i].program, lost[i].size);
		packed_bytes_put(&program, CODE("\x0c\x07\x08\x41\x0c\x07\x10"));
		put(0x20 * i, 0x10, (char *)program.bytes, program.size);
		packed_bytes_free(&program);
		rows[3 * i] = SAME(TEXT + 0x20 * i, 0, UNWIND_CFA_RSP, 8);
		rows[3 * i + 1] = NONE(TEXT + 0x20 * i + 1, 1);
		rows[3 * i + 2] = NONE(TEXT + 0x20 * i + 0x10, 0);
	}
	expect(rows, ARRAY_SIZE(rows));
}

/* An operand that the program has not whole. */
static void test_programs_that_end(void **state)
{
	static const char *const ends[] = { "\x02",    "\x03\x01", "\x04\x01\x01\x01",
					    "\x0e",    "\x0e\x80", "\x0c\x07",
					    "\x86",    "\x10\x06", "\x2e",
					    "\x0f\x01" };
	struct row rows[2 * ARRAY_SIZE(ends)];

	unwind_put_usual(&built);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		put(0x20 * i, 0x10, ends[i], strlen(ends[i]));
		rows[2 * i] = NONE(TEXT + 0x20 * i, 0);
		rows[2 * i + 1] = NONE(TEXT + 0x20 * i + 0x10, 0);
	}
	expect(rows, ARRAY_SIZE(rows));
}

/* ---- CIEs ---- */

static void expect_one(const struct unwind_built_common *common, const struct row *row)
{
	unwind_built_free(&built);
	unwind_build(&built);
	unwind_put_common(&built, common);
	put(0, 0x10, CODE("\x41\x00"));
	if (row)
		EXPECT(*row, NONE(TEXT + 0x10, 0));
	else
		assert_int_equal(read_table(), -ENODATA);
}

static void test_commons(void **state)
{
	const struct row as_usual = SAME(TEXT, 0, UNWIND_CFA_RSP, 8), none = NONE(TEXT, 0);
	struct unwind_built_common common = unwind_built_usual;

	expect_one(&common, &as_usual);
	common.version = 3;
	expect_one(&common, &as_usual);
	common.version = 4;
	expect_one(&common, NULL);
	common = unwind_built_usual;
	common.address_register = 17;
	expect_one(&common, &none);
	common = unwind_built_usual;
	common.program_bytes = 3;
	expect_one(&common, &none);
	common.program_bytes = 4; /* not whole */
	expect_one(&common, &none);
	common.program = "\x0c\x07\x08\x41\x90\x01"; /* moves */
	common.program_bytes = 6;
	expect_one(&common, &none);
	common.program = "\x0c\x07\x08\xd0\x90\x01"; /* restores what it makes */
	expect_one(&common, &none);
	common.program = "\x0c\x07\x08\x90\x01\x07\x10"; /* _start's, of newer C libraries */
	common.program_bytes = 7;
	expect_one(&common, &SAME(TEXT, 0, UNWIND_CFA_END, 0));
}

static void test_augmentations(void **state)
{
	const struct row as_usual = SAME(TEXT, 0, UNWIND_CFA_RSP, 8), none = NONE(TEXT, 0);
	struct unwind_built_common common = unwind_built_usual;

	common.letters = "zPLR"; /* as of C++, with an indirect address */
	common.data = "\x9b\x01\x02\x03\x04\x1b\x1b";
	common.data_bytes = 7;
	expect_one(&common, &as_usual);
	common.data = "\xff\x1b\x1b"; /* omitted */
	common.data_bytes = 3;
	expect_one(&common, &as_usual);
	common.letters = "zPR";
	common.data = "\x50\x01\x02\x03\x04\x05\x06\x07\x08\x1b"; /* aligned */
	common.data_bytes = 10;
	expect_one(&common, NULL);
	common.data = "\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x1b"; /* not so */
	expect_one(&common, &as_usual);
	common.data = "\x0d\x01\x02\x03\x04\x05\x06\x07\x08\x1b"; /* no such format */
	expect_one(&common, NULL);
	common = unwind_built_usual;
	common.letters = "zRS";
	expect_one(&common, &none);
	common.letters = "zRB";
	expect_one(&common, NULL);
	common.letters = "zLR"; /* more than the data has */
	expect_one(&common, NULL);
	common.letters = "eh";
	common.encoding = 0;
	expect_one(&common, NULL);
	common.letters = "";
	expect_one(&common, &as_usual);
}

static void test_encodings(void **state)
{
	static const uint8_t followed[] = { 0x00, 0x03, 0x04, 0x0b, 0x0c, 0x10, 0x1b, 0x1c },
			     refused[] = { 0x80, 0x9b, 0x2b, 0x3b, 0x4b, 0x50, 0x0d, 0x07, 0xff };
	const struct row as_usual = SAME(TEXT, 0, UNWIND_CFA_RSP, 8);
	struct unwind_built_common common = unwind_built_usual;

	for (size_t i = 0; i < ARRAY_SIZE(followed); i++) {
		common.data = &followed[i];
		common.encoding = followed[i];
		expect_one(&common, &as_usual);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		common.data = &refused[i];
		common.encoding = refused[i];
		expect_one(&common, NULL);
	}
}

/* Units of the code, and of what is saved. */
static void test_factors(void **state)
{
	struct unwind_built_common common = unwind_built_usual;

	common.code_factor = 4;
	common.data_factor = 0x7c; /* -4 */
	common.program = "\x0c\x07\x08\x90\x02";
	unwind_put_common(&built, &common);
	put(0, 0x10, CODE("\x42\x0e\x10\x86\x04"));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8),
	       ROW(TEXT + 8, 1, UNWIND_CFA_RSP, 16, UNWIND_RBP_BY_CFA, -16), NONE(TEXT + 0x10, 0));
}

/* A function names its CIE by where it is. */
static void test_other_commons(void **state)
{
	unwind_put_usual(&built);
	unwind_put_common(&built, &(struct unwind_built_common){
					  .letters = "",
					  .version = 1,
					  .address_register = 16,
					  .code_factor = 1,
					  .program = "\x0c\x06\x10\x90\x01",
					  .program_bytes = 5,
				  });
	put(0, 0x10, CODE(""));
	built.common = 0;
	built.encoding = UNWIND_PCREL_S32;
	built.has_data = 1;
	put(0x10, 0x10, CODE(""));
	built.common = 4; /* none is there */
	put(0x20, 0x10, CODE(""));
	built.common = 0x1000; /* behind it */
	put(0x30, 0x10, CODE(""));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RBP, 16), SAME(TEXT + 0x10, 0, UNWIND_CFA_RSP, 8),
	       NONE(TEXT + 0x20, 0));
}

/* ---- Functions ---- */

static void test_order(void **state)
{
	unwind_put_usual(&built);
	put(0x200, 0x10, CODE("\x0e\x18"));
	put(0x100, 0x100, CODE("\x0e\x10"));
	put(0x300, 0, CODE(""));
	put(0x200, 0x80, CODE("\x0e\x20"));	/* begins where another does */
	put(0x180, 0x10, CODE("\x42\x0e\x28")); /* within another */
	EXPECT(SAME(TEXT + 0x100, 0, UNWIND_CFA_RSP, 16), SAME(TEXT + 0x180, 0, UNWIND_CFA_RSP, 8),
	       SAME(TEXT + 0x182, 1, UNWIND_CFA_RSP, 40), NONE(TEXT + 0x190, 0),
	       SAME(TEXT + 0x200, 0, UNWIND_CFA_RSP, 24), NONE(TEXT + 0x210, 0));
}

/* Only what has code that is in the file. */
static void test_places(void **state)
{
	unwind_put_usual(&built);
	unwind_put_function(&built, UNWIND_FRAMES_VADDR, 0x10, CODE(""));
	unwind_put_function(&built, 0, 0x10, CODE(""));
	unwind_put_function(&built, UNWIND_TEXT_VADDR - 1, 0x10, CODE(""));
	unwind_put_function(&built, UNWIND_TEXT_VADDR + UNWIND_TEXT_BYTES + 8, 0x10, CODE(""));
	unwind_built_segment(&built, UNWIND_BUILT_TEXT)->p_memsz += 0x100; /* zeros */
	assert_int_equal(read_table(), -ENODATA);
	put(UNWIND_TEXT_BYTES - 8, 0x7fffffff, CODE(""));
	EXPECT(SAME(TEXT + UNWIND_TEXT_BYTES - 8, 0, UNWIND_CFA_RSP, 8),
	       NONE(TEXT + UNWIND_TEXT_BYTES, 0));
}

static void test_offsets_of_32_bits(void **state)
{
	Elf64_Phdr *text = unwind_built_segment(&built, UNWIND_BUILT_TEXT);

	text->p_offset = 0xfffff000;
	text->p_filesz = text->p_memsz = 0x2000;
	unwind_put_usual(&built);
	put(0x10, 0x1800, CODE("\x44\x0e\x10\x04\xec\x0f\x00\x00\x0e\x18"));
	put(0x1100, 0x10, CODE(""));
	EXPECT(SAME(0xfffff010, 0, UNWIND_CFA_RSP, 8), SAME(0xfffff014, 1, UNWIND_CFA_RSP, 16));
}

/* What is not in the section table is found by its header. */
static void test_without_sections(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10, CODE(""));
	unwind_put(&built, CODE("\0\0\0\0"));
	put(0x20, 0x10, CODE("")); /* behind the end */
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x10, 0),
	       SAME(TEXT + 0x20, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x30, 0));
	unwind_built_section(&built, UNWIND_BUILT_FRAMES)->sh_size += 8; /* than there is */
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x10, 0));
	unwind_built_header(&built)->e_shnum = 0;
	unwind_built_header(&built)->e_shoff = 0;
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x10, 0));
	unwind_built_segment(&built, UNWIND_BUILT_FRAME_HEADER)->p_vaddr++;
	assert_int_equal(read_table(), -ENODATA);
	unwind_built_segment(&built, UNWIND_BUILT_FRAME_HEADER)->p_type = PT_NULL;
	assert_int_equal(read_table(), -ENODATA);
}

static void test_other_files(void **state)
{
	_cleanup_(closep) int fd = -1;

	unwind_put_usual(&built);
	put(0, 0x10, CODE(""));
	assert_int_equal(read_table(), 0);
	unwind_built_header(&built)->e_machine = EM_AARCH64;
	assert_int_equal(read_table(), -ENOEXEC);
	unwind_built_header(&built)->e_machine = EM_X86_64;
	built.file.size -= 8; /* an entry that is not whole, nor the section */
	assert_int_equal(read_table(), -EIO);
	unwind_built_section(&built, UNWIND_BUILT_FRAMES)->sh_size -= 8;
	assert_int_equal(read_table(), -ENODATA);
}

/* 64-bit DWARF, which nothing writes here. */
static void test_long_entries(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10, CODE(""));
	unwind_put(&built, CODE("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"));
	put(0x20, 0x10, CODE(""));
	EXPECT(SAME(TEXT, 0, UNWIND_CFA_RSP, 8), NONE(TEXT + 0x10, 0));
}

/* ---- Limits ---- */

static void enlarge_text(uint64_t bytes)
{
	Elf64_Phdr *text = unwind_built_segment(&built, UNWIND_BUILT_TEXT);

	text->p_vaddr = 0x10000000;
	text->p_filesz = text->p_memsz = bytes;
}

/* A function at the begin of the enlarged text. */
static void put_large(uint64_t bytes, const struct packed_bytes *program)
{
	unwind_put_usual(&built);
	unwind_put_function(&built, 0x10000000, bytes, program->bytes, program->size);
}

static void test_too_many_rules(void **state)
{
	const uint32_t count = UNWIND_MAX_RULES + 10;
	struct packed_bytes program = { 0 };

	enlarge_text(count + 1);
	for (uint32_t i = 1; i <= count; i++) {
		packed_bytes_put(&program, CODE("\x41\x0e"));
		packed_bytes_put_unsigned(&program, 8 + i);
	}
	put_large(count + 1, &program);
	packed_bytes_free(&program);
	assert_int_equal(read_table(), 0);
	assert_int_equal(table.nr_rules, UNWIND_MAX_RULES);
	/* One is that of no function, which the rest has. */
	assert_int_equal(table.nr_rows, UNWIND_MAX_RULES + 1);
	assert_int_equal(table.rules[table.rows[UNWIND_MAX_RULES - 2].rule & (UNWIND_MAX_RULES - 1)]
				 .cfa_offset,
			 8 + UNWIND_MAX_RULES - 2);
	assert_int_equal(
		table.rules[table.rows[UNWIND_MAX_RULES - 1].rule & (UNWIND_MAX_RULES - 1)].cfa,
		UNWIND_CFA_NONE);
}

static void put_many_rows(struct packed_bytes *program, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		packed_bytes_put(program, i & 1 ? "\x41\x0e\x10" : "\x41\x0e\x08", 3);
}

static void test_long_function(void **state)
{
	const uint32_t count = UNWIND_MAX_BACK + 3;
	struct packed_bytes program = { 0 };

	enlarge_text(count);
	put_many_rows(&program, count);
	put_large(count, &program);
	packed_bytes_free(&program);
	assert_int_equal(read_table(), 0);
	assert_int_equal(table.nr_rows, count + 1);
	assert_int_equal(table.rows[UNWIND_MAX_BACK].rule >> UNWIND_RULE_BITS, UNWIND_MAX_BACK);
	assert_int_equal(table.rows[UNWIND_MAX_BACK + 1].rule >> UNWIND_RULE_BITS, 0);
	assert_int_equal(table.rows[UNWIND_MAX_BACK + 2].rule >> UNWIND_RULE_BITS, 1);
}

static void test_too_many_rows(void **state)
{
	struct packed_bytes program = { 0 };

	enlarge_text(UNWIND_MAX_ROWS);
	put_many_rows(&program, UNWIND_MAX_ROWS);
	put_large(UNWIND_MAX_ROWS, &program);
	packed_bytes_free(&program);
	/* What follows the function needs one more. */
	assert_int_equal(read_table(), -E2BIG);
}

static void test_too_many_functions(void **state)
{
	enlarge_text(0x7fffffff);
	unwind_put_usual(&built);
	for (uint64_t i = 0; i <= UNWIND_MAX_FUNCTIONS; i++)
		unwind_put_function(&built, 0x10000000 + i, 1, "", 0);
	assert_int_equal(read_table(), -E2BIG);
}

/* A hole: entries without bytes. */
static void test_large_section(void **state)
{
	uint64_t bytes = UNWIND_MAX_SECTION_BYTES;

	unwind_put_usual(&built);
	put(0, 0x10, CODE(""));
	for (int more = 0; more < 2; more++, bytes++) {
		Elf64_Phdr *segment = unwind_built_segment(&built, UNWIND_BUILT_DATA);
		_cleanup_(closep) int fd = -1;

		segment->p_filesz = segment->p_memsz = bytes;
		unwind_built_section(&built, UNWIND_BUILT_FRAMES)->sh_size = bytes;
		fd = unwind_built_open(&built, UNWIND_FRAMES_OFFSET + bytes);
		unwind_table_clear(&table);
		assert_int_equal(unwind_table_read(fd, &table), more ? -E2BIG : 0);
	}
}

/* ---- Checks ---- */

static void test_sanity(void **state)
{
	unwind_put_usual(&built);
	put(0, 0x10, CODE("\x41\x0e\x10"));
	put(0x10, 0x10, CODE("\x41" PLT("\x3b")));
	assert_int_equal(read_table(), 0);
	assert_int_equal(table.nr_rows, 5);
	const struct {
		uint32_t row, offset, rule;
	} wrong[] = {
		{ 1, table.rows[0].offset, table.rows[1].rule },
		{ 2, table.rows[1].offset - 1, table.rows[2].rule },
		{ 0, table.rows[0].offset, table.rows[0].rule | 1U << UNWIND_RULE_BITS },
		{ 1, table.rows[1].offset, table.rows[1].rule + (1U << UNWIND_RULE_BITS) },
		{ 4, table.rows[4].offset, table.rows[4].rule | 3U << UNWIND_RULE_BITS },
		{ 4, table.rows[4].offset, (uint32_t)table.nr_rules },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct wire_unwind_row *row = &table.rows[wrong[i].row], good = *row;

		*row = (struct wire_unwind_row){ wrong[i].offset, wrong[i].rule };
		assert_false(unwind_table_is_sane(&table));
		*row = good;
		assert_true(unwind_table_is_sane(&table));
	}
}

static void test_sane_rules(void **state)
{
	static const struct wire_unwind_rule wrong[] = {
		{ .cfa = NR_UNWIND_CFAS },
		{ .cfa = UNWIND_CFA_RSP, .rbp = NR_UNWIND_RBPS },
		{ .cfa = UNWIND_CFA_PLT, .cfa_offset = 16 },
		{ .cfa = UNWIND_CFA_PLT, .cfa_offset = -1 },
	};

	unwind_put_usual(&built);
	put(0, 0x10, CODE(""));
	assert_int_equal(read_table(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct wire_unwind_rule good = table.rules[1];

		table.rules[1] = wrong[i];
		assert_false(unwind_table_is_sane(&table));
		table.rules[1] = good;
		assert_true(unwind_table_is_sane(&table));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frame_pointer),
		TEST(test_plt),
		TEST(test_aligned_stack),
		TEST(test_outermost),
		TEST(test_advances),
		TEST(test_advance_too_far),
		TEST(test_remembered),
		TEST(test_spellings),
		TEST(test_negative_offset),
		TEST(test_restored),
		TEST(test_rows_that_are_not_followed),
		TEST(test_programs_that_are_lost),
		TEST(test_programs_that_end),
		TEST(test_commons),
		TEST(test_augmentations),
		TEST(test_encodings),
		TEST(test_factors),
		TEST(test_other_commons),
		TEST(test_order),
		TEST(test_places),
		TEST(test_offsets_of_32_bits),
		TEST(test_without_sections),
		TEST(test_other_files),
		TEST(test_long_entries),
		TEST(test_too_many_rules),
		TEST(test_long_function),
		TEST(test_too_many_rows),
		TEST(test_too_many_functions),
		TEST(test_large_section),
		TEST(test_sanity),
		TEST(test_sane_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
