/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands for a standard descriptor that nobody is to have. */
#ifndef MEMPROBE_NOTHING_H
#define MEMPROBE_NOTHING_H

/* /dev/null, or where there is none, as in a chroot without devices, what is as good: reading finds
 * the end, though writing fails. Closed by an exec. Returns -errno. */
int nothing_open(void);

#endif
