/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking before a rename; see occupant.h. */
#include "occupant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* fs/namei.c, may_delete: in a sticky directory a file is replaced by its owner, the directory's or
 * one with CAP_FOWNER, which of the users that we write for only root has. */
static bool is_kept_by_sticky(int directory, const struct stat *file, uid_t uid)
{
	struct stat status;

	if (!uid || file->st_uid == uid || fstatat(directory, "", &status, AT_EMPTY_PATH) < 0)
		return false;
	return (status.st_mode & S_ISVTX) && status.st_uid != uid;
}

static int check_attributes(int directory, const char *name)
{
	const uint64_t unmovable = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;
	struct statx status;

	if (statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) < 0)
		return 0;
	if (status.stx_attributes & unmovable)
		return -EPERM;
	return status.stx_attributes & STATX_ATTR_MOUNT_ROOT ? -EBUSY : 0;
}

int occupant_at(int directory, const char *name, uid_t uid)
{
	struct stat status;
	int err;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
		return -EINVAL;
	if (is_kept_by_sticky(directory, &status, uid))
		return -EPERM;
	err = check_attributes(directory, name);
	if (err)
		return err;
	return S_ISLNK(status.st_mode) ? -ELOOP : -EEXIST;
}
