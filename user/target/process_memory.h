/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the memory of a running process, only where it is resident: reading an absent page would
 * fault it in, and a page may belong to a file system or a userfaultfd that never answers.
 */
#ifndef MEMPROBE_PROCESS_MEMORY_H
#define MEMPROBE_PROCESS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RESIDENT_PAGES 64 /* a power of two */

struct process_memory {
	pid_t pid;
	int pagemap;			   /* -1: this kernel has none, all is read */
	uint64_t resident[RESIDENT_PAGES]; /* pages that were, by number; 0: none */
};

int process_memory_open(struct process_memory *ret, pid_t pid);
void process_memory_close(struct process_memory *memory);

/* May we read it? 0, -ESRCH, or -EPERM, as where only its parent may trace a process of the same
 * user (kernel.yama.ptrace_scope): then /proc can be read, and each read of memory fails. */
int process_memory_check(pid_t pid);

/* Looks again at what is resident: to be called when time has passed. */
void process_memory_forget(struct process_memory *memory);
/* All `size` bytes (0), -ENODATA where a page is not resident, or another -errno. */
int process_memory_read(struct process_memory *memory, uint64_t address, void *to, size_t size);

#endif
