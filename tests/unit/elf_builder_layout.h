/* SPDX-License-Identifier: BSD-2-Clause */
/* Where elf_builder.h's files have what they have: elf_builder.c, elf_builder_arm64.c. */
#ifndef MEMPROBE_ELF_BUILDER_LAYOUT_H
#define MEMPROBE_ELF_BUILDER_LAYOUT_H

#include "elf_builder.h"

/* The first segment is what the file begins with, at the same addresses; the second begins at
 * DATA_OFFSET, is writable, and ends in zeros that the file has not. */
#define TEXT_OFFSET 0x200
#define TEXT_BYTES 0x600 /* with the texts that it refers to */
#define DATA_OFFSET 0x1000
#define DATA_VADDR 0x40011000 /* tests let the text grow */
#define DATA_BYTES 0x800
#define BSS_BYTES 0x100000
#define TABLES_OFFSET 0x1800

enum { /* in the data */
       AT_VERSION = 0x00,
       AT_SEMAPHORE = 0x08,
       AT_TLS_KEY = 0x10,
       AT_CODE_VERSION = 0x18,
       AT_CODE_TYPE = 0x20,
       AT_DYNAMIC = 0xa0,
       AT_RUNTIME = 0x200, /* _Py_DebugOffsets are in the file, the rest is zeros */
};
#define RUNTIME_VADDR (DATA_VADDR + AT_RUNTIME)
#define DICT_VERSION_VADDR (DATA_VADDR + DATA_BYTES + 0x80000)

enum { /* in the text, each in a block of its own */
       AT_EVAL = 0x00,
       AT_GET_VERSION = 0x40,
       AT_GET_TSTATE = 0x80,
       AT_CODE_NEW = 0xc0,
       AT_DICT_NEW = 0x100,
       AT_DICT_CLEAR = 0x140,
       AT_CODE_DEALLOC = 0x180,
       AT_FRAME_CLEAR = 0x1c0,
       AT_VERSION_TEXT = 0x200,
       AT_FINALIZE = 0x240,
       AT_EXIT = 0x280,
       AT_RUN_MAIN = 0x2c0,
       AT_FINALIZER = 0x300, /* the static function of 3.13 */
};
#define FIRST_FINALIZER 13

/* The text as of arm64, but for what is no code. */
void elf_build_arm64(struct elf_built *built);

#endif
