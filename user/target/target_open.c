/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening what a target names; see target_open.h. */
#include "target_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "memory.h"
#include "process_task.h"

#define OPENED (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* include/uapi/linux/magic.h of later kernels and fs/ of those that do not export theirs. */
static const uint32_t doors[] = {
	PROC_SUPER_MAGIC,    SYSFS_MAGIC,    TRACEFS_MAGIC,	  DEBUGFS_MAGIC,
	SECURITYFS_MAGIC,    SELINUX_MAGIC,  SMACK_MAGIC,	  CGROUP_SUPER_MAGIC,
	CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,   PSTOREFS_MAGIC,	  EFIVARFS_MAGIC,
	NSFS_MAGIC,	     BINFMTFS_MAGIC, ANON_INODE_FS_MAGIC, 0x62656570, /* configfs */
	0x19800202,							      /* mqueue */
};

static bool is_door(int fd)
{
	struct statfs status;

	if (fstatfs(fd, &status))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(doors); i++)
		if ((uint32_t)status.f_type == doors[i])
			return true;
	return false;
}

/* `path` has been found, but not opened (O_PATH). Takes it over. */
static int open_found(int path, uint64_t max_bytes)
{
	_cleanup_(closep) int found = path;
	struct stat status;
	char link[64];
	int fd;

	if (fstat(found, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || is_door(found))
		return -EINVAL;
	if (status.st_size < 0 || (uint64_t)status.st_size > max_bytes)
		return -EFBIG;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	fd = open(link, OPENED);
	return fd < 0 ? -errno : fd;
}

static int find(int root, const char *path, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = resolve };
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* With the user's rights from the first component of the path on. */
static int open_as(int root, const char *path, const struct target_user *user, uint64_t max_bytes)
{
	const uint64_t resolve = (root < 0 ? 0 : RESOLVE_IN_ROOT) | RESOLVE_NO_MAGICLINKS;
	struct target_rights rights;
	int err = user ? target_user_become(user, &rights) : 0;
	int fd = err ? err : find(root, path, resolve);

	if (fd >= 0)
		fd = open_found(fd, max_bytes);
	if (user)
		target_user_return(&rights);
	return fd;
}

/* -ESRCH: it has ended. */
static int open_root(pid_t pid)
{
	char link[64];
	int root;

	snprintf(link, sizeof(link), "/proc/%d/root", (int)process_task(pid));
	root = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return root;
}

int target_open_inside(pid_t pid, const char *path, const struct target_user *user,
		       uint64_t max_bytes)
{
	_cleanup_(closep) int root = open_root(pid);

	return root < 0 ? root : open_as(root, path, user, max_bytes);
}

int target_open_within(pid_t pid, const struct target_root *wanted, const char *path,
		       const struct target_user *user, uint64_t max_bytes)
{
	_cleanup_(closep) int root = open_root(pid);
	struct target_root found;

	if (root < 0)
		return root;
	/* Not by the inode, whose number overlayfs makes up. */
	found = target_root_of(root);
	if (!found.inode || !wanted->inode || found.mount != wanted->mount)
		return -ESRCH;
	return open_as(root, path, user, max_bytes);
}

int target_open_here(const char *path, const struct target_user *user, uint64_t max_bytes)
{
	return open_as(AT_FDCWD, path, user, max_bytes);
}

int target_open_link(const char *link, uint64_t max_bytes)
{
	int fd = open(link, O_PATH | O_CLOEXEC);

	return fd < 0 ? -errno : open_found(fd, max_bytes);
}
