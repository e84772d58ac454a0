/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where ld.so would find a library, followed only as far as Pythons are installed in practice:
 * RPATH, RUNPATH, $ORIGIN and the usual directories. Files are opened with our own rights.
 */
#ifndef MEMPROBE_LIBRARY_PATH_H
#define MEMPROBE_LIBRARY_PATH_H

/* Who needs it. */
struct library_user {
	const char *run_path; /* directories parted by colons, NULL */
	const char *origin;   /* the directory that the program or library lies in */
};

/*
 * An open file (target_open_here), or -errno. A name with a slash is a path. *ret_path, unless
 * NULL, is where it was found, owned by the caller; untouched on failure.
 */
int library_path_open(const struct library_user *user, const char *name, char **ret_path);

#endif
