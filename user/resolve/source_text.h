/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The encoding of a source file, by PEP 263: a byte order mark, or a comment with `coding: NAME` on
 * one of the first two lines. Parser/tokenizer.c get_coding_spec, check_coding_spec.
 */
#ifndef MEMPROBE_SOURCE_TEXT_H
#define MEMPROBE_SOURCE_TEXT_H

#include <stddef.h>

/* `text` borrows the bytes or is `owned`. Owns `owned`. */
struct source_text {
	const char *text;
	size_t size;
	char *owned;
};

/* UTF-8 without a mark. An encoding that the C library does not know, or bytes that are wrong in
 * it, leave the bytes as they are: every encoding of sources contains ASCII, so most names are
 * right. */
struct source_text source_text_decode(const char *bytes, size_t size);
void source_text_clear(struct source_text *text);

#endif
