/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON as it comes; see json_writer.h. */
#include "json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
}

static void end(struct json_writer *writer, const char *bracket)
{
	sink_text(writer->sink, bracket);
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

static void write_character(struct sink *sink, uint32_t character)
{
	char encoded[4];

	if (character == '"' || character == '\\')
		sink_printf(sink, "\\%c", (char)character);
	else if (character < 0x20 || character == 0x7f)
		sink_printf(sink, "\\u%04" PRIx32, character);
	else
		sink_bytes(sink, encoded, utf8_encode(character, encoded));
}

void json_writer_string(struct json_writer *writer, const char *text)
{
	if (!text) {
		json_writer_null(writer);
		return;
	}
	begin(writer, "\"");
	while (*text) {
		uint32_t character;

		text += utf8_decode(text, &character);
		write_character(writer->sink, character);
	}
	end(writer, "\"");
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
