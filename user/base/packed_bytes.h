/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and text as bytes, both ways: little-endian fields of the heads, and the records of
 * sections, which are LEB128 varints (signed ones zigzag) and counted text.
 */
#ifndef MEMPROBE_PACKED_BYTES_H
#define MEMPROBE_PACKED_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Grows as it is filled. Zeroed is empty. */
struct packed_bytes {
	uint8_t *bytes;
	size_t size, capacity;
};

void packed_bytes_free(struct packed_bytes *bytes);
void packed_bytes_put(struct packed_bytes *to, const void *bytes, size_t size);
void packed_bytes_put_unsigned(struct packed_bytes *to, uint64_t value);
void packed_bytes_put_signed(struct packed_bytes *to, int64_t value);
/* Length, then the bytes. */
void packed_bytes_put_counted(struct packed_bytes *to, const void *bytes, size_t size);
/* Length + 1, then the bytes; 0 for NULL. */
void packed_bytes_put_text(struct packed_bytes *to, const char *text);

/* What is left of a section. Once something does not fit, is_bad stays and every value is 0. */
struct packed_cursor {
	const uint8_t *at, *end;
	bool is_bad;
};

bool packed_cursor_has_more(const struct packed_cursor *from);
/* A value above max is bad. */
uint64_t packed_cursor_unsigned(struct packed_cursor *from, uint64_t max);
/* A value outside -max..max is bad. */
int64_t packed_cursor_signed(struct packed_cursor *from, int64_t max);
/* A signed step from `base`; a sum outside 0..max is bad. */
uint64_t packed_cursor_step(struct packed_cursor *from, uint64_t base, uint64_t max);
/* Counted bytes, valid as long as the section; never NULL. */
const void *packed_cursor_counted(struct packed_cursor *from, size_t *ret_size);
/* Counted bytes with a NUL inside are bad. */
const char *packed_cursor_string(struct packed_cursor *from, size_t *ret_length);
/* A copy, owned by the caller, or NULL where NULL was put or the cursor is bad. */
char *packed_cursor_text(struct packed_cursor *from);

void packed_store16(uint8_t *to, uint16_t value);
void packed_store32(uint8_t *to, uint32_t value);
void packed_store64(uint8_t *to, uint64_t value);
uint16_t packed_load16(const uint8_t *from);
uint32_t packed_load32(const uint8_t *from);
uint64_t packed_load64(const uint8_t *from);

#endif
