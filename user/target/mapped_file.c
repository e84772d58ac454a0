/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening what a process maps; see mapped_file.h. */
#include "mapped_file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "memory.h"
#include "process_task.h"
#include "target_open.h"

#define FUSE_MAGIC 0x65735546 /* fs/fuse/inode.c */

/* Takes over fd. What was found by name may be another file by now. */
static int keep_same_file(int fd, struct file_identity file)
{
	struct file_identity identity;
	int err;

	if (fd < 0)
		return fd;
	err = process_maps_identify(fd, &identity);
	if (err || identity.dev != file.dev || identity.ino != file.ino) {
		close(fd);
		return err ? err : -ESTALE;
	}
	return fd;
}

int mapped_file_open_at(pid_t pid, struct file_identity file, const char *path, uint64_t max_bytes)
{
	return keep_same_file(target_open_inside(pid, path, NULL, max_bytes), file);
}

int mapped_file_open_here(struct file_identity file, const char *path, uint64_t max_bytes)
{
	return keep_same_file(target_open_here(path, NULL, max_bytes), file);
}

/* Both are printed by the kernel's d_path(), " (deleted)" included. */
static bool is_program(const char *by_exe, const char *path)
{
	char program[PATH_MAX];
	ssize_t length = readlink(by_exe, program, sizeof(program) - 1);

	program[length > 0 ? length : 0] = '\0';
	return !strcmp(program, path);
}

/* map_files works for deleted files too, but needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; exe
 * works for a deleted program without. */
int mapped_file_open(pid_t pid, const struct process_mapping *mapping, uint64_t max_bytes)
{
	const int task = process_task(pid);
	_cleanup_(freep) char *by_range = xasprintf("/proc/%d/map_files/%" PRIx64 "-%" PRIx64, task,
						    mapping->start, mapping->end);
	_cleanup_(freep) char *by_exe = xasprintf("/proc/%d/exe", task);
	int fd = target_open_link(by_range, max_bytes);

	if (fd >= 0 || mapping->path[0] != '/')
		return fd;
	fd = mapped_file_open_at(pid, mapping->file, mapping->path, max_bytes);
	if (fd < 0 && is_program(by_exe, mapping->path))
		fd = keep_same_file(target_open_link(by_exe, max_bytes), mapping->file);
	return fd;
}

bool mapped_file_may_block(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) || (uint32_t)status.f_type == FUSE_MAGIC;
}
