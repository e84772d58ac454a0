/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the memory of a running process, only where it is resident: reading an absent page would
 * fault it in, and a page may belong to a file system or a userfaultfd that never answers. What is
 * absent because nobody has written to it is read from the file that it is mapped from.
 *
 * By /proc/PID/mem, not process_vm_readv(): that pins what it reads, and since 5.19 a page that is
 * shared since a fork is copied before it is pinned (gup_must_unshare(), mm/gup.c): looking at 32
 * MB of a forked child took 32 MB more of the machine, measured on 6.18.
 */
#ifndef MEMPROBE_PROCESS_MEMORY_H
#define MEMPROBE_PROCESS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "file_pages.h"

#define RESIDENT_PAGES 64 /* a power of two */

/* Not open. */
#define PROCESS_MEMORY_NONE ((struct process_memory){ .contents = -1, .pagemap = -1 })

struct process_memory {
	pid_t pid;
	int contents;			   /* /proc/PID/mem */
	int pagemap;			   /* -1: this kernel has none, all is read */
	uint64_t resident[RESIDENT_PAGES]; /* pages that were, by number; 0: none */
	struct file_pages *files;	   /* NULL until one is asked for */
};

/* 0, -ESRCH, -EACCES where process_memory_is_closed(), -EPERM where ptrace() would not be allowed,
 * as where only its parent may trace a process of the same user (kernel.yama.ptrace_scope), or
 * another -errno: then nothing is open. */
int process_memory_open(struct process_memory *ret, pid_t pid);
void process_memory_close(struct process_memory *memory);
/*
 * Do its files in /proc that tell of its memory and its environment (mode 0600 and 0400) belong to
 * another user, without a capability that opens them all the same? CAP_SYS_PTRACE is none:
 * CAP_DAC_READ_SEARCH and CAP_DAC_OVERRIDE are.
 */
bool process_memory_is_closed(pid_t pid);
/* What it means that such a file was not opened, by errno: -ESRCH, -EACCES, -EPERM as below, or
 * another. */
int process_memory_refusal(pid_t pid, int error);
/* False once the process has ended, or runs another program: an open one stays what it was. */
bool process_memory_is_there(const struct process_memory *memory);

/* Looks again at what is resident and mapped: to be called before time passes, since files may be
 * open until then. */
void process_memory_forget(struct process_memory *memory);
/* All `size` bytes (0), -ENODATA where a page is not resident and in no file, or another -errno. */
int process_memory_read(struct process_memory *memory, uint64_t address, void *to, size_t size);

/* The same without a look at what is resident: where that is known. */
int process_memory_fetch(const struct process_memory *memory, uint64_t address, void *to,
			 size_t size);
/* The same of a part of one page that was not resident. -ENXIO: nothing has ever been there; else
 * -ENODATA. */
int process_memory_read_absent(struct process_memory *memory, uint64_t address, void *to,
			       size_t size);

#endif
