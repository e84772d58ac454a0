/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading dumps that a user names. */
#ifndef MEMPROBE_DUMP_FILE_H
#define MEMPROBE_DUMP_FILE_H

#include "profile.h"

/* Prints why a dump cannot be read, and that one is incomplete. 0 or -errno; the caller owns
 * *ret_profile. */
int dump_file_read(const char *path, struct profile **ret_profile);

#endif
