/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of a source file, as a report shows it: asked for by number, and its text filled in. */
#ifndef MEMPROBE_SOURCE_LINE_H
#define MEMPROBE_SOURCE_LINE_H

#include <stdint.h>

#define SOURCE_LINE_BYTES 100

struct source_line {
	int32_t number;		      /* from 1 */
	char text[SOURCE_LINE_BYTES]; /* without its indentation, cut; "" where there is none */
};

#endif
