/* SPDX-License-Identifier: BSD-2-Clause */
/* The first 32 bytes of a dump: packed, unpacked and checked. */
#ifndef MEMPROBE_DUMP_HEADER_H
#define MEMPROBE_DUMP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "dump.h"
#include "dump_format.h"

struct dump_header {
	uint32_t version, flags;
	uint32_t size;
	uint64_t closed_bytes;
};

/* A header of this version: INCOMPLETE when closed_bytes is 0. */
void dump_header_pack(uint64_t closed_bytes, uint8_t ret_bytes[HEADER_BYTES]);

bool dump_header_is_magic(const uint8_t *bytes, size_t size);

/* Checks the first `size` bytes of a file, HEADER_BYTES unless it is shorter. With DUMP_NEWER the
 * version is filled in. */
enum dump_failure dump_header_unpack(const uint8_t *bytes, size_t size, struct dump_header *ret);

#endif
