/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands where an output is to be, and whether a rename may put another file in its place. */
#ifndef MEMPROBE_OCCUPANT_H
#define MEMPROBE_OCCUPANT_H

#include <sys/types.h>

/*
 * 0: nothing. -EEXIST: a file, -ELOOP: a symbolic link, which `uid` can replace as far as can be
 * known. -EPERM: one that he cannot, because it is another user's in a sticky directory, immutable
 * or append-only; -EBUSY: because something is mounted on it. -EISDIR: a directory; -EINVAL: the
 * rest. Or the -errno of looking.
 */
int occupant_at(int directory, const char *name, uid_t uid);

#endif
