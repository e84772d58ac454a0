/* SPDX-License-Identifier: BSD-2-Clause */
/* Two names that lead to one file, however they are spelt. */
#ifndef MEMPROBE_SAME_OUTPUT_H
#define MEMPROBE_SAME_OUTPUT_H

#include <stdbool.h>

/*
 * Would what is written to the one replace what is written to the other, or stand in its middle?
 * One name in one directory, whether there is something or not; and what is one file already, of
 * links to it too, or one open descriptor. /dev/null takes all.
 */
bool same_output(const char *one, const char *other);

#endif
