/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a command does not run, and what may have been meant by it. */
#ifndef MEMPROBE_COMMAND_REFUSE_H
#define MEMPROBE_COMMAND_REFUSE_H

/* Prints it for an -errno of looking the command up or of executing it. Returns the exit status. */
int command_refuse(const char *name, int error);

#endif
