/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON as it comes; see json_writer.h. */
#include "json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "terminal.h"

#define NS_PER_S 1000000000ULL
#define NS_DIGITS 9

void json_writer_init(struct json_writer *ret, struct sink *sink)
{
	*ret = (struct json_writer){ .sink = sink };
}

/* Room for a comma and `size` bytes: a piece is written at one place, so that a report of a million
 * nodes is not a hundred million calls. */
static char *begin_piece(struct json_writer *writer, size_t size)
{
	char *text = sink_room(writer->sink, size + 1);

	if (writer->needs_comma)
		*text++ = ',';
	writer->needs_comma = false;
	return text;
}

static void begin(struct json_writer *writer, char bracket)
{
	char *text = begin_piece(writer, 1);

	*text++ = bracket;
	sink_take(writer->sink, text);
	writer->depth++;
	if (writer->depth > writer->deepest)
		writer->deepest = writer->depth;
}

static void end(struct json_writer *writer, const char *bracket)
{
	sink_bytes(writer->sink, bracket, 1);
	writer->depth--;
	writer->needs_comma = true;
}

void json_writer_begin_object(struct json_writer *writer)
{
	begin(writer, '{');
}

void json_writer_end_object(struct json_writer *writer)
{
	end(writer, "}");
}

void json_writer_begin_array(struct json_writer *writer)
{
	begin(writer, '[');
}

void json_writer_end_array(struct json_writer *writer)
{
	end(writer, "]");
}

void json_writer_line(struct json_writer *writer)
{
	char *text;

	if (writer->is_one_line)
		return;
	text = begin_piece(writer, 1);
	*text++ = '\n';
	sink_take(writer->sink, text);
}

void json_writer_end_line(struct json_writer *writer)
{
	sink_bytes(writer->sink, "\n", 1);
	writer->needs_comma = false;
}

static char *write_key(char *text, const char *key, size_t length)
{
	*text++ = '"';
	memcpy(text, key, length);
	text += length;
	*text++ = '"';
	*text++ = ':';
	return text;
}

#define KEY_SIGNS 3 /* two quotes and a colon */

void json_writer_key(struct json_writer *writer, const char *key)
{
	size_t length = strlen(key);

	sink_take(writer->sink, write_key(begin_piece(writer, length + KEY_SIGNS), key, length));
}

static void write_value(struct json_writer *writer, const char *text, size_t length)
{
	char *piece = begin_piece(writer, length);

	memcpy(piece, text, length);
	sink_take(writer->sink, piece + length);
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

/* Bytes of printable ASCII, which needs no look at what it is. */
static size_t plain_length(const char *text)
{
	size_t length = 0;

	while (text[length] >= ' ' && text[length] <= '~' && text[length] != '"' &&
	       text[length] != '\\')
		length++;
	return length;
}

/* Whole characters, in at most `limit` bytes; whether that was all of them. */
static bool write_text(struct sink *sink, const char *text, size_t limit)
{
	while (*text) {
		size_t plain = plain_length(text), size = plain < limit ? plain : limit;
		uint32_t character;
		char piece[16];

		sink_bytes(sink, text, size);
		text += size;
		limit -= size;
		if (size < plain)
			return false;
		if (!*text)
			break;
		text += utf8_decode(text, &character);
		size = encode(character, piece, sizeof(piece));
		if (size > limit)
			return false;
		sink_bytes(sink, piece, size);
		limit -= size;
	}
	return true;
}

static void write_string(struct json_writer *writer, const char *text, size_t limit)
{
	char *piece;

	if (!text) {
		json_writer_null(writer);
		return;
	}
	piece = begin_piece(writer, 1);
	*piece++ = '"';
	sink_take(writer->sink, piece);
	if (!write_text(writer->sink, text, limit)) {
		sink_text(writer->sink, "…");
		writer->nr_cut++;
	}
	sink_bytes(writer->sink, "\"", 1);
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
	sink_take(writer->sink, decimal_write(begin_piece(writer, DECIMAL_BYTES), value));
	writer->needs_comma = true;
}

void json_writer_bool(struct json_writer *writer, bool value)
{
	write_value(writer, value ? "true" : "false", value ? 4 : 5);
}

void json_writer_null(struct json_writer *writer)
{
	write_value(writer, "null", 4);
}

void json_writer_seconds(struct json_writer *writer, uint64_t time_ns)
{
	char *text = begin_piece(writer, DECIMAL_BYTES + 1 + NS_DIGITS);

	text = decimal_write(text, (int64_t)(time_ns / NS_PER_S));
	*text++ = '.';
	text = decimal_write_fraction(text, time_ns % NS_PER_S, NS_DIGITS);
	sink_take(writer->sink, text);
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

/* Of a node most members are these, and so they are one piece. */
void json_writer_member_integer(struct json_writer *writer, const char *key, int64_t value)
{
	size_t length = strlen(key);
	char *text = begin_piece(writer, length + KEY_SIGNS + DECIMAL_BYTES);

	text = write_key(text, key, length);
	sink_take(writer->sink, decimal_write(text, value));
	writer->needs_comma = true;
}

void json_writer_member_unsigned(struct json_writer *writer, const char *key, uint64_t value)
{
	json_writer_key(writer, key);
	sink_take(writer->sink, decimal_write_unsigned(begin_piece(writer, DECIMAL_BYTES), value));
	writer->needs_comma = true;
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
