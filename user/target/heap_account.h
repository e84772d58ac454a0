/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a process's resident memory is no allocator's: stacks, mapped files, shared memory, by
 * /proc/PID/smaps.
 */
#ifndef MEMPROBE_HEAP_ACCOUNT_H
#define MEMPROBE_HEAP_ACCOUNT_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Resident bytes; each mapping is in one of them at most. */
struct heap_account {
	uint64_t stacks; /* of the process, and of threads that wait in the kernel */
	uint64_t files;	 /* private mappings of files, what was written to them too */
	uint64_t shared; /* shared mappings of files, and memory without a file that is shared */
	uint64_t rss;	 /* all mappings together */
};

/* Addresses within mappings that are stacks. */
struct heap_stacks {
	uint64_t *tops;
	size_t count, capacity;
};

/* -errno: nothing is known. */
int heap_account_read(pid_t pid, struct heap_account *ret);

/* The text of smaps; the pointers of stacks are borrowed. */
void heap_account_parse(FILE *smaps, const struct heap_stacks *stacks, struct heap_account *ret);

#endif
