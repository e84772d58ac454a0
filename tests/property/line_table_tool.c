/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line_table.h for line_tables.py: answers each line of stdin with one of stdout.
 *
 *     lines VERSION FIRST CODE TABLE      the lines of all instructions of CODE bytes: COUNTxLINE
 * ... at VERSION FIRST POSITION TABLE     offset and line of what a frame holds: OFFSET LINE
 *
 * VERSION, FIRST, CODE and POSITION are decimal, TABLE is hexadecimal, "-" when it is empty.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_table.h"
#include "memory.h"

#define CODE_UNIT_BYTES 2

struct request {
	uint16_t version;
	int first_line;
	int64_t number;
	uint8_t *table;
	size_t size;
};

static void fail(const char *what)
{
	fprintf(stderr, "line_table_tool: %s\n", what);
	exit(EXIT_FAILURE);
}

static uint8_t digit(char character)
{
	const char *digits = "0123456789abcdef";
	const char *found = character ? strchr(digits, character) : NULL;

	if (!found)
		fail("bad hexadecimal digit");
	return (uint8_t)(found - digits);
}

/* The bytes lie where the text was, so their end is the end of no allocation: the fuzzer's task. */
static void decode(struct request *request, char *text)
{
	size_t length = strlen(text);

	request->table = (uint8_t *)text;
	request->size = strcmp(text, "-") ? length / 2 : 0;
	for (size_t i = 0; i < request->size; i++)
		request->table[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
}

static int find(const struct request *request, uint32_t offset)
{
	return line_table_find(request->version, request->table, request->size, request->first_line,
			       offset);
}

/* What the walk says; line_table_find starts from the table's head for each instruction. */
static void put_lines(const struct request *request)
{
	struct line_range range = { 0 };
	struct line_table lines;
	uint32_t count = 0;
	int line = -1;

	line_table_begin(request->version, request->table, request->size, request->first_line,
			 &lines);
	for (uint32_t offset = 0; offset < request->number; offset += CODE_UNIT_BYTES, count++) {
		while (range.end <= offset && line_table_next(&lines, &range))
			;
		if (range.end <= offset)
			fail("the table ends before the code");
		if (find(request, offset) != range.line)
			fail("line_table_find and line_table_next differ");
		if (line == range.line)
			continue;
		if (count)
			printf("%" PRIu32 "x%d ", count, line);
		line = range.line;
		count = 0;
	}
	printf("%" PRIu32 "x%d\n", count, line);
}

static void put_place(const struct request *request)
{
	uint32_t offset = line_table_offset(request->version, request->number);

	printf("%" PRId64 " %d\n", offset == LINE_TABLE_NOT_STARTED ? -1 : (int64_t)offset,
	       find(request, offset));
}

static char *next_word(char **rest)
{
	char *word = strtok_r(NULL, " \n", rest);

	if (!word)
		fail("a word is missing");
	return word;
}

static void answer(char *text)
{
	struct request request = { 0 };
	char *rest = NULL;
	char *verb = strtok_r(text, " \n", &rest);

	if (!verb)
		return;
	request.version = (uint16_t)strtoul(next_word(&rest), NULL, 10);
	request.first_line = (int)strtol(next_word(&rest), NULL, 10);
	request.number = strtoll(next_word(&rest), NULL, 10);
	decode(&request, next_word(&rest));
	if (!strcmp(verb, "lines"))
		put_lines(&request);
	else
		put_place(&request);
}

int main(void)
{
	_cleanup_(freep) char *text = NULL;
	size_t capacity = 0;

	while (getline(&text, &capacity, stdin) > 0)
		answer(text);
	return EXIT_SUCCESS;
}
