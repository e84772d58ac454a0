/* SPDX-License-Identifier: BSD-2-Clause */
/* A rename that replaces nothing. */
#ifndef MEMPROBE_RENAME_NEW_H
#define MEMPROBE_RENAME_NEW_H

/* Both names are in `directory` (AT_FDCWD: or paths). -EEXIST: there is a file at `to`. */
int rename_new(int directory, const char *from, const char *to);

#endif
