/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Some lines of a source file. The file is read once and in parts, so that neither its size nor the
 * number of lines costs memory.
 */
#ifndef MEMPROBE_SOURCE_LINES_H
#define MEMPROBE_SOURCE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "source_line.h"

#define SOURCE_LINES_MAX_BYTES (64U << 20)

/*
 * Fills in the texts; numbers ascend, and may repeat. Lines that the file has not are left empty,
 * as are all behind SOURCE_LINES_MAX_BYTES. Reads no further than the last line that is asked for.
 * Returns the bytes read. Borrows fd, a regular file at its start.
 */
uint64_t source_lines_read(int fd, struct source_line *lines, size_t count);

/* The same of a text. */
void source_lines_of(const char *text, struct source_line *lines, size_t count);

#endif
