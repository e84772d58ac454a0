/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MB as reports for people show them: with two decimals, and no sign for what rounds to nothing.
 */
#ifndef MEMPROBE_REPORT_NUMBER_H
#define MEMPROBE_REPORT_NUMBER_H

#include "sink.h"

#include <stdint.h>

#define REPORT_MB_BYTES 32

/* With a NUL. Returns the length. */
size_t report_mb_text(char ret[REPORT_MB_BYTES], int64_t bytes);

/* At least `width` wide. */
void report_mb(struct sink *sink, int width, int64_t bytes);
/* Red is for what is missing, so that nothing else looks like it. */
#define COLOR_LOSS "\033[1;31m"
#define COLOR_MAX "\033[1m"
#define COLOR_OWN "\033[1m"
#define COLOR_OFF "\033[0m"
/* The same in a colour, where there are colours. */
void report_mb_colored(struct sink *sink, const char *color, int width, int64_t bytes);
/* In one that tells how large a part of `whole` it is. */
void report_mb_sized(struct sink *sink, int64_t bytes, int64_t whole);

/* The head of a row that stands by itself: MB, and how much of a sum they are. */
void report_mb_share(struct sink *sink, int64_t bytes, int64_t sum);

#endif
