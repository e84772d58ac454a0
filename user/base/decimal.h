/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as decimal text, for reports of millions: printf's cost 100 ns each, more than all the
 * rest of a row.
 */
#ifndef MEMPROBE_DECIMAL_H
#define MEMPROBE_DECIMAL_H

#include <stdint.h>

#define DECIMAL_BYTES 24 /* the longest number with its sign */

/* They write no NUL, and return the end of what they wrote. */
char *decimal_write(char *ret, int64_t value);
char *decimal_write_unsigned(char *ret, uint64_t value);
/* A fraction of so many digits, without its last zeros but never without a digit. */
char *decimal_write_fraction(char *ret, uint64_t value, int digits);

#endif
