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

/* The pattern so far. */
struct comm_fold {
	__u64 pattern[2];
	__u64 bits;	      /* of it */
	__u64 is_going;	      /* 1: no NUL was there */
	__u64 is_after_digit; /* 1: the last byte was one */
};

/* Keeps the compiler from making a branch of a number that is 0 or 1. */
#define COMM_OPAQUE(value) asm volatile("" : "+r"(value))

/*
 * One byte. Without a branch: the verifier follows each branch of 16 bytes both ways and sees no
 * two equal states behind them, which took it 250,000 instructions, 0.3 s a program that folds
 * names.
 */
static inline void comm_fold_byte(struct comm_fold *fold, __u64 byte)
{
	__u64 is_below = (byte - '0') >> 63, is_above = ('9' - byte) >> 63, is_there = -byte >> 63;
	__u64 is_digit, is_kept, is_first;

	COMM_OPAQUE(is_below);
	COMM_OPAQUE(is_above);
	COMM_OPAQUE(is_there);
	is_digit = (is_below | is_above) ^ 1;
	fold->is_going &= is_there;
	is_kept = fold->is_going & ((is_digit & fold->is_after_digit) ^ 1);
	fold->is_after_digit = is_digit;
	byte ^= (byte ^ 'N') & -is_digit;
	byte = (byte & -is_kept) << (fold->bits & 63);
	is_first = (fold->bits >> 6) ^ 1;
	COMM_OPAQUE(is_first);
	fold->pattern[0] |= byte & -is_first;
	fold->pattern[1] |= byte & -(is_first ^ 1);
	fold->bits += is_kept << 3;
}

/* One word of the pattern of a comm, 0 the first, 1 the second. */
static inline __u64 comm_pattern(__u64 first, __u64 second, __u32 word)
{
	struct comm_fold fold = { .is_going = 1 };

	for (__u32 i = 0; i < COMM_BYTES / 2; i++)
		comm_fold_byte(&fold, first >> 8 * i & 0xff);
	for (__u32 i = 0; i < COMM_BYTES / 2; i++)
		comm_fold_byte(&fold, second >> 8 * i & 0xff);
	return word ? fold.pattern[1] : fold.pattern[0];
}

#endif
