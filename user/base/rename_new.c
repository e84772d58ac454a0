/* SPDX-License-Identifier: BSD-2-Clause */
/* See rename_new.h. */
#include "rename_new.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* A link in place of a rename that refuses to replace: some file systems know no such rename. */
int rename_new(int directory, const char *from, const char *to)
{
	if (!renameat2(directory, from, directory, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(directory, from, directory, to, 0))
		return -errno;
	unlinkat(directory, from, 0);
	return 0;
}
