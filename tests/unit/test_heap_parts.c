/* SPDX-License-Identifier: BSD-2-Clause */
/* RSS in parts: mappings by their kind, and parts that add up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap_account.h"
#include "heap_parts.h"
#include "memory.h"

#define MB (1 << 20)

static const char text[] =
	"55d0c0000000-55d0c0010000 r-xp 00000000 08:01 1234                       "
	"/usr/bin/python3\n"
	"Size:                 64 kB\n"
	"Rss:                  60 kB\n"
	"Pss:                  10 kB\n"
	"55d0c1000000-55d0c2000000 rw-p 00000000 00:00 0                          [heap]\n"
	"Rss:                1000 kB\n"
	"7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n"
	"Rss:                  24 kB\n"
	"7f0001000000-7f0002000000 rw-p 00000000 00:00 0 \n"
	"Rss:                4000 kB\n"
	"7f0003000000-7f0004000000 rw-s 00000000 00:01 99                         /dev/zero "
	"(deleted)\n"
	"Rss:                 300 kB\n"
	"ShmemPmdMapped:        0 kB\n"
	"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"
	"Rss:                 132 kB\n"
	"VmFlags: rd wr mr mw me gd ac\n";

static void test_knows_mappings(void **state)
{
	uint64_t tops[] = { 0x7f00007ff000, 0x55d0c1000100, 0x7ffd00020000 };
	const struct heap_stacks stacks = { .tops = tops, .count = ARRAY_SIZE(tops) };
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	struct heap_account account;

	assert_non_null(file);
	heap_account_parse(file, &stacks, &account);
	fclose(file);
	assert_int_equal(account.files, 60 << 10);
	assert_int_equal(account.shared, 300 << 10);
	assert_int_equal(account.stacks, (24 + 132) << 10);
	assert_int_equal(account.rss, (60 + 1000 + 24 + 4000 + 300 + 132) << 10);
}

static void test_reads_its_own(void **state)
{
	struct heap_account account;

	assert_int_equal(heap_account_read(getpid(), &account), 0);
	assert_true(account.files > 0 && account.stacks > 0);
	assert_true(account.rss >= account.files + account.stacks + account.shared);
	assert_int_equal(heap_account_read(0x7ffffff0, &account), -ESRCH);
}

static int64_t sum_of(const int64_t parts[NR_HEAP_PARTS])
{
	int64_t sum = 0;

	for (int part = 0; part < NR_HEAP_PARTS; part++)
		sum += parts[part];
	return sum;
}

static void test_adds_up(void **state)
{
	const struct heap_inside inside = {
		.malloc_used = 30 * MB,
		.malloc_mapped = 34 * MB,
		.malloc_free = 20 * MB,
		.malloc_free_absent = 4 * MB,
		.pymalloc_used = 100 * MB,
		.pymalloc_free = 8 * MB,
		.stacks = MB,
		.files = 12 * MB,
		.shared = 3 * MB,
		.rss = 210 * MB,
	};
	struct census census = { .bytes = 70 * MB,
				 .buffer_bytes = 50 * MB,
				 .refused = CENSUS_NONE };
	int64_t parts[NR_HEAP_PARTS];

	assert_true(heap_parts_make(&inside, &census, parts));
	assert_int_equal(sum_of(parts), inside.rss);
	assert_int_equal(parts[HEAP_PART_OBJECTS], 120 * MB);
	assert_int_equal(parts[HEAP_PART_USED], 44 * MB);
	assert_int_equal(parts[HEAP_PART_FREE_MALLOC], 16 * MB);
	assert_int_equal(parts[HEAP_PART_REST], 6 * MB);
	assert_true(heap_parts_make(&inside, NULL, parts));
	assert_int_equal(sum_of(parts), inside.rss);
	assert_int_equal(parts[HEAP_PART_USED], 164 * MB);
	census.bytes = CENSUS_MAX_AMOUNT;
	assert_true(heap_parts_make(&inside, &census, parts));
	assert_int_equal(sum_of(parts), inside.rss);
	assert_int_equal(parts[HEAP_PART_USED], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_knows_mappings),
		cmocka_unit_test(test_reads_its_own),
		cmocka_unit_test(test_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
