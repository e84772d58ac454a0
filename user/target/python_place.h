/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a process has its CPython: which file, at which address. And which files a command will
 * bring with it, before it runs. What is inside a file is left to interpreter.c.
 */
#ifndef MEMPROBE_PYTHON_PLACE_H
#define MEMPROBE_PYTHON_PLACE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "interpreter_cache.h"

struct python_place {
	uint64_t bias; /* load address minus file address */
	struct file_identity file;
	size_t index; /* of the file in the cache */
	char *path;   /* as maps prints it; owned */
};

/*
 * Looks for an interpreter among the executable mappings of a running process: the program itself
 * and files named like python first, then all others by what they export. 0; -ENOENT: none (yet);
 * -ENOTSUP: one that cannot be walked (the place is filled in, but for bias; the cache has the
 * reason); PYTHON_PLACE_CLOSED: none, but a file named like python may not be read; other -errno
 * when the process cannot be read.
 */
#define PYTHON_PLACE_CLOSED (-EKEYREJECTED) /* which nothing else here fails by */
int python_place_find(pid_t pid, struct interpreter_cache *cache, struct python_place *ret);
void python_place_clear(struct python_place *place);

/*
 * Opens a file that the process maps, wherever it is seen from: by what is mapped, since its path
 * may lead nowhere from here (another mount namespace) or to another file by now. -ENOENT when it
 * does not map the file; -ESRCH; other -errno.
 */
int python_place_open(pid_t pid, struct file_identity file);
/* The same of a file that its loader has yet to map, at this path in its root. -ESTALE: another is
 * there by now. */
int python_place_open_at(pid_t pid, struct file_identity file, const char *path);
/* By its path, unless that is "", where nothing maps it: of a command that has not begun yet, or of
 * a process that will load it. */
int python_place_open_any(pid_t pid, struct file_identity file, const char *path);

/*
 * Follows what an exec of `path` will lead to, as far as can be foreseen without running it: a
 * program to itself and to the libpython that it needs, a script's `#!` line to its interpreter,
 * also through `env NAME` and path_variable (PATH, may be NULL). Inspects what it finds into the
 * cache. 0: there is an interpreter that can be walked; -ENOENT: none foreseen; -ENOTSUP: one that
 * cannot be walked.
 */
int python_place_foresee(const char *path, const char *path_variable,
			 struct interpreter_cache *cache);

#endif
