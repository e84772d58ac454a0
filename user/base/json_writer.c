/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON as it comes; see json_writer.h. */
#include "json_writer.h"

#include <inttypes.h>
#include <stdio.h>

#include "terminal.h"

#define NS_PER_S 1000000000ULL
#define NS_DIGITS 9

void json_writer_init(struct json_writer *ret, struct sink *sink)
{
	*ret = (struct json_writer){ .sink = sink };
}

static void separate(struct json_writer *writer)
{
	if (writer->needs_comma)
		sink_text(writer->sink, ",");
	writer->needs_comma = false;
}

static void begin(struct json_writer *writer, const char *bracket)
{
	separate(writer);
	sink_text(writer->sink, bracket);
	writer->depth++;
	if (writer->depth > writer->deepest)
		writer->deepest = writer->depth;
}

static void end(struct json_writer *writer, const char *bracket)
{
	sink_text(writer->sink, bracket);
	writer->depth--;
	writer->needs_comma = true;
}

void json_writer_begin_object(struct json_writer *writer)
{
	begin(writer, "{");
}

void json_writer_end_object(struct json_writer *writer)
{
	end(writer, "}");
}

void json_writer_begin_array(struct json_writer *writer)
{
	begin(writer, "[");
}

void json_writer_end_array(struct json_writer *writer)
{
	end(writer, "]");
}

void json_writer_line(struct json_writer *writer)
{
	separate(writer);
	sink_text(writer->sink, "\n");
}

void json_writer_end_line(struct json_writer *writer)
{
	sink_text(writer->sink, "\n");
	writer->needs_comma = false;
}

void json_writer_key(struct json_writer *writer, const char *key)
{
	separate(writer);
	sink_text(writer->sink, "\"");
	sink_text(writer->sink, key);
	sink_text(writer->sink, "\":");
}

static void write_value(struct json_writer *writer, const char *text)
{
	separate(writer);
	sink_text(writer->sink, text);
	writer->needs_comma = true;
}

/* As JSON has it: beyond U+FFFF the two halves of UTF-16. */
static int escape(uint32_t character, char *ret, size_t size)
{
	if (character < 0x10000)
		return snprintf(ret, size, "\\u%04" PRIx32, character);
	character -= 0x10000;
	return snprintf(ret, size, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (character >> 10),
			0xdc00 + (character & 0x3ff));
}

static size_t encode(uint32_t character, char *ret, size_t size)
{
	if (character == '"' || character == '\\')
		return snprintf(ret, size, "\\%c", (char)character);
	if (!terminal_is_inert(character))
		return escape(character, ret, size);
	return utf8_encode(character, ret);
}

/* Whole characters, in at most `limit` bytes; whether that was all of them. */
static bool write_text(struct sink *sink, const char *text, size_t limit)
{
	size_t used = 0;

	while (*text) {
		uint32_t character;
		char piece[16];
		size_t size;

		text += utf8_decode(text, &character);
		size = encode(character, piece, sizeof(piece));
		if (size > limit - used)
			return false;
		sink_bytes(sink, piece, size);
		used += size;
	}
	return true;
}

static void write_string(struct json_writer *writer, const char *text, size_t limit)
{
	if (!text) {
		json_writer_null(writer);
		return;
	}
	separate(writer);
	sink_text(writer->sink, "\"");
	if (!write_text(writer->sink, text, limit)) {
		sink_text(writer->sink, "…");
		writer->nr_cut++;
	}
	sink_text(writer->sink, "\"");
	writer->needs_comma = true;
}

void json_writer_string(struct json_writer *writer, const char *text)
{
	write_string(writer, text, SIZE_MAX);
}

void json_writer_name(struct json_writer *writer, const char *text)
{
	write_string(writer, text, JSON_NAME_BYTES);
}

void json_writer_integer(struct json_writer *writer, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	write_value(writer, text);
}

void json_writer_bool(struct json_writer *writer, bool value)
{
	write_value(writer, value ? "true" : "false");
}

void json_writer_null(struct json_writer *writer)
{
	write_value(writer, "null");
}

void json_writer_seconds(struct json_writer *writer, uint64_t time_ns)
{
	uint64_t fraction = time_ns % NS_PER_S;
	int digits = NS_DIGITS;

	for (; digits > 1 && fraction % 10 == 0; digits--)
		fraction /= 10;
	separate(writer);
	sink_printf(writer->sink, "%" PRIu64 ".%0*" PRIu64, (uint64_t)(time_ns / NS_PER_S), digits,
		    fraction);
	writer->needs_comma = true;
}

void json_writer_member_string(struct json_writer *writer, const char *key, const char *text)
{
	json_writer_key(writer, key);
	json_writer_string(writer, text);
}

void json_writer_member_name(struct json_writer *writer, const char *key, const char *text)
{
	json_writer_key(writer, key);
	json_writer_name(writer, text);
}

void json_writer_member_integer(struct json_writer *writer, const char *key, int64_t value)
{
	json_writer_key(writer, key);
	json_writer_integer(writer, value);
}

void json_writer_member_seconds(struct json_writer *writer, const char *key, uint64_t time_ns)
{
	json_writer_key(writer, key);
	json_writer_seconds(writer, time_ns);
}

void json_writer_member_null(struct json_writer *writer, const char *key)
{
	json_writer_key(writer, key);
	json_writer_null(writer);
}
