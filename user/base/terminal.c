/* SPDX-License-Identifier: BSD-2-Clause */
/* Hostile text made inert; see terminal.h. */
#include "terminal.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"

#define REPLACEMENT 0xfffd

static const struct {
	uint32_t first, last;
} inert_not[] = {
	{ 0x00, 0x1f },	    { 0x7f, 0x9f },	  { 0xad, 0xad },     { 0x600, 0x605 },
	{ 0x61c, 0x61c },   { 0x6dd, 0x6dd },	  { 0x70f, 0x70f },   { 0x180e, 0x180e },
	{ 0x200b, 0x200f }, { 0x2028, 0x202e },	  { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
};

bool terminal_is_inert(uint32_t character)
{
	for (size_t i = 0; i < ARRAY_SIZE(inert_not); i++) {
		if (character >= inert_not[i].first && character <= inert_not[i].last)
			return false;
	}
	return true;
}

static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

size_t utf8_decode(const char *text, uint32_t *ret_character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = sequence_length(bytes[0]);
	uint32_t character;

	if (bytes[0] == 0xc0 && bytes[1] == 0x80) {
		*ret_character = 0;
		return 2;
	}
	*ret_character = REPLACEMENT;
	if (length <= 1) {
		if (length)
			*ret_character = bytes[0];
		return 1;
	}
	character = bytes[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 1;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	if (character < smallest[length] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 1;
	*ret_character = character;
	return length;
}

size_t utf8_encode(uint32_t character, char *ret)
{
	if (character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
		character = REPLACEMENT;
	if (character && character < 0x80) {
		ret[0] = character;
		return 1;
	}
	if (character < 0x800) {
		ret[0] = 0xc0 | character >> 6;
		ret[1] = 0x80 | (character & 0x3f);
		return 2;
	}
	if (character < 0x10000) {
		ret[0] = 0xe0 | character >> 12;
		ret[1] = 0x80 | (character >> 6 & 0x3f);
		ret[2] = 0x80 | (character & 0x3f);
		return 3;
	}
	ret[0] = 0xf0 | character >> 18;
	ret[1] = 0x80 | (character >> 12 & 0x3f);
	ret[2] = 0x80 | (character >> 6 & 0x3f);
	ret[3] = 0x80 | (character & 0x3f);
	return 4;
}

static size_t escape_one(uint32_t character, char *ret, size_t size)
{
	if (terminal_is_inert(character))
		return utf8_encode(character, ret);
	if (character < 0x100)
		return snprintf(ret, size, "\\x%02x", character);
	if (character < 0x10000)
		return snprintf(ret, size, "\\u%04x", character);
	return snprintf(ret, size, "\\U%08x", character);
}

size_t terminal_escape(const char *text, char *ret, size_t size)
{
	size_t used = 0;

	while (*text) {
		uint32_t character;
		char piece[16];
		size_t length;

		text += utf8_decode(text, &character);
		length = escape_one(character, piece, sizeof(piece));
		if (used + length >= size)
			break;
		memcpy(ret + used, piece, length);
		used += length;
	}
	ret[used] = '\0';
	return used;
}
