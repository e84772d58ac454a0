/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a command does not run, and what may have been meant by it. */
#ifndef MEMPROBE_COMMAND_REFUSE_H
#define MEMPROBE_COMMAND_REFUSE_H

#include <stdbool.h>

/* Both print it for an -errno, and return the exit status: of looking the command up, by_sudo where
 * its caller's PATH was looked through too, `otherwise` what that one leads to where it does not
 * count; and of executing what was found. */
int command_refuse_name(const char *name, int error, bool by_sudo, const char *otherwise);
int command_refuse(const char *name, int error);

#endif
