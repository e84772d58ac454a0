/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where ld.so would find a library, followed only as far as Pythons are installed in practice:
 * RPATH, RUNPATH, $ORIGIN and the usual directories. Files are opened with our own rights.
 */
#ifndef MEMPROBE_LIBRARY_PATH_H
#define MEMPROBE_LIBRARY_PATH_H

#include <stddef.h>
#include <sys/types.h>

#include "elf_file.h"

/* Who needs it. */
struct library_user {
	const char *run_path; /* directories parted by colons, NULL */
	const char *origin;   /* the directory that the program or library lies in */
	pid_t inside;	      /* in the root of this process; 0: in our own */
};

/*
 * An open file (target_open_here), or -errno. A name with a slash is a path. *ret_path, unless
 * NULL, is where it was found, owned by the caller; untouched on failure.
 */
int library_path_open(const struct library_user *user, const char *name, char **ret_path);

#define MAX_LIBRARY_NEEDS 64

/* What a program's or library's dynamic section asks for. Owns its texts. */
struct library_needs {
	const char *part; /* of the names that are wanted; NULL: all are */
	size_t most;	  /* that are kept, MAX_LIBRARY_NEEDS at most */
	char *rpath, *runpath;
	char *names[MAX_LIBRARY_NEEDS];
	size_t count;
};

/* `part` and `most` are set, the rest is zeroed. */
void library_needs_read(struct library_needs *needs, struct elf_file *file);
void library_needs_clear(struct library_needs *needs);
/* Of a library_user; NULL: none. */
const char *library_needs_run_path(const struct library_needs *needs);

#endif
