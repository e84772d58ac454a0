/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outputs that are written to and never replaced: `-` for standard output, a descriptor by the name
 * that /dev has for it, a FIFO, /dev/null.
 */
#ifndef MEMPROBE_STREAM_H
#define MEMPROBE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

bool stream_is_named(const char *path);
/* What stream_open would say, without opening: 0, or -EBADF for a descriptor that is not open. */
int stream_check(const char *path);
/* As stat(), of the open descriptor where the path names one. -errno. */
int stream_stat(const char *path, struct stat *ret);
bool stream_is_null(const struct stat *status);
/* Does the path name an open descriptor of a terminal? */
bool stream_is_terminal(const char *path);
/* The caller owns *ret_fd. A FIFO's reader is waited for, until SIGINT, SIGTERM or SIGHUP comes
 * (-EINTR when they are blocked). */
int stream_open(const char *path, int *ret_fd);

/* Writes all, and waits for room where somebody has made the descriptor non-blocking. -errno. */
int stream_write(int fd, const char *bytes, size_t size);

#endif
