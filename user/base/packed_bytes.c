/* SPDX-License-Identifier: BSD-2-Clause */
/* Varints, zigzag, counted text, little endian; see packed_bytes.h. */
#include "packed_bytes.h"

#include <endian.h>
#include <string.h>

#include "memory.h"

#define MAX_VARINT_SHIFT 63

void packed_bytes_free(struct packed_bytes *bytes)
{
	free(bytes->bytes);
	*bytes = (struct packed_bytes){ 0 };
}

void packed_bytes_put(struct packed_bytes *to, const void *bytes, size_t size)
{
	if (!size)
		return;
	to->bytes = array_reserve(to->bytes, &to->capacity, to->size + size, 1);
	memcpy(to->bytes + to->size, bytes, size);
	to->size += size;
}

void packed_bytes_put_unsigned(struct packed_bytes *to, uint64_t value)
{
	uint8_t bytes[10];
	size_t size = 0;

	for (; value > 0x7f; value >>= 7)
		bytes[size++] = (uint8_t)(value & 0x7f) | 0x80;
	bytes[size++] = (uint8_t)value;
	packed_bytes_put(to, bytes, size);
}

void packed_bytes_put_signed(struct packed_bytes *to, int64_t value)
{
	uint64_t doubled = (uint64_t)value << 1;

	packed_bytes_put_unsigned(to, value < 0 ? ~doubled : doubled);
}

void packed_bytes_put_counted(struct packed_bytes *to, const void *bytes, size_t size)
{
	packed_bytes_put_unsigned(to, size);
	packed_bytes_put(to, bytes, size);
}

void packed_bytes_put_text(struct packed_bytes *to, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	packed_bytes_put_unsigned(to, text ? length + 1 : 0);
	packed_bytes_put(to, text, length);
}

bool packed_cursor_has_more(const struct packed_cursor *from)
{
	return !from->is_bad && from->at < from->end;
}

static uint64_t fail(struct packed_cursor *from)
{
	from->is_bad = true;
	return 0;
}

uint64_t packed_cursor_unsigned(struct packed_cursor *from, uint64_t max)
{
	uint64_t value = 0, part;

	for (unsigned int shift = 0; packed_cursor_has_more(from); shift += 7) {
		part = *from->at & 0x7f;
		if (shift > MAX_VARINT_SHIFT || (shift == MAX_VARINT_SHIFT && part > 1))
			break;
		value |= part << shift;
		if (*from->at++ & 0x80)
			continue;
		return value <= max ? value : fail(from);
	}
	return fail(from);
}

static int64_t take_zigzag(struct packed_cursor *from)
{
	uint64_t value = packed_cursor_unsigned(from, UINT64_MAX);
	int64_t half = (int64_t)(value >> 1);

	return value & 1 ? ~half : half;
}

int64_t packed_cursor_signed(struct packed_cursor *from, int64_t max)
{
	int64_t value = take_zigzag(from);

	return value >= -max && value <= max ? value : (int64_t)fail(from);
}

uint64_t packed_cursor_step(struct packed_cursor *from, uint64_t base, uint64_t max)
{
	int64_t step = take_zigzag(from);
	uint64_t value;

	if (__builtin_add_overflow(base, step, &value) || value > max)
		return fail(from);
	return from->is_bad ? 0 : value;
}

static const void *take_bytes(struct packed_cursor *from, size_t size)
{
	const uint8_t *bytes = from->at;

	if (from->is_bad || size > (size_t)(from->end - from->at)) {
		fail(from);
		return "";
	}
	from->at += size;
	return bytes;
}

const void *packed_cursor_counted(struct packed_cursor *from, size_t *ret_size)
{
	size_t size = packed_cursor_unsigned(from, SIZE_MAX);
	const void *bytes = take_bytes(from, size);

	*ret_size = from->is_bad ? 0 : size;
	return bytes;
}

const char *packed_cursor_string(struct packed_cursor *from, size_t *ret_length)
{
	const char *text = packed_cursor_counted(from, ret_length);

	if (!memchr(text, '\0', *ret_length))
		return text;
	fail(from);
	*ret_length = 0;
	return "";
}

char *packed_cursor_text(struct packed_cursor *from)
{
	uint64_t counted = packed_cursor_unsigned(from, SIZE_MAX);
	const char *text;

	if (!counted)
		return NULL;
	text = take_bytes(from, counted - 1);
	if (!from->is_bad && memchr(text, '\0', counted - 1))
		fail(from);
	return from->is_bad ? NULL : xstrndup(text, counted - 1);
}

void packed_store16(uint8_t *to, uint16_t value)
{
	value = htole16(value);
	memcpy(to, &value, sizeof(value));
}

void packed_store32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

void packed_store64(uint8_t *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

uint16_t packed_load16(const uint8_t *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return le16toh(value);
}

uint32_t packed_load32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

uint64_t packed_load64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}
