/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that code objects call as seen from the working directory. */
#ifndef MEMPROBE_DRAIN_FILES_H
#define MEMPROBE_DRAIN_FILES_H

#include "drain_base.h"

struct drain_files;

/* Borrows `base`. */
struct drain_files *drain_files_new(const struct drain_base *base);
void drain_files_free(struct drain_files *files); /* accepts NULL */

/* The string by which a file of a process's code object, which calls it `file`, goes: the absolute
 * name where that file is there, else `file` itself, which may be no file (<string>, main.pyx). */
uint32_t drain_files_name(struct drain_files *files, uint32_t process, uint16_t version,
			  uint32_t file);

#endif
