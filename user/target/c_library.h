/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the C library that a program or library was linked with keeps what threads have set for
 * their pthread keys, and how its table of thread-local blocks is made.
 */
#ifndef MEMPROBE_C_LIBRARY_H
#define MEMPROBE_C_LIBRARY_H

#include <memprobe/wire.h>

struct elf_file;

/* Fills in layout->slots and layout->dtv_bytes: one way where the file tells its C library, several
 * where it does not. */
void c_library_find(struct elf_file *file, struct wire_layout *layout);

#endif
