/* SPDX-License-Identifier: BSD-2-Clause */
/* statx(2) tells a mount's number from 5.8 on; see target_root.h. */
#include "target_root.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct target_root read_root(int fd, const char *path, int flags)
{
	struct target_root root = { 0 };
	struct statx status;

	if (statx(fd, path, flags, STATX_INO | STATX_MNT_ID, &status) ||
	    !(status.stx_mask & STATX_MNT_ID))
		return root;
	root.inode = status.stx_ino;
	root.mount = status.stx_mnt_id;
	return root;
}

struct target_root target_root_here(void)
{
	return read_root(AT_FDCWD, "/", 0);
}

struct target_root target_root_of(int fd)
{
	return read_root(fd, "", AT_EMPTY_PATH);
}

bool target_root_is(const struct target_root *one, const struct target_root *other)
{
	return one->inode && one->inode == other->inode && one->mount == other->mount;
}
