/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections back into a profile. Whatever the file says is proved before it is used: every number
 * against its limit, every id against what was there before.
 */
#ifndef MEMPROBE_DUMP_DECODE_H
#define MEMPROBE_DUMP_DECODE_H

#include <stddef.h>
#include <stdint.h>

struct profile;

/* Borrows the profile, owns the depths. */
struct dump_decoder {
	struct profile *profile;
	uint16_t *depths; /* of the nodes */
	size_t depths_capacity;
};

/*
 * Adds one section to the profile; one with a tag unknown here is left out. -EBADMSG: it
 * contradicts itself or what was before; -EFBIG: there is more than a dump may hold. After an
 * error the profile may hold part of the section.
 */
int dump_decode_section(struct dump_decoder *decoder, uint64_t tag, const uint8_t *bytes,
			size_t size);

/* The whole, at the end: -EBADMSG when amounts are so large that sums would overflow. */
int dump_decode_check_sums(const struct profile *profile);

#endif
