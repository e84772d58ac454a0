/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Amounts of a heap as an inspecting process that was taken over might answer them. An input is the
 * bytes of struct heap_inside. What the check lets through must not overflow where it is added up,
 * has a cure, and is written as text and JSON of bounded length without control characters.
 */
#include "fuzz_target.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "heap_cure.h"
#include "memory.h"
#include "report_inside.h"

#define MAX_TEXT 4096

static void expect(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fuzz_heap_answer: %s\n", what);
	abort();
}

static void check_text(const struct sink *sink, bool is_json)
{
	expect(!sink->error && sink->used > 0 && sink->used < MAX_TEXT, "a text without bounds");
	for (size_t i = 0; i < sink->used; i++)
		expect(sink->buffer[i] == '\n' ||
			       (sink->buffer[i] >= ' ' && sink->buffer[i] <= '~'),
		       is_json ? "JSON with control characters" : "text with control characters");
}

static void write_both(const struct heap_inside *inside, int null)
{
	struct json_writer json;
	struct sink sink;

	sink_attach(&sink, null);
	report_inside_write(inside, &sink);
	check_text(&sink, false);
	sink_abandon(&sink);
	sink_attach(&sink, null);
	json_writer_init(&json, &sink);
	json_writer_begin_object(&json);
	report_inside_members(inside, &json);
	json_writer_end_object(&json);
	check_text(&sink, true);
	sink_abandon(&sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct heap_inside inside = { 0 };

	memcpy(&inside, bytes, size < sizeof(inside) ? size : sizeof(inside));
	if (!heap_amounts_are_sane(&inside))
		return 0;
	expect(heap_inside_cure(&inside) < NR_HEAP_CURES, "a cure that there is not");
	expect(heap_inside_used(&inside) <= 4 * HEAP_MAX_BYTES, "more in use than can be");
	write_both(&inside, STDERR_FILENO);
	return 0;
}

/* ---- Seeds ---- */

uint8_t *fuzz_seed(unsigned int number, size_t *ret_size)
{
	static const uint64_t sizes[] = { 0, 1, 12345678, HEAP_MAX_BYTES };
	struct heap_inside *inside;

	if (number >= ARRAY_SIZE(sizes) * NR_HEAP_STATES)
		return NULL;
	inside = xcalloc(1, sizeof(*inside));
	inside->malloc_state = number % NR_HEAP_STATES;
	inside->pymalloc_state = (number + 1) % NR_HEAP_STATES;
	inside->mimalloc_state = number / 2 % NR_HEAP_STATES;
	inside->nr_arenas = number;
	strcpy(inside->malloc_name, "glibc 2.36");
	for (size_t i = 0; i < heap_amounts_count(); i++)
		*heap_amounts_at(inside, i) = sizes[number / NR_HEAP_STATES];
	*ret_size = sizeof(*inside);
	return (uint8_t *)inside;
}
