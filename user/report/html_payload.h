/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a page carries: bytes, deflated and written as base64, which needs no care for markup and
 * which a browser unpacks by itself (DecompressionStream).
 */
#ifndef MEMPROBE_HTML_PAYLOAD_H
#define MEMPROBE_HTML_PAYLOAD_H

#include <zlib.h>

#include "sink.h"

#define HTML_PAYLOAD_BYTES 49152 /* a multiple of three: whole groups of base64 */

/* Borrows where it goes, which keeps the errors. */
struct html_payload {
	struct sink in; /* to be written to */
	struct sink *out;
	z_stream stream;
	unsigned char packed[HTML_PAYLOAD_BYTES];
};

void html_payload_begin(struct html_payload *ret, struct sink *out);
void html_payload_end(struct html_payload *payload);

#endif
