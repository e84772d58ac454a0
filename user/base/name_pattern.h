/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of outputs with places to fill, as in core_pattern (core(5)). */
#ifndef MEMPROBE_NAME_PATTERN_H
#define MEMPROBE_NAME_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

struct name_values {
	uint32_t pid;	  /* %p */
	const char *host; /* %h, NULL: empty */
	int64_t time_s;	  /* %t, since the Epoch */
};

/* Is there something to fill, or a `%%`? */
bool name_pattern_is(const char *name);
/* Fills %p, %h, %t and %%; any other % stands for itself. The caller owns the text. */
char *name_pattern_fill(const char *pattern, const struct name_values *values);

#endif
