/* SPDX-License-Identifier: BSD-2-Clause */
/* See html_payload.h. */
#include "html_payload.h"

#include <errno.h>

#define LEVEL 6

static void write_group(struct sink *out, const unsigned char *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned int group = bytes[0] << 16 | (size > 1 ? bytes[1] << 8 : 0) |
			     (size > 2 ? bytes[2] : 0);
	char *text = sink_room(out, 4);

	text[0] = digits[group >> 18];
	text[1] = digits[group >> 12 & 63];
	text[2] = size > 1 ? digits[group >> 6 & 63] : '=';
	text[3] = size > 2 ? digits[group & 63] : '=';
	sink_take(out, text + 4);
}

static void write_packed(struct html_payload *payload)
{
	size_t size = sizeof(payload->packed) - payload->stream.avail_out;

	for (size_t i = 0; i < size; i += 3)
		write_group(payload->out, payload->packed + i, size - i);
	payload->stream.next_out = payload->packed;
	payload->stream.avail_out = sizeof(payload->packed);
}

/* Only a full buffer is written, so that none but the last ends within a group. */
static void run(struct html_payload *payload, int flush)
{
	int result = Z_OK;

	do {
		if (!payload->stream.avail_out)
			write_packed(payload);
		result = deflate(&payload->stream, flush);
	} while (result == Z_OK && !payload->stream.avail_out);
}

static void take(void *context, const void *bytes, size_t size)
{
	struct html_payload *payload = context;

	payload->stream.next_in = (Bytef *)bytes;
	payload->stream.avail_in = (uInt)size;
	if (!payload->out->error)
		run(payload, Z_NO_FLUSH);
}

void html_payload_begin(struct html_payload *ret, struct sink *out)
{
	ret->out = out;
	ret->stream = (z_stream){ .next_out = ret->packed, .avail_out = sizeof(ret->packed) };
	sink_into(&ret->in, take, ret);
	if (deflateInit(&ret->stream, LEVEL) != Z_OK)
		out->error = out->error ? out->error : -ENOMEM;
}

void html_payload_end(struct html_payload *payload)
{
	sink_flush(&payload->in);
	if (!payload->out->error) {
		payload->stream.avail_in = 0;
		run(payload, Z_FINISH);
		write_packed(payload);
	}
	deflateEnd(&payload->stream);
	sink_close(&payload->in);
}
