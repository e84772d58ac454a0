/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /proc says of a process that the profile names: texts, each owned by the caller, NULL when
 * the process is gone or may not be read. They are the target's: whatever is in them.
 */
#ifndef MEMPROBE_DRAIN_PROCESS_H
#define MEMPROBE_DRAIN_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "inspect_texts.h"

/* Words as they lie in memory, a NUL after each, joined by blanks. */
char *drain_join_arguments(const char *arguments, size_t size);
/* The command line, the first MAX_ARGS_BYTES of it: it lies in the target's memory, and its pages
 * may never come. *ret_status is the inspector's. */
char *drain_read_command(struct inspector *inspector, uint32_t tgid, int *ret_status);
char *drain_read_directory(uint32_t tgid);
/* The name that a thread bears now. */
char *drain_read_comm(uint32_t tid);

#endif
