/* SPDX-License-Identifier: BSD-2-Clause */
/* A gzip file on its way to a sink, which is borrowed and keeps the errors. */
#ifndef MEMPROBE_REPORT_GZIP_H
#define MEMPROBE_REPORT_GZIP_H

#include <zlib.h>

#include "sink.h"

struct report_gzip {
	struct sink *sink;
	z_stream stream;
};

void report_gzip_begin(struct report_gzip *ret, struct sink *sink);
void report_gzip_bytes(struct report_gzip *gzip, const void *bytes, size_t size);
void report_gzip_end(struct report_gzip *gzip);

#endif
