/* SPDX-License-Identifier: BSD-2-Clause */
/* The header of a dump; see dump_header.h. */
#include "dump_header.h"

#include <string.h>
#include <zlib.h>

#include "packed_bytes.h"

#define MAGIC_BYTES (sizeof(DUMP_MAGIC) - 1)

_Static_assert(MAGIC_BYTES == HEADER_VERSION - HEADER_MAGIC, "magic");

static uint32_t checksum(const uint8_t *bytes)
{
	return (uint32_t)crc32(0, bytes, HEADER_CRC);
}

void dump_header_pack(uint64_t closed_bytes, uint8_t ret_bytes[HEADER_BYTES])
{
	memcpy(ret_bytes + HEADER_MAGIC, DUMP_MAGIC, MAGIC_BYTES);
	packed_store32(ret_bytes + HEADER_VERSION, DUMP_VERSION);
	packed_store32(ret_bytes + HEADER_FLAGS, closed_bytes ? 0 : DUMP_INCOMPLETE);
	packed_store64(ret_bytes + HEADER_CLOSED_BYTES, closed_bytes);
	packed_store32(ret_bytes + HEADER_SIZE, HEADER_BYTES);
	packed_store32(ret_bytes + HEADER_CRC, checksum(ret_bytes));
}

bool dump_header_is_magic(const uint8_t *bytes, size_t size)
{
	return size >= MAGIC_BYTES && !memcmp(bytes, DUMP_MAGIC, MAGIC_BYTES);
}

enum dump_failure dump_header_unpack(const uint8_t *bytes, size_t size, struct dump_header *ret)
{
	if (!dump_header_is_magic(bytes, size))
		return DUMP_NOT_A_DUMP;
	if (size < HEADER_BYTES)
		return DUMP_HEADER_TRUNCATED;
	if (packed_load32(bytes + HEADER_CRC) != checksum(bytes))
		return DUMP_HEADER_CORRUPT;
	*ret = (struct dump_header){
		.version = packed_load32(bytes + HEADER_VERSION),
		.flags = packed_load32(bytes + HEADER_FLAGS),
		.size = packed_load32(bytes + HEADER_SIZE),
		.closed_bytes = packed_load64(bytes + HEADER_CLOSED_BYTES),
	};
	if (ret->version > DUMP_VERSION)
		return DUMP_NEWER;
	return !ret->version || ret->size < HEADER_BYTES ? DUMP_HEADER_CORRUPT : DUMP_FINE;
}
