/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which root a path is meant in. One path leads to as many files as there are containers, and a
 * process that has ended has left none of its own: only what was named in our root may be read in
 * it then.
 */
#ifndef MEMPROBE_TARGET_ROOT_H
#define MEMPROBE_TARGET_ROOT_H

#include <stdbool.h>
#include <stdint.h>

/* As long as its mount is there no other root has the same numbers. */
struct target_root {
	uint64_t inode; /* 0: not known */
	uint64_t mount;
};

/* Our own. */
struct target_root target_root_here(void);
/* Of an open directory. */
struct target_root target_root_of(int fd);
/* False where either is not known. */
bool target_root_is(const struct target_root *one, const struct target_root *other);

#endif
