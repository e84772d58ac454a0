/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that a process maps, wherever it sees them from: by what is mapped, since their paths
 * may lead nowhere from here (another mount namespace) or to other files by now. What is opened is
 * as target_open.h says. With our own rights: what it maps the process has.
 */
#ifndef MEMPROBE_MAPPED_FILE_H
#define MEMPROBE_MAPPED_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process_maps.h"

/* An open file of at most `max_bytes`, or -errno. The caller's, as below. */
int mapped_file_open(pid_t pid, const struct process_mapping *mapping, uint64_t max_bytes);
/* The same by a path in its root alone. -ESTALE: another file is there by now. */
int mapped_file_open_at(pid_t pid, struct file_identity file, const char *path, uint64_t max_bytes);
/* The same by a path in our own root: of a process that is gone. */
int mapped_file_open_here(struct file_identity file, const char *path, uint64_t max_bytes);

/* Does it lie in a file system (FUSE) whose server may let who reads wait for ever? */
bool mapped_file_may_block(int fd);

#endif
