/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a file was changed last: what was found out about it holds until then. Its inode says
 * nothing of that, because a file can be rewritten in place, and because an inode that is free is
 * given to another.
 */
#ifndef MEMPROBE_FILE_CHANGE_H
#define MEMPROBE_FILE_CHANGE_H

#include <stdint.h>
#include <sys/stat.h>

/* ctime, which nobody can set. */
static inline int64_t file_change_time(const struct stat *status)
{
	return status->st_ctim.tv_sec * 1000000000LL + status->st_ctim.tv_nsec;
}

/*
 * Before an open file is read: its change time, once another change would have another time.
 * Afterwards file_change_check() tells whether what was read is of one and the same file. -errno.
 */
int file_change_begin(int fd, int64_t *ret_ns);

/* 0; -ESTALE: it has changed since `changed_ns`; other -errno. */
int file_change_check(int fd, int64_t changed_ns);
int file_change_check_path(const char *path, int64_t changed_ns);

#endif
