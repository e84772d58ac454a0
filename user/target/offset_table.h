/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where each version of CPython keeps what the walker reads: the numbers of offset_table.def as a
 * struct wire_layout. Addresses (the layout's *_vaddr and tls_*) belong to a file and are left to
 * interpreter.c; what a file says of itself is left to debug_offsets.c.
 */
#ifndef MEMPROBE_OFFSET_TABLE_H
#define MEMPROBE_OFFSET_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <memprobe/wire.h>

struct offset_table {
	struct wire_layout layout;  /* addresses are 0 */
	__u16 runtime_key;	    /* in _PyRuntime: autoTSSkey._key, 3.7-3.14 */
	__u16 runtime_finalizing;   /* in _PyRuntime, 3.7+ */
	__u16 runtime_interpreters; /* in _PyRuntime, 3.7+: interpreters.head, followed by .main */
};

/*
 * The numbers for one release, given as PY_VERSION_HEX. -ENOTSUP: a version without a column, or
 * a pre-release whose structs were still moving.
 */
int offset_table_find(uint32_t version_hex, bool is_free_threaded, struct offset_table *ret);

/* The numbers of the newest version, for one that is newer still: of its own it has only the
 * version. -ENOTSUP: it is not newer. */
int offset_table_guess(uint32_t version_hex, bool is_free_threaded, struct offset_table *ret);

/* The numbers are x86-64's. Makes them those of a machine (EM_*): what lies behind a mutex of
 * pthreads, which on arm64 has 8 bytes more. */
void offset_table_adapt(struct offset_table *table, uint16_t machine);

/* Sets frame_bytes and code_bytes: how much of a frame and of a code object holds all that is read
 * of them. */
void offset_table_measure(struct wire_layout *layout);

#endif
