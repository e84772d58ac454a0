/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damaged and hostile files: what is read is exactly the state of some flush, or an error. The rest
 * is found by tests/fuzz.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"
#include "dump_fixture.h"
#include "dump_format.h"
#include "dump_header.h"
#include "memory.h"

#define FLUSHES 5

/* A file of several blocks, and what it holds up to each. */
struct history {
	struct packed_bytes file;
	size_t ends[FLUSHES + 1]; /* [0] is the header's */
	struct profile *states[FLUSHES + 1];
};

static void remember(struct history *history, size_t number, const char *path)
{
	struct dump_error error;

	packed_bytes_free(&history->file);
	history->file = dump_fixture_load(path);
	history->ends[number] = history->file.size;
	assert_int_equal(dump_read(path, &history->states[number], &error), 0);
}

/* The last flush is a close; under another name, so that it does not put all into one block. */
static void make_history(struct history *history)
{
	char *directory = dump_fixture_directory();
	_cleanup_(freep) char *path = xasprintf("%s/dump", directory);
	_cleanup_(freep) char *moved = xasprintf("%s/moved", directory);
	struct dump_create options = { .path = path, .uid = geteuid(), .gid = getegid() };
	struct profile *profile = dump_fixture_profile();
	struct dump_writer *writer;
	uint64_t seed = 3;

	assert_int_equal(dump_create(&options, &writer), 0);
	remember(history, 0, path);
	for (size_t i = 1; i < FLUSHES; i++) {
		assert_int_equal(dump_flush(writer, profile), 0);
		remember(history, i, path);
		dump_fixture_grow(profile, &seed, 20);
	}
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(dump_close(writer, profile), 0);
	remember(history, FLUSHES, moved);
	assert_true(history->states[FLUSHES]->meta.is_complete);
	profile_free(profile);
	dump_fixture_remove(directory);
}

static int set_up(void **state)
{
	struct history *history = xcalloc(1, sizeof(*history));

	make_history(history);
	*state = history;
	return 0;
}

static int tear_down(void **state)
{
	struct history *history = *state;

	for (size_t i = 0; i < ARRAY_SIZE(history->states); i++)
		profile_free(history->states[i]);
	packed_bytes_free(&history->file);
	free(history);
	return 0;
}

static void assert_state(const struct history *history, size_t number, const struct profile *got)
{
	char *difference = dump_fixture_difference(history->states[number], got);

	if (difference)
		fail_msg("state %zu: %s", number, difference);
}

static void cut_at_every_length(void **state)
{
	const struct history *history = *state;
	size_t number = 0;

	for (size_t size = 0; size <= history->file.size; size++) {
		struct profile *got = NULL;
		struct dump_error error;
		int err = dump_fixture_read(history->file.bytes, size, &got, &error);

		if (size < HEADER_BYTES) {
			assert_int_not_equal(err, 0);
			assert_int_equal(error.failure,
					 size < 8 ? DUMP_NOT_A_DUMP : DUMP_HEADER_TRUNCATED);
			continue;
		}
		number += number < FLUSHES && size == history->ends[number + 1];
		if (!number) {
			assert_int_not_equal(err, 0);
			assert_int_equal(error.failure, DUMP_NO_BLOCK);
			continue;
		}
		assert_int_equal(err, 0);
		assert_state(history, number, got);
		assert_int_equal(got->meta.is_complete, size == history->file.size);
		assert_int_equal(got->meta.damage,
				 size < history->file.size ? DAMAGE_CUT_OFF : DAMAGE_NONE);
		assert_int_equal(got->meta.unread_bytes, history->file.size - size);
		profile_free(got);
	}
	assert_int_equal(number, FLUSHES);
}

static void flip(struct history *history, size_t offset, uint8_t bits)
{
	struct profile *got = NULL;
	struct dump_error error;
	size_t number = 0;
	int err;

	history->file.bytes[offset] ^= bits;
	err = dump_fixture_read(history->file.bytes, history->file.size, &got, &error);
	history->file.bytes[offset] ^= bits;
	if (offset < HEADER_BYTES) {
		assert_int_not_equal(err, 0);
		return;
	}
	while (history->ends[number + 1] <= offset)
		number++;
	if (!number) {
		assert_int_not_equal(err, 0);
		assert_int_equal(error.failure, DUMP_NO_BLOCK);
		return;
	}
	assert_int_equal(err, 0);
	assert_state(history, number, got);
	assert_false(got->meta.is_complete);
	assert_int_equal(got->meta.damage, DAMAGE_BLOCK);
	assert_int_equal(got->meta.unread_bytes, history->file.size - history->ends[number]);
	profile_free(got);
}

static void every_byte_flipped(void **state)
{
	struct history *history = *state;

	for (size_t offset = 0; offset < history->file.size; offset++) {
		flip(history, offset, 0xff);
		flip(history, offset, (uint8_t)(1U << offset % 8));
	}
}

static void bytes_behind_the_end(void **state)
{
	const struct history *history = *state;
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 };
	struct profile *got = NULL;
	struct dump_error error;

	packed_bytes_put(&file, history->file.bytes, history->file.size);
	packed_bytes_put(&file, "x", 1);
	assert_int_equal(dump_fixture_read(file.bytes, file.size, &got, &error), 0);
	assert_state(history, FLUSHES, got);
	assert_false(got->meta.is_complete);
	assert_int_equal(got->meta.damage, DAMAGE_LONGER);
	assert_int_equal(got->meta.unread_bytes, 1);
	profile_free(got);
}

/* One that was not closed ends as a killed capture leaves it: its end may be part of a block. */
static void not_closed(void **state)
{
	const struct history *history = *state;
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 };

	packed_bytes_put(&file, history->file.bytes, history->file.size);
	dump_header_pack(0, file.bytes);
	for (size_t size = HEADER_BYTES; size <= history->ends[1]; size++) {
		struct profile *got = NULL;
		struct dump_error error;

		assert_int_equal(dump_fixture_read(file.bytes, size, &got, &error), 0);
		assert_false(got->meta.is_complete);
		assert_int_equal(got->meta.damage, DAMAGE_NONE);
		assert_int_equal(got->meta.unread_bytes,
				 size < history->ends[1] ? size - HEADER_BYTES : 0);
		profile_free(got);
	}
}

static void whole_block_missing(void **state)
{
	const struct history *history = *state;
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 };
	struct profile *got = NULL;
	struct dump_error error;

	packed_bytes_put(&file, history->file.bytes, history->ends[1]);
	packed_bytes_put(&file, history->file.bytes + history->ends[2],
			 history->file.size - history->ends[2]);
	if (!dump_fixture_read(file.bytes, file.size, &got, &error))
		assert_false(got->meta.is_complete);
	profile_free(got);
}

/* Killed while a block was written: its payload is there, in part or all, the head is not. */
static void head_not_written(void **state)
{
	const struct history *history = *state;
	size_t last = history->ends[FLUSHES - 1], head = last + BLOCK_HEAD_BYTES;
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 };
	struct profile *got = NULL;
	struct dump_error error;

	packed_bytes_put(&file, history->file.bytes, history->file.size);
	memset(file.bytes + last, 0, BLOCK_HEAD_BYTES);
	for (size_t size = head; size <= file.size; size++) {
		assert_int_equal(dump_fixture_read(file.bytes, size, &got, &error), 0);
		assert_state(history, FLUSHES - 1, got);
		assert_false(got->meta.is_complete);
		profile_free(got);
	}
}

/* ---- blocks with a right checksum and wrong content ---- */

/* Records of one section, as text: a number a word, `s` before a signed one, "..." for counted
 * text, '...' for text with a NUL behind. */
struct section {
	enum dump_tag tag;
	const char *records;
};

static const char *put_word(struct packed_bytes *to, const char *at)
{
	char *end;

	if (*at == '"') {
		end = strchr(at + 1, '"');
		packed_bytes_put_counted(to, at + 1, end - at - 1);
		return end + 1;
	}
	if (*at == '\'') {
		end = strchr(at + 1, '\'');
		packed_bytes_put(to, at + 1, end - at - 1);
		packed_bytes_put(to, "", 1);
		return end + 1;
	}
	if (*at == 's')
		packed_bytes_put_signed(to, strtoll(at + 1, &end, 0));
	else
		packed_bytes_put_unsigned(to, strtoull(at, &end, 0));
	return end;
}

static void put_records(struct packed_bytes *payload, const struct section *section)
{
	_cleanup_(packed_bytes_free) struct packed_bytes records = { 0 };
	const char *at = section->records;

	while (*at)
		at = *at == ' ' ? at + 1 : put_word(&records, at);
	dump_fixture_put_section(payload, section->tag, &records);
}

#define MAX_SECTIONS 8

static size_t count_of(const struct section *sections)
{
	size_t count = 0;

	while (count < MAX_SECTIONS && sections[count].tag)
		count++;
	return count;
}

static enum dump_failure failure_of(const struct section *sections, size_t count)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 }, payload = { 0 };
	struct profile *got = NULL;
	struct dump_error error = { 0 };

	for (size_t i = 0; i < count; i++)
		put_records(&payload, &sections[i]);
	dump_fixture_put_header(&file, 0);
	dump_fixture_put_block(&file, BLOCK_PROFILE, DUMP_BLOCK_VERSION, &payload);
	dump_fixture_read(file.bytes, file.size, &got, &error);
	profile_free(got);
	return error.failure;
}

#define NAMES                                \
	{                                    \
		TAG_STRINGS, "1 \"a\" \"b\"" \
	}
#define TEXTS                              \
	{                                  \
		TAG_TEXTS, "1 'a' 'b' 'c'" \
	}
/* Sites 0 of strings 1 and 2 at line 1, 1 of strings 1 and 3 at line 5, which is a part. */
#define COLUMNS                                                                      \
	{                                                                            \
		TAG_SITE_COLUMNS, "0 2 1 2  0 2  0 0  s1 s4  0 0  779 0x2030b  1 s7" \
	}
#define OBJECT                                 \
	{                                      \
		TAG_NEW_OBJECTS, "0  0 3 s0 0" \
	}
/* One below the other, then another root, seen 10, 20 and 5 units after the start. */
#define TREE                                                           \
	{                                                              \
		TAG_TREE, "0 3 0  0 0 0 0  1 0  0 1 0 1  s10 s10 s-15" \
	}
/* Of process 0: owners, peak time 7, moments 3 and 1; 1 page of file live, 2 at the peak. */
#define OWNERS                                                      \
	{                                                           \
		TAG_OWNERS, "0 1 0 7 3 1  s1 s0 s0 s0  s2 s0 s0 s0" \
	}
#define HELD                          \
	{                             \
		TAG_HELD, "1 s0 1 s5" \
	}
#define ALLOCS                                                                     \
	{                                                                          \
		TAG_ALLOCS, "2  s0 s2  0xff 1  s1 s5  s1  s-2  s3  s4  s5  s6  s7" \
	}
#define SITES                                                    \
	{                                                        \
		TAG_SITES, "0  0 1 2 s1 0x1030b 1  7 0 0 s0 0 0" \
	}
#define BOOKS "0 0 s0 0 5 6 s0 s0 s0 s0 s0 s0 s0 s0 s0 s0 s0 s0 s0 "
#define TAIL BOOKS "0 0 0 "
#define PROCESSES                                                    \
	{                                                            \
		TAG_PROCESSES, "0 42 1 1 2 " TAIL "1 43 1 1 2 " TAIL \
	}
#define NODES                                      \
	{                                          \
		TAG_NODES, "0  0 0 0 s0  0 1 1 s0" \
	}

static void right_content_is_taken(void **state)
{
	static const struct section good[MAX_SECTIONS] = {
		NAMES,
		SITES,
		PROCESSES,
		NODES,
		{ TAG_COSTS, "s1 255 s1 s2 s3 s4 s5 s6 s7 s8" },
		{ TAG_CALLS, "s1 0x3fffffffffffffff s-1 1" },
	};
	static const struct section tree[MAX_SECTIONS] = {
		TEXTS,
		COLUMNS,
		PROCESSES,
		OBJECT,
		TREE,
		{ TAG_CALL_RUNS, "s0 2 5 6  s0 1 0x3fffffffffffff00  s-3 1 4" },
		{ TAG_SIGHTED, "0  s0 1 1  s2 2 2 0" },
		{ TAG_OBJECTS, "0 0 3 0 2" },
	};
	static const struct section held[MAX_SECTIONS] = {
		TEXTS,
		COLUMNS,
		PROCESSES,
		OBJECT,
		TREE,
		OWNERS,
		{ TAG_HELD,
		  "2  s0 s2  0x3fff 1  s1 s5  s1 s1 s1  s2 s2 s2 s2  s3 s3 s3 s3  s4 s-4" },
		{ TAG_HISTORIES, "s2 0 0 s-5  s-2 33 2 s5 s-3 s1" },
	};
	static const struct section allocated[MAX_SECTIONS] = {
		TEXTS,	   COLUMNS,
		PROCESSES, OBJECT,
		TREE,	   { TAG_ALLOCATORS, "0 1 5 3 s100 s200 7  1 1 0 0 s0 s0 0" },
		ALLOCS,	   { TAG_ALLOC_HISTORIES, "s2 0 0 s-5" },
	};
	static const struct section taken[MAX_SECTIONS] = {
		TEXTS,
		COLUMNS,
		PROCESSES,
		OBJECT,
		TREE,
		ALLOCS,
		{ TAG_SOURCES, "0 3 0x3fffffffffffffff  1 1 0" },
		{ TAG_TAKEN_HISTORIES, "s2 0 1 s5 s1" },
	};
	static const struct section native[MAX_SECTIONS] = {
		TEXTS,
		{ TAG_SITE_COLUMNS,
		  "0 3 1 2  0 2 2  0 0 1  s1 s-1 s0  0 13 13  779 0 0  7 0xffffffffffffffff" },
		PROCESSES,
	};
	static const struct section methods[MAX_SECTIONS] = {
		NAMES,
		{ TAG_PROCESSES, "0 42 1 1 2 " BOOKS "2 2 2" },
	};

	static const struct section objects[MAX_SECTIONS] = {
		NAMES,
		{ TAG_SITES, "0  0 1 2 s1 0x20000 0 1 s5" },
		PROCESSES,
		{ TAG_OBJECTS, "0 0 1 0 0 1 0 2 0xffffffff 1  0 0 2 7 2" },
		{ TAG_NODES, "0  0 0 0 s0" },
		{ TAG_SIGHTINGS, "0 1 0 2 0 0" },
		{ TAG_MOMENT, "5 s9 s8 2" },
	};

	assert_int_equal(failure_of(good, count_of(good)), DUMP_FINE);
	assert_int_equal(failure_of(tree, count_of(tree)), DUMP_FINE);
	assert_int_equal(failure_of(native, count_of(native)), DUMP_FINE);
	assert_int_equal(failure_of(objects, count_of(objects)), DUMP_FINE);
	assert_int_equal(failure_of(methods, count_of(methods)), DUMP_FINE);
	assert_int_equal(failure_of(held, count_of(held)), DUMP_FINE);
	assert_int_equal(failure_of(allocated, count_of(allocated)), DUMP_FINE);
	assert_int_equal(failure_of(taken, count_of(taken)), DUMP_FINE);
}

static const struct section bad[][MAX_SECTIONS] = {
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HISTORIES, "s3 0 0 s1" } }, /* no node */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HISTORIES, "s0 0 0 s1" } }, /* holds none
										      */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, HELD, { TAG_HISTORIES, "s0 34 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, HELD, { TAG_HISTORIES, "s0 0 32 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, HELD, { TAG_HISTORIES, "s0 0 1 s1" } }, /* fewer
											    */
	{ TEXTS,
	  COLUMNS,
	  PROCESSES,
	  OBJECT,
	  TREE,
	  HELD,
	  { TAG_HISTORIES, "s0 0 1 s0xffffffffffff s1" } },
	{ TEXTS,
	  COLUMNS,
	  PROCESSES,
	  OBJECT,
	  TREE,
	  { TAG_ALLOC_HISTORIES, "s0 0 0 s1" } }, /* no amounts */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, ALLOCS, { TAG_ALLOC_HISTORIES, "s1 0 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, ALLOCS, { TAG_HISTORIES, "s0 0 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, ALLOCS, { TAG_TAKEN_HISTORIES, "s1 0 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, ALLOCS, { TAG_TAKEN_HISTORIES, "s2 34 0 s1" } },
	{ TEXTS,
	  COLUMNS,
	  PROCESSES,
	  OBJECT,
	  TREE,
	  ALLOCS,
	  { TAG_ALLOC_HISTORIES, "s0 0 1 s0xfffffffffffffff s1" } },
	{ TEXTS, PROCESSES, { TAG_ALLOCATORS, "2 1 0 0 s0 s0 0" } }, /* of no process */
	{ TEXTS,
	  PROCESSES,
	  { TAG_ALLOCATORS, "0 0 5 0 s0 s0 0" } }, /* of one that was not followed */
	{ TEXTS, PROCESSES, { TAG_ALLOCATORS, "0 2 0 0 s0 s0 0" } }, /* flags */
	{ TEXTS, PROCESSES, { TAG_ALLOCATORS, "0 1 0 0x100000000 s0 s0 0" } },
	{ TEXTS, PROCESSES, { TAG_ALLOCATORS, "0 1 0 0 s0x1000000000000000 s0 0" } },
	{ TEXTS, PROCESSES, { TAG_ALLOCATORS, "0 1 0 0 s0 s0" } }, /* too short */
	/* The sum of these is too much for the row that is to have what is missing. */
	{ TEXTS,
	  COLUMNS,
	  PROCESSES,
	  OBJECT,
	  TREE,
	  { TAG_ALLOCATORS, "0 1 0 0 s0xfffffffffffffff s-0xfffffffffffffff 0" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_ALLOCS, "1 s3 1 s1" } },     /* no node */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_ALLOCS, "1 s0 0x100 s1" } }, /* mask */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_ALLOCS, "2 s0 1 s1" } },     /* fewer */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_ALLOCS, "1 s0 1 s1 s1" } },  /* more */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_ALLOCS, "0xffffffff s0" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_ALLOCS, "1 s0 1 s0x1000000000000000" } },
	{ TEXTS,
	  COLUMNS,
	  PROCESSES,
	  OBJECT,
	  TREE,
	  { TAG_ALLOCS, "1 s0 0x21 s0xfffffffffffffff s1" } }, /* more bytes in all */
	{ TEXTS,
	  COLUMNS,
	  PROCESSES,
	  OBJECT,
	  TREE,
	  { TAG_ALLOCS,
	    "3 s0 s1 s1 1 1 1 s0xfffffffffffffff s0xfffffffffffffff s0xfffffffffffffff" } },
	{ TEXTS,
	  PROCESSES,
	  { TAG_OWNERS, "2 1 0 7 3 1  s1 s0 s0 s0  s2 s0 s0 s0" } }, /* of no process */
	{ TEXTS, PROCESSES, { TAG_SOURCES, "2 1 5" } },		     /* of no process */
	{ TEXTS, PROCESSES, { TAG_SOURCES, "0 4 5" } },		     /* in which roots */
	{ TEXTS, PROCESSES, { TAG_SOURCES, "0 1 0x4000000000000000" } },
	{ TEXTS, PROCESSES, { TAG_SOURCES, "0 1" } }, /* too short */
	{ TEXTS, PROCESSES, { TAG_OWNERS, "0 8 0 7 3 1  s1 s0 s0 s0  s2 s0 s0 s0" } }, /* flags */
	{ TEXTS, PROCESSES, { TAG_OWNERS, "0 1 0 7 0x100000000 1  s1 s0 s0 s0  s2 s0 s0 s0" } },
	{ TEXTS, PROCESSES, { TAG_OWNERS, "0 1 0 7 3 1  s0x1000000000000 s0 s0 s0  s2 s0 s0 s0" } },
	{ TEXTS, PROCESSES, { TAG_OWNERS, "0 1 0 7 3 1  s1 s0 s0 s0  s2 s0 s0" } }, /* too short */
	/* The sum of these is too much for the row that is to have what is missing. */
	{ TEXTS,
	  PROCESSES,
	  { TAG_OWNERS, "0 1 0 7 3 1  s0xffffffffffff s0xffffffffffff s0 s0 "
			"s-0xffffffffffff s0 s0 s0" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HEAP, "1 s0 1 s1" } }, /* holds none */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, HELD, { TAG_HEAP, "1 s0 2 s1" } }, /* mask */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "1 s3 1 s1" } },	      /* no node */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "1 s-1 1 s1" } },      /* the same */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "1 s0 0x4000 s1" } },  /* mask */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "2 s0 1 s1" } },	      /* fewer */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "1 s0 1 s1 s1" } },    /* more */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "1 s0 3 s1" } }, /* a value less */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "0xffffffff s0" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_HELD, "1 s0 1 s0x1000000000000" } },
	{ TEXTS,
	  COLUMNS,
	  PROCESSES,
	  OBJECT,
	  TREE, /* sums */
	  { TAG_HELD, "3 s0 s1 s1 1 1 1 s0xffffffffffff s0xffffffffffff s0xffffffffffff" } },
	{ { TAG_TEXTS, "2 'a'" } },					   /* a gap */
	{ { TAG_TEXTS, "1 'a' 'a'" } },					   /* twice the same */
	{ { TAG_TEXTS, "1 ''" } },					   /* that is 0 */
	{ { TAG_TEXTS, "1 'a' 65" } },					   /* no end */
	{ TEXTS, { TAG_SITE_COLUMNS, "1 1 1 2  0 0 s1 0 779" } },	   /* a gap */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 2 1 2  0 0 s1 0 779" } },	   /* more than there are */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 0xffffffff 1 2  0 0 s1 0 779" } }, /* the same */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 5 2  0 0 s1 0 779" } },  /* from a file not there */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 4  0 0 s1 0 779" } },  /* none is left */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  5 0 s1 0 779" } },  /* a string not there */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s1 14 779" } }, /* a kind unknown */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s0 13 0" } },   /* without its address */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s0 13 0 7 7" } },
	{ TEXTS, { TAG_SITE_COLUMNS, "0 2 1 2  0 2 0 3 s0 s0 13 13 0 0 7 7" } }, /* twice the same
										  */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s3000000000 0 779" } },
	{ TEXTS, { TAG_SITE_COLUMNS, "0 2 1 2  0 2 0 3 s2147483647 s1 0 0 779 779" } },
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s1 0 0x40000" } },
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s1 0 0x20000" } },	       /* no part */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s1 0 0x20000 2 s1" } },     /* of no object */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 1 1 2  0 0 s1 0 779 0" } },	       /* a byte too many */
	{ TEXTS, { TAG_SITE_COLUMNS, "0 2 1 2  0 2 0 3 s1 s0 0 0 779 779" } }, /* twice the same */
	{ TEXTS, COLUMNS }, /* an object that never comes */
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "1  0 3 s0 0" } },
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "0  2 3 s0 0" } },
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "0  0 4 s0 0" } },
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "0  0 3 s-1 0" } },
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "0  0 3 s0x100000000 0" } },
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "0  0 3 s1 0 0 3 s0xffffffff 0" } },
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "0  0 3 s0 5" } },
	{ TEXTS, PROCESSES, { TAG_NEW_OBJECTS, "0  0 3 s0" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "1 1 0  0 0 0 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 2 0  0 0 0 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 0xffffffff 0  0 0 0 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 3  0 0 0 0 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 2  0 0 0 0 s1" } }, /* no site */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 0  0 0 0 3 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 0  1 0 s1 0 0" } }, /* below none */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 2 0  0 0 0 0 2 0 s1 s0" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 0  0 2 0 0 s1" } }, /* no process */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 0  0 0 1 0 s1" } }, /* itself */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 2 0  0 0 0 0 0 1 1 0 s1 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 2 0  0 0 0 1 0 0 0 1 s1 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 0  0 0 0 0 s-1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 0  0 0 0 0 s461168601842740" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, { TAG_TREE, "0 1 0  0 0 0 0 s1 s1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_CALL_RUNS, "s2 2 1 1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_CALL_RUNS, "s4 0" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_CALL_RUNS, "s-1 1 1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_CALL_RUNS, "s0 3 1 1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_CALL_RUNS, "s0 1 0x4000000000000001" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_SIGHTED, "2  s0 1 1" } },
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_SIGHTED, "1  s0 1 1" } }, /* none is left
										    */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_SIGHTED, "0  s0 1 2" } }, /* before the
										      first */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_SIGHTED, "0  s3 1 1" } }, /* no node */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_SIGHTED, "0  s0 2 1" } }, /* cut */
	{ TEXTS, COLUMNS, PROCESSES, OBJECT, TREE, { TAG_SIGHTED, "0  s0 0xffffffff 1" } },
	{ { TAG_STRINGS, "2 \"a\"" } },	      /* a gap */
	{ { TAG_STRINGS, "1 \"a\" \"a\"" } }, /* twice the same */
	{ { TAG_STRINGS, "1 \"\"" } },	      /* that is 0 */
	{ { TAG_STRINGS, "1 99999" } },	      /* longer than the section */
	{ { TAG_STRINGS, "1 0xffffffffffffffff" } },
	{ { TAG_SITES, "0  0 1 0 s1 0 0" } },	      /* a string that is not there */
	{ NAMES, { TAG_SITES, "0  14 1 2 s1 0 0" } }, /* a kind unknown */
	{ NAMES, { TAG_SITES, "0  0 1 2 s1 0" } },    /* cut */
	{ NAMES, { TAG_SITES, "0  0 1 2 s3000000000 0 0" } },
	{ NAMES, { TAG_SITES, "0  0 1 2 s1 0x20000 0" } },
	{ NAMES, { TAG_SITES, "0  0 1 2 s1 0 0  0 1 2 s1 0 0" } },
	{ { TAG_PROCESSES, "1 42 1 0 0 " TAIL } },
	{ { TAG_PROCESSES, "0 42 1 0 1 " TAIL } },
	{ { TAG_PROCESSES, "0 42 1 0 0 " } },
	{ { TAG_PROCESSES, "0 0x100000000 1 0 0 " TAIL } },
	{ NAMES, PROCESSES, { TAG_NODES, "0  0 0 0 s0" } },	   /* no site */
	{ NAMES, SITES, { TAG_NODES, "0  0 0 0 s0" } },		   /* no process */
	{ NAMES, SITES, PROCESSES, { TAG_NODES, "0  0 1 0 s0" } }, /* its own parent */
	{ NAMES, SITES, PROCESSES, { TAG_NODES, "0  0 9 0 s0" } },
	{ NAMES, SITES, PROCESSES, { TAG_NODES, "1  0 0 0 s0" } },
	{ NAMES, SITES, PROCESSES, { TAG_NODES, "0  0 0 0 s0  0 0 0 s0" } },
	{ NAMES, SITES, PROCESSES, { TAG_NODES, "0  0 0 0 s-1" } },
	{ NAMES, SITES, PROCESSES, { TAG_NODES, "0  0 0 0 s0  1 1 0 s0" } }, /* parent elsewhere */
	{ NAMES, SITES, PROCESSES, NODES, { TAG_COSTS, "s2 0" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_COSTS, "s-1 0" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_COSTS, "s0 256 s1" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_COSTS, "s0 3 s1" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_COSTS, "s0 1 s0x1000000000000000" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_COSTS, "s0 1 s-0x1000000000000000" } },
	{ NAMES,
	  SITES,
	  PROCESSES,
	  NODES, /* each fits, the sum does not */
	  { TAG_COSTS, "s0 7 s0xfffffffffffffff s0xfffffffffffffff s0xfffffffffffffff" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_CALLS, "s2 1" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_CALLS, "s-1 1" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_CALLS, "s1" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_CALLS, "s1 0x4000000000000001" } },
	{ NAMES, SITES, PROCESSES, NODES, { TAG_CALLS, "s1 0xffffffffffffffff" } },
	{ NAMES,
	  SITES,
	  PROCESSES,
	  NODES, /* each fits, the sum does not */
	  { TAG_CALLS, "s0 1 s1 0x4000000000000000" } },
	{ { TAG_CALLS, "s0 1" } },
	{ NAMES, { TAG_PROCESSES, "0 42 1 1 2 " BOOKS } },	   /* the calls missing */
	{ NAMES, { TAG_PROCESSES, "0 42 1 1 2 " BOOKS "3 1 2" } }, /* a method unknown */
	{ NAMES, { TAG_PROCESSES, "0 42 1 1 2 " BOOKS "2 3 2" } },
	{ NAMES, { TAG_PROCESSES, "0 42 1 1 2 " BOOKS "2 1 3" } },
	{ NAMES, PROCESSES, { TAG_SAMPLES, "2 0 1 0 s0" } },
	{ NAMES, PROCESSES, { TAG_SAMPLES, "0 1 1 0 s0" } },
	{ NAMES, PROCESSES, { TAG_SAMPLES, "0 0 2 0 s0" } },
	{ NAMES, PROCESSES, { TAG_SAMPLES, "0 0 2049" } },
	{ NAMES, PROCESSES, { TAG_SAMPLES, "0 0 1 0x7fffffffffffffff s0" } },
	{ NAMES, PROCESSES, { TAG_SAMPLES, "0 0 2 0 s0xfffffffffffffff 0 s0xfffffffffffffff" } },
	{ { TAG_SAMPLES, "0 0 0" } },
	{ { TAG_THREADS, "0 0 1 0 s0 0 0" } },
	{ NAMES, PROCESSES, { TAG_THREADS, "0 1 1 0 s0 0 0" } },
	{ NAMES, PROCESSES, { TAG_THREADS, "0 0 1 9 s0 0 0" } },
	{ { TAG_LOSSES, "1 0 1 1" } },
	{ { TAG_LOSSES, "0 64 1 1" } },
	{ NAMES, PROCESSES, { TAG_OBJECTS, "1 0 1 0 0" } }, /* a gap */
	{ NAMES, PROCESSES, { TAG_OBJECTS, "0 9 1 0 0" } }, /* no process */
	{ NAMES, PROCESSES, { TAG_OBJECTS, "0 0 9 0 0" } }, /* no string */
	{ NAMES, PROCESSES, { TAG_OBJECTS, "0 0 1 0 9" } },
	{ NAMES, PROCESSES, { TAG_OBJECTS, "0 0 1 0" } },		 /* cut */
	{ NAMES, SITES, PROCESSES, NODES, { TAG_SIGHTINGS, "0 1" } },	 /* no object */
	{ NAMES, SITES, PROCESSES, NODES, { TAG_SIGHTINGS, "9 0" } },	 /* no node */
	{ NAMES, { TAG_SITES, "0  0 1 2 s1 0x20000 0 1 s0" } },		 /* of no object */
	{ NAMES, { TAG_SITES, "0  0 1 2 s1 0x20000 0 0 s0x80000000" } }, /* no line */
	{ { TAG_MOMENT, "0 s1 s1" } },
	{ { TAG_MOMENT, "0 s1 s1 0x200000" } },
	{ { TAG_LOSSES, "0 0 0x1000000000000000 1" } },
	{ { TAG_LOSSES,
	    "0 0 0xfffffffffffffff 1 0 1 0xfffffffffffffff 1 0 2 0xfffffffffffffff 1" } },
	{ { TAG_META, "200 \"a\"" } },
	{ { TAG_META, "0 s0 0 0 0" } },
	{ { TAG_META, "0 s0 0 0 0 0" } },
	{ { TAG_META, "0 s0 0 0 0 0 3" } },   /* a mode unknown */
	{ { TAG_META, "0 s0 0 0 0 0 0 0" } }, /* a byte too many */
	{ { TAG_META, "0 s0 0 0 0 99 0" } },
	{ { TAG_DURATION, "0xffffffffffffffff" } },
	{ { TAG_DURATION, "" } },
	{ { TAG_DURATION, "1 1" } },
};

/* For its last section: what stands before that is right. */
static void wrong_content_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t count = count_of(bad[i]);

		if (failure_of(bad[i], count) != DUMP_CORRUPT)
			fail_msg("case %zu is taken", i);
		if (failure_of(bad[i], count - 1) != DUMP_FINE)
			fail_msg("case %zu is refused before its end", i);
	}
}

static enum dump_failure failure_of_payload(const struct packed_bytes *payload)
{
	_cleanup_(packed_bytes_free) struct packed_bytes file = { 0 };
	struct profile *got = NULL;
	struct dump_error error = { 0 };

	dump_fixture_put_header(&file, 0);
	dump_fixture_put_block(&file, BLOCK_PROFILE, DUMP_BLOCK_VERSION, payload);
	dump_fixture_read(file.bytes, file.size, &got, &error);
	profile_free(got);
	return error.failure;
}

static void payload_that_is_no_section(void **state)
{
	static const char *const payloads[] = {
		"\x80",
		"\x03",
		"\x03\x05zzzz",
		"\x03\x80\x80",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01",
	};

	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
		_cleanup_(packed_bytes_free) struct packed_bytes payload = { 0 };

		packed_bytes_put(&payload, payloads[i], strlen(payloads[i]));
		assert_int_equal(failure_of_payload(&payload), DUMP_CORRUPT);
	}
}

static void nul_in_a_string(void **state)
{
	_cleanup_(packed_bytes_free) struct packed_bytes payload = { 0 };

	packed_bytes_put(&payload,
			 "\x03\x05\x01\x03"
			 "a\0b",
			 7);
	assert_int_equal(failure_of_payload(&payload), DUMP_CORRUPT);
	payload.bytes[5] = 'x';
	assert_int_equal(failure_of_payload(&payload), DUMP_FINE);
}

/* A small file that inflates to much is refused before anything is allocated for it. */
static void bombs_are_refused(void **state)
{
	_cleanup_(packed_bytes_free) struct packed_bytes payload = { 0 }, zeros = { 0 };
	size_t size = 8 << 20;

	zeros.bytes = xcalloc(size, 1);
	zeros.size = zeros.capacity = size;
	dump_fixture_put_section(&payload, 99, &zeros);
	assert_int_equal(failure_of_payload(&payload), DUMP_TOO_LARGE);
}

/* In both versions. */
static void deep_tree(enum dump_tag tag, struct packed_bytes *nodes)
{
	const uint32_t count = DUMP_MAX_DEPTH + 1;

	packed_bytes_put_unsigned(nodes, 0);
	if (tag == TAG_NODES) {
		for (uint32_t i = 0; i < count; i++) {
			packed_bytes_put_unsigned(nodes, 0);
			packed_bytes_put_unsigned(nodes, i ? 1 : 0);
			packed_bytes_put_unsigned(nodes, 0);
			packed_bytes_put_signed(nodes, 0);
		}
		return;
	}
	packed_bytes_put_unsigned(nodes, count);
	packed_bytes_put(nodes, "\0\0\0\0\1", 5); /* the first, of site 0 */
	for (uint32_t i = 1; i < count; i++)
		packed_bytes_put(nodes, "\1\1", 2);
	for (uint32_t i = 0; i < count; i++)
		packed_bytes_put_signed(nodes, 0);
}

static void refuse_deep(enum dump_tag tag)
{
	static const struct section start[] = { NAMES, SITES, PROCESSES };
	_cleanup_(packed_bytes_free) struct packed_bytes payload = { 0 }, nodes = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(start); i++)
		put_records(&payload, &start[i]);
	deep_tree(tag, &nodes);
	dump_fixture_put_section(&payload, tag, &nodes);
	assert_int_equal(failure_of_payload(&payload), DUMP_TOO_LARGE);
}

static void deep_trees_are_refused(void **state)
{
	refuse_deep(TAG_NODES);
	refuse_deep(TAG_TREE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(every_byte_flipped),
		cmocka_unit_test(bytes_behind_the_end),
		cmocka_unit_test(not_closed),
		cmocka_unit_test(whole_block_missing),
		cmocka_unit_test(head_not_written),
		cmocka_unit_test(right_content_is_taken),
		cmocka_unit_test(wrong_content_is_refused),
		cmocka_unit_test(payload_that_is_no_section),
		cmocka_unit_test(nul_in_a_string),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(deep_trees_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
