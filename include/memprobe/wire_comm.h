/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of threads that differ in their numbers alone, as a pattern: `Thread-17 (work` is one of
 * `Thread-N (work`. A comm is two words here, because BPF programs of kernels before 5.12 cannot
 * write to a place on the stack that they work out.
 */
#ifndef MEMPROBE_WIRE_COMM_H
#define MEMPROBE_WIRE_COMM_H

#include "wire.h"

/* The name of all threads beyond the patterns that are told apart: `…` in UTF-8. */
#define COMM_OTHERS 0xa680e2ULL

/* One word of the pattern of a comm, 0 the first, 1 the second. */
static inline __u64 comm_pattern(__u64 first, __u64 second, __u32 word)
{
	__u64 pattern[2] = {};
	__u32 bits = 0;
	int is_after_digit = 0;

	for (__u32 i = 0; i < COMM_BYTES; i++) {
		__u64 byte = (i < 8 ? first >> 8 * i : second >> 8 * (i - 8)) & 0xff;
		int is_digit = byte >= '0' && byte <= '9';

		if (!byte)
			break;
		if (is_digit && is_after_digit)
			continue;
		is_after_digit = is_digit;
		if (is_digit)
			byte = 'N';
		if (bits < 64)
			pattern[0] |= byte << bits;
		else
			pattern[1] |= byte << (bits & 63);
		bits += 8;
	}
	return word ? pattern[1] : pattern[0];
}

#endif
