/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text from a target made inert for a terminal. Invalid UTF-8 becomes U+FFFD; C0 and C1 control,
 * bidirectional and format characters become \xNN or \uNNNN.
 */
#ifndef MEMPROBE_TERMINAL_H
#define MEMPROBE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes at most size - 1 bytes and a NUL; whole characters only. Returns the bytes written. */
size_t terminal_escape(const char *text, char *ret, size_t size);

/* Does a terminal print the character, and nothing else? */
bool terminal_is_inert(uint32_t character);

/* U+0000 is kept as the two bytes C0 80, so that a name with a NUL inside is a C string. */

/* Decodes one character at `text` (NUL-terminated); U+FFFD and one byte when it is not valid
 * UTF-8. Returns the bytes taken. */
size_t utf8_decode(const char *text, uint32_t *ret_character);

/* Encodes into ret[4]; surrogates and out-of-range become U+FFFD. Returns the bytes written. */
size_t utf8_encode(uint32_t character, char *ret);

#endif
