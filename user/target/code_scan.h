/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a few functions of CPython refer to, read from their machine code: the answer for stripped
 * files where the variable itself has no symbol. Which functions to ask is left to interpreter.c.
 *
 * What finds accesses (code_access.h) may be wrong about one of them, so each answer must hold more
 * than one thing at once (see each function), or it is no answer.
 */
#ifndef MEMPROBE_CODE_SCAN_H
#define MEMPROBE_CODE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>

#include "code_access.h"
#include "elf_file.h"

#define CODE_SCAN_BYTES 4096
#define CODE_SCAN_ACCESSES 1024
/* One function: its bytes, and the accesses found in them in order. */
struct code_scan {
	struct elf_file *file;
	uint64_t vaddr;
	size_t size;
	size_t nr_accesses;
	uint8_t bytes[CODE_SCAN_BYTES + CODE_ACCESS_BYTES]; /* zeros behind the function */
	struct code_access accesses[CODE_SCAN_ACCESSES];
};

/*
 * Reads a function, CODE_SCAN_BYTES at most. -ENOENT: not defined in the file; -EFAULT, -EIO as
 * elf_file_read. A function without a size is read for 64 bytes.
 */
int code_scan_open(struct elf_file *file, const struct elf_symbol *function, struct code_scan *ret);

bool code_scan_is_arm64(const struct code_scan *scan);

/*
 * 3.6-3.11: the global that every dict change increments and copies into ma_version_tag (offset 24
 * of a dict): an 8-byte load from it, a store to it and a store of the same register to offset 24
 * of another nearby; it must lie in .bss. 0 when there is none.
 */
uint64_t code_scan_dict_version(const struct code_scan *scan);

/*
 * 3.12 _PyCode_New: the 4-byte global that is loaded and stored to co_version (offset 92). It must
 * be writable and begin as a small positive number. 0 when there is none.
 */
uint64_t code_scan_code_version(const struct code_scan *scan);

/*
 * 3.6 PyGILState_GetThisThreadState: the int that it passes to PyThread_get_key_value. It must be
 * writable and begin as -1. 0 when there is none.
 */
uint64_t code_scan_tls_key(const struct code_scan *scan);

/* A function that returns a thread-local variable: where that lies; see code_tls.h. */
int code_scan_tls(const struct code_scan *scan, struct wire_tls *ret);

/* Py_GetVersion: the string constant that begins like "3.9.2". -ENOENT when there is none. */
int code_scan_version(const struct code_scan *scan, char *ret_text, size_t size);

#endif
