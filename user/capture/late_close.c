/* SPDX-License-Identifier: BSD-2-Clause */
/* Links pinned where nobody finds them, and unlinked; see late_close.h. */
#include "late_close.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"

#define PATH_BYTES 64

int late_close_open(void)
{
	_cleanup_(closep) int context = (int)syscall(SYS_fsopen, "bpf", FSOPEN_CLOEXEC);

	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
}

bool late_close_link(int bpffs, int *link)
{
	char path[PATH_BYTES];
	int length;

	/* Threads may be here at the same time: what is open has a number of its own. */
	length = snprintf(path, sizeof(path), "/proc/self/fd/%d/", bpffs);
	snprintf(path + length, sizeof(path) - length, "%d", *link);
	if (bpffs < 0 || bpf_obj_pin(*link, path))
		return false;
	close(*link);
	*link = -1;
	unlinkat(bpffs, path + length, 0); /* the last reference, or close() would wait */
	return true;
}
