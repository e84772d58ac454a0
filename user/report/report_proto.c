/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_proto.h. */
#include "report_proto.h"

#include <string.h>

#include "memory.h"

#define VARINT_BYTES 10 /* 64 bits in groups of seven */

enum { WIRE_VARINT = 0, WIRE_LENGTH = 2 };

void report_proto_free(struct report_proto *proto)
{
	free(proto->bytes);
}

void report_proto_clear(struct report_proto *proto)
{
	proto->used = 0;
}

void report_proto_pack(struct report_proto *proto, uint64_t value)
{
	uint8_t *at;

	proto->bytes = array_reserve(proto->bytes, &proto->capacity, proto->used + VARINT_BYTES, 1);
	at = proto->bytes + proto->used;
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	proto->used = (size_t)(at - proto->bytes);
}

static void add_tag(struct report_proto *proto, uint32_t field, uint32_t wire)
{
	report_proto_pack(proto, (uint64_t)field << 3 | wire);
}

void report_proto_number(struct report_proto *proto, uint32_t field, uint64_t value)
{
	if (!value)
		return;
	add_tag(proto, field, WIRE_VARINT);
	report_proto_pack(proto, value);
}

void report_proto_bytes(struct report_proto *proto, uint32_t field, const void *bytes, size_t size)
{
	add_tag(proto, field, WIRE_LENGTH);
	report_proto_pack(proto, size);
	if (!size)
		return;
	proto->bytes = array_reserve(proto->bytes, &proto->capacity, proto->used + size, 1);
	memcpy(proto->bytes + proto->used, bytes, size);
	proto->used += size;
}

void report_proto_message(struct report_proto *proto, uint32_t field,
			  const struct report_proto *message)
{
	report_proto_bytes(proto, field, message->bytes, message->used);
}
