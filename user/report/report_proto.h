/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message of Protocol Buffers while it is built: fields by number, in the encoding of
 * protobuf.dev/programming-guides/encoding. A number that is 0 is left out, as readers
 * take it for that.
 */
#ifndef MEMPROBE_REPORT_PROTO_H
#define MEMPROBE_REPORT_PROTO_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. Owns its bytes. */
struct report_proto {
	uint8_t *bytes;
	size_t used, capacity;
};

void report_proto_free(struct report_proto *proto);
/* Empties it, and keeps its memory. */
void report_proto_clear(struct report_proto *proto);
void report_proto_number(struct report_proto *proto, uint32_t field, uint64_t value);
/* A text, a message, or numbers that are packed. */
void report_proto_bytes(struct report_proto *proto, uint32_t field, const void *bytes, size_t size);
void report_proto_message(struct report_proto *proto, uint32_t field,
			  const struct report_proto *message);
/* One more of packed numbers, which are a message of their own here. */
void report_proto_pack(struct report_proto *proto, uint64_t value);

#endif
