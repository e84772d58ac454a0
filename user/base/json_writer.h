/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON as it comes, to a sink: nothing is kept, so depth and size have no limit. Commas are the
 * writer's business, matching brackets and keys the caller's.
 * Control, bidirectional and format characters are written as escapes, so that the value is exact
 * and the text inert wherever it is looked at.
 */
#ifndef MEMPROBE_JSON_WRITER_H
#define MEMPROBE_JSON_WRITER_H

#include <stdint.h>

#include "sink.h"

/* Borrows the sink. */
struct json_writer {
	struct sink *sink;
	bool is_one_line;	 /* a document is: json_writer_line() has no effect */
	bool needs_comma;	 /* before the next key, value or element */
	uint32_t depth, deepest; /* brackets that are open, and most that were */
	uint64_t nr_cut;	 /* names that were longer than JSON_NAME_BYTES */
};

void json_writer_init(struct json_writer *ret, struct sink *sink);

void json_writer_begin_object(struct json_writer *writer);
void json_writer_end_object(struct json_writer *writer);
void json_writer_begin_array(struct json_writer *writer);
void json_writer_end_array(struct json_writer *writer);
/* The value that comes next belongs to this key. Keys are our own words: not escaped,
 * and much shorter than SINK_BYTES. */
void json_writer_key(struct json_writer *writer, const char *key);

/* Valid UTF-8 stays exact, every byte that is not becomes U+FFFD. NULL is null. */
void json_writer_string(struct json_writer *writer, const char *text);
/* The same, but what takes more than JSON_NAME_BYTES is cut at a character, with `…`: names stand
 * in every node, and 4 KiB of control characters in each of 20,000 nodes made gigabytes. */
#define JSON_NAME_BYTES 1024
void json_writer_name(struct json_writer *writer, const char *text);
void json_writer_integer(struct json_writer *writer, int64_t value);
void json_writer_bool(struct json_writer *writer, bool value);
void json_writer_null(struct json_writer *writer);
/* Nanoseconds, written as seconds without loss. */
void json_writer_seconds(struct json_writer *writer, uint64_t time_ns);

/* Key and value at once. */
void json_writer_member_string(struct json_writer *writer, const char *key, const char *text);
void json_writer_member_name(struct json_writer *writer, const char *key, const char *text);
void json_writer_member_integer(struct json_writer *writer, const char *key, int64_t value);
void json_writer_member_unsigned(struct json_writer *writer, const char *key, uint64_t value);
void json_writer_member_seconds(struct json_writer *writer, const char *key, uint64_t time_ns);
void json_writer_member_null(struct json_writer *writer, const char *key);

/* What comes next stands on a line of its own. */
void json_writer_line(struct json_writer *writer);
/* Ends a document: what comes next is another, on a line of its own. */
void json_writer_end_line(struct json_writer *writer);

#endif
