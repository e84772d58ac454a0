/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function that returns a thread-local variable: where that lies. code_tls_x86.c,
 * code_tls_arm64.c.
 */
#ifndef MEMPROBE_CODE_TLS_H
#define MEMPROBE_CODE_TLS_H

#include "code_scan.h"

/*
 * In executables it is read at an offset from the thread pointer; in shared libraries
 * __tls_get_addr tells where, given the variable's tls_index in the GOT. -ENOENT when the function
 * does otherwise (TLS descriptors).
 */
int code_tls_x86(const struct code_scan *scan, struct wire_tls *ret);

/*
 * In executables it is read at an offset from the thread pointer; in shared libraries a TLS
 * descriptor in the GOT tells where, or, for initial-exec code, a word of the GOT. Its second word,
 * or that word, is wire_tls.index_vaddr with is_word. -ENOENT when the function does otherwise.
 */
int code_tls_arm64(const struct code_scan *scan, struct wire_tls *ret);

#endif
