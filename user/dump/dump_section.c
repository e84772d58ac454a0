/* SPDX-License-Identifier: BSD-2-Clause */
/* See dump_section.h. */
#include "dump_section.h"

#include "memory.h"

/* A section that has grown beyond is ended, and another with the same tag goes on. */
#define SECTION_BYTES 32768

void dump_section_end(struct dump_encoder *encoder)
{
	_cleanup_(packed_bytes_free) struct packed_bytes head = { 0 };

	if (encoder->section.size) {
		packed_bytes_put_unsigned(&head, encoder->tag);
		packed_bytes_put_unsigned(&head, encoder->section.size);
		dump_block_put(encoder->block, head.bytes, head.size);
		dump_block_put(encoder->block, encoder->section.bytes, encoder->section.size);
	}
	encoder->section.size = 0;
	encoder->last = 0;
}

struct packed_bytes *dump_section_begin(struct dump_encoder *encoder, enum dump_tag tag)
{
	dump_section_end(encoder);
	encoder->tag = tag;
	return &encoder->section;
}

struct packed_bytes *dump_section_for(struct dump_encoder *encoder, enum dump_tag tag)
{
	if (encoder->tag != tag || encoder->section.size > SECTION_BYTES)
		return dump_section_begin(encoder, tag);
	return &encoder->section;
}

void dump_section_put_step(struct dump_encoder *encoder, uint64_t value)
{
	packed_bytes_put_signed(&encoder->section, (int64_t)(value - encoder->last));
	encoder->last = value;
}

void dump_section_put_string(struct dump_encoder *encoder, uint32_t string)
{
	packed_bytes_put_unsigned(&encoder->section,
				  dump_numbers_get(&encoder->marks->strings, string));
}

void dump_put_new_or_known(struct packed_bytes *to, uint32_t number, uint32_t *next)
{
	packed_bytes_put_unsigned(to, number == *next ? 0 : (uint64_t)number + 1);
	if (number >= *next)
		*next = number + 1;
}
