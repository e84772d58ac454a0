/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives up a BPF link without waiting for its end. close(2) of the last descriptor of a uprobe link
 * lasts until the grace periods are over, and so does the exit of a process that has one. But where
 * the last reference is an inode of bpffs, the kernel itself ends the link, in a worker thread
 * (bpf_link_put in kernel/bpf/syscall.c). So the link is pinned in a bpffs that nobody has mounted
 * anywhere, closed and unlinked, which takes 0.2 ms; nothing is left if the process is killed.
 */
#ifndef MEMPROBE_LATE_CLOSE_H
#define MEMPROBE_LATE_CLOSE_H

#include <stdbool.h>

/* The fd of a bpffs, owned; -1 where none can be had: then links are to be closed in the old way.
 */
int late_close_open(void);

/* Whether the link is given up; if so *link is -1, otherwise it is as it was. */
bool late_close_link(int bpffs, int *link);

#endif
