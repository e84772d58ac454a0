/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only way to a file that a target names, by a path in its memory or by what it has mapped. A
 * name leads nowhere outside of the root that it was meant in, is looked at before it is opened,
 * and only a regular file of a bounded size is: a FIFO would block, reading a device may change
 * something, and the files of proc, sysfs or tracefs are no files but doors into the kernel.
 *
 * An open file is O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC. -EINVAL: no regular file, or one of
 * such a file system; -EFBIG; other -errno, as -EACCES when the user may not.
 */
#ifndef MEMPROBE_TARGET_OPEN_H
#define MEMPROBE_TARGET_OPEN_H

#include <stdint.h>
#include <sys/types.h>

#include "target_root.h"
#include "target_user.h"

/* A name as a process sees it: in its root, all links inside of it. NULL: with our own rights. */
int target_open_inside(pid_t pid, const char *path, const struct target_user *user,
		       uint64_t max_bytes);
/* The same as long as its root is in that mount: it may have gone to another since, or its number
 * to another process. Else -ESRCH. */
int target_open_within(pid_t pid, const struct target_root *root, const char *path,
		       const struct target_user *user, uint64_t max_bytes);
/* The same in our own root. */
int target_open_here(const char *path, const struct target_user *user, uint64_t max_bytes);

/* What one of the kernel's own links leads to, /proc/PID/exe or /proc/PID/map_files/RANGE. */
int target_open_link(const char *link, uint64_t max_bytes);

#endif
