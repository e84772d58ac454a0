/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a process that are neither there nor swapped out, of a private mapping of a file: nobody
 * has written to them, so they are what the file has. Fork copies no page tables of mappings that
 * were never written to (vma_needs_copy(), mm/memory.c): a child has none of the pages that its
 * parent has read, as of the interpreter's code and constants; and memory that gets short loses
 * such pages first. They are read from the file, since touching them would fault them in.
 *
 * Files in FUSE are left out, and what is no regular file. What a file has by now counts, as it
 * would for the process. A mapping that went after it was listed is told as it was.
 */
#ifndef MEMPROBE_FILE_PAGES_H
#define MEMPROBE_FILE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file_pages;

struct file_pages *file_pages_new(pid_t pid);
void file_pages_free(struct file_pages *pages);

/*
 * Bytes of one page, which the caller knows to be absent. -ENXIO: no private mapping of a file is
 * there, or not so much of the file; -EOPNOTSUPP: it may not be read; -E2BIG: enough has been read;
 * other -errno.
 */
int file_pages_read(struct file_pages *pages, uint64_t address, void *to, size_t size);

#endif
