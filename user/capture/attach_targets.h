/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What -p is asked to attach to: why it cannot be, and what belongs to it. Logs, as run.c does.
 */
#ifndef MEMPROBE_ATTACH_TARGETS_H
#define MEMPROBE_ATTACH_TARGETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 0, or -errno after the reason was printed: no such process, a thread, a kernel thread, one that
 * has ended, one of another user's. */
int attach_check(uint32_t pid);

/* Descendants of these processes that are not among them, nor ours, nor wait for us: *ret_count of
 * them in an array that the caller frees. One look at /proc: what is forked meanwhile may be
 * missing. */
pid_t *attach_find_descendants(const pid_t *pids, size_t count, size_t *ret_count);

#endif
