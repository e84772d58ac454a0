/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON as text: commas, numbers, escapes, and names that are cut, wherever in the buffer they fall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "json_writer.h"
#include "memory.h"

struct document {
	struct sink sink;
	struct json_writer json;
};

static void begin(struct document *ret)
{
	int fd = memfd_create("document", MFD_CLOEXEC);

	assert_true(fd >= 0);
	sink_attach(&ret->sink, fd);
	json_writer_init(&ret->json, &ret->sink);
}

/* The text; the caller frees it. */
static char *end(struct document *document, size_t *ret_size)
{
	int fd = document->sink.fd;
	off_t size;
	char *text;

	assert_int_equal(sink_close(&document->sink), 0);
	size = lseek(fd, 0, SEEK_END);
	text = xcalloc(1, (size_t)size + 1);
	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	close(fd);
	if (ret_size)
		*ret_size = (size_t)size;
	return text;
}

static void test_every_piece(void **state)
{
	_cleanup_(freep) char *text = NULL;
	struct document document;
	struct json_writer *json = &document.json;

	begin(&document);
	json_writer_begin_object(json);
	json_writer_member_integer(json, "least", INT64_MIN);
	json_writer_member_integer(json, "zero", 0);
	json_writer_member_unsigned(json, "most", UINT64_MAX);
	json_writer_member_unsigned(json, "none", 0);
	json_writer_member_null(json, "nothing");
	json_writer_member_string(json, "absent", NULL);
	json_writer_member_seconds(json, "whole", 3000000000);
	json_writer_member_seconds(json, "part", 1500000001);
	json_writer_key(json, "array");
	json_writer_begin_array(json);
	json_writer_bool(json, true);
	json_writer_bool(json, false);
	json_writer_line(json);
	json_writer_begin_object(json);
	json_writer_end_object(json);
	json_writer_end_array(json);
	json_writer_member_string(json, "text", "a");
	json_writer_end_object(json);
	json_writer_end_line(json);
	text = end(&document, NULL);
	assert_string_equal(text, "{\"least\":-9223372036854775808,\"zero\":0,"
				  "\"most\":18446744073709551615,\"none\":0,\"nothing\":null,"
				  "\"absent\":null,\"whole\":3.0,\"part\":1.500000001,"
				  "\"array\":[true,false,\n{}],\"text\":\"a\"}\n");
	assert_int_equal(json->deepest, 3);
}

static void check_string(const char *given, const char *expected)
{
	_cleanup_(freep) char *text = NULL;
	struct document document;

	begin(&document);
	json_writer_string(&document.json, given);
	text = end(&document, NULL);
	assert_string_equal(text, expected);
}

static void test_strings(void **state)
{
	check_string("", "\"\"");
	check_string(" ~", "\" ~\"");
	check_string("a\"b\\c", "\"a\\\"b\\\\c\"");
	check_string("\n\x1f\x7f", "\"\\u000a\\u001f\\u007f\"");
	check_string("größe 🚀 end", "\"größe 🚀 end\"");
	check_string("bad\xff", "\"bad\ufffd\"");
	check_string("nul\xc0\x80in", "\"nul\\u0000in\"");
	check_string("\u202e\U000e0001", "\"\\u202e\\udb40\\udc01\"");
}

static void check_name(const char *given, size_t kept, bool is_cut)
{
	_cleanup_(freep) char *text = NULL, *expected = NULL;
	struct document document;

	begin(&document);
	json_writer_name(&document.json, given);
	text = end(&document, NULL);
	expected = xasprintf("\"%.*s%s\"", (int)kept, given, is_cut ? "…" : "");
	assert_string_equal(text, expected);
	assert_int_equal(document.json.nr_cut, is_cut);
}

/* At a whole character: of `ä`, which takes two bytes, only one may have room. */
static void test_long_names(void **state)
{
	char name[JSON_NAME_BYTES + 3];

	memset(name, 'a', sizeof(name));
	name[JSON_NAME_BYTES] = '\0';
	check_name(name, JSON_NAME_BYTES, false);
	memcpy(&name[JSON_NAME_BYTES], "b", 2);
	check_name(name, JSON_NAME_BYTES, true);
	memcpy(&name[JSON_NAME_BYTES - 1], "ä", 3);
	check_name(name, JSON_NAME_BYTES - 1, true);
	memcpy(&name[JSON_NAME_BYTES - 2], "ä", 3);
	check_name(name, JSON_NAME_BYTES, false);
}

/* The same pieces, each shifted through the end of the buffer. */
static void test_buffer_ends_anywhere(void **state)
{
	static const char piece[] = "{\"key\":-123456,\"name\":\"a\\\"\\u0001ö\"}";

	for (size_t before = SINK_BYTES - 2 * sizeof(piece); before < SINK_BYTES + 2; before++) {
		_cleanup_(freep) char *text = NULL;
		struct document document;
		size_t size;

		begin(&document);
		sink_fill(&document.sink, ' ', before);
		json_writer_begin_object(&document.json);
		json_writer_member_integer(&document.json, "key", -123456);
		json_writer_member_name(&document.json, "name", "a\"\001ö");
		json_writer_end_object(&document.json);
		text = end(&document, &size);
		assert_int_equal(size, before + strlen(piece));
		assert_string_equal(text + before, piece);
	}
}

/* Where a document is a line, what has lines of its own elsewhere is in it, too. */
static void test_one_line(void **state)
{
	_cleanup_(freep) char *text = NULL;
	struct document document;
	struct json_writer *json = &document.json;

	begin(&document);
	json->is_one_line = true;
	for (int i = 0; i < 2; i++) {
		json_writer_begin_array(json);
		json_writer_line(json);
		json_writer_integer(json, 1);
		json_writer_line(json);
		json_writer_integer(json, 2);
		json_writer_end_array(json);
		json_writer_end_line(json);
	}
	text = end(&document, NULL);
	assert_string_equal(text, "[1,2]\n[1,2]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_piece), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_long_names),  cmocka_unit_test(test_buffer_ends_anywhere),
		cmocka_unit_test(test_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
