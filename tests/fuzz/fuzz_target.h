/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a fuzz target provides: libFuzzer's entry, and seeds of its own. fuzz_main.c drives it where
 * there is no libFuzzer.
 */
#ifndef MEMPROBE_FUZZ_TARGET_H
#define MEMPROBE_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* 0. A fault ends the program. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The seed with this number, NULL beyond the last. Owned by the caller. */
uint8_t *fuzz_seed(unsigned int number, size_t *ret_size);

#endif
