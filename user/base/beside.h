/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are made beside a name and renamed to it. The directory is opened once: whoever owns a
 * part of the path can have it lead elsewhere at any time.
 */
#ifndef MEMPROBE_BESIDE_H
#define MEMPROBE_BESIDE_H

#include <sys/types.h>

/* Opens the directory of path, and splits path before its last component: head ends with the slash,
 * "" when there is none. -EISDIR: the path names a directory. What is given back is the caller's in
 * any case. */
int beside_directory(const char *path, int *ret_directory, char **ret_head, char **ret_name);

/* A new file in the directory, of which the name is `stem` with six digits behind it; the mask
 * counts. The caller owns both. */
int beside_create(int directory, const char *stem, mode_t mode, int *ret_fd, char **ret_name);

#endif
