/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file has a module of Python's own: what the process maps, or, before it does, beside the
 * others of its interpreter. */
#ifndef MEMPROBE_QUEUE_PLACE_H
#define MEMPROBE_QUEUE_PLACE_H

#include <stdint.h>
#include <sys/types.h>

/*
 * An open file as of target_open.h, in the root of a process; -ENOENT: not found, or what it maps
 * can be opened no more, and another may lie there. `interpreter` is
 * the path of its executable or libpython, as the process maps it; the version is
 * wire_layout.version, the module's name without what tells how it was built.
 */
int queue_place_open(pid_t pid, const char *interpreter, uint16_t version, const char *module);

#endif
