/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc/PID/status says of a process or thread; see proc(5). */
#ifndef MEMPROBE_PROCESS_STATUS_H
#define MEMPROBE_PROCESS_STATUS_H

#include <sys/types.h>

/* The whole text, the caller's to free; of ourselves with pid 0, whatever namespace /proc is of.
 * 0, or -errno: -ENOENT, -ESRCH when there is none. */
int process_status_read(pid_t pid, char **ret);

/* What stands behind "NAME:" in such a text, up to its end and not only the line's; "" when the
 * line is not there. */
const char *process_status_field(const char *text, const char *name);

#endif
