/* SPDX-License-Identifier: BSD-2-Clause */
/* Resident memory of a process; see process_memory.h. */
#include "process_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"
#include "process_task.h"

#define PAGE_SHIFT 12
/* Documentation/admin-guide/mm/pagemap.rst */
#define PRESENT (1ULL << 63)
#define SWAPPED (1ULL << 62)

#define MAX_LOOKS 3

/* Nothing is mapped at 0: that is an error, where a read of no memory ends at once. */
bool process_memory_is_there(const struct process_memory *memory)
{
	uint8_t byte;

	return pread(memory->contents, &byte, sizeof(byte), 0) != 0;
}

/* What opening asks first (inode_permission(), fs/namei.c): the file is its user's, mode 0600; of
 * what has no memory any more it is root's (task_dump_owner(), fs/proc/base.c). */
bool process_memory_is_closed(pid_t pid)
{
	const pid_t task = process_task(pid);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)task);
	return syscall(SYS_faccessat2, AT_FDCWD, path, R_OK, AT_EACCESS) < 0 && errno == EACCES &&
	       !process_task_is_over(task);
}

/* Then it asks for the same right as ptrace() does (mm_access(), kernel/fork.c), also yama; that
 * refusal is EACCES here, too. */
int process_memory_refusal(pid_t pid, int error)
{
	if (error == ENOENT || (error == EACCES && process_task_is_over(process_task(pid))))
		return -ESRCH;
	if (error == EACCES && !process_memory_is_closed(pid))
		return -EPERM;
	return -error;
}

static int open_contents(struct process_memory *memory, pid_t task)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)task);
	memory->contents = open(path, O_RDONLY | O_CLOEXEC);
	if (memory->contents < 0)
		return process_memory_refusal(memory->pid, errno);
	/* Where there is none, as in a process that has ended, some kernels let it be opened. */
	return process_memory_is_there(memory) ? 0 : -ESRCH;
}

static int open_pagemap(struct process_memory *memory, pid_t task)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)task);
	memory->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (memory->pagemap >= 0 || (errno == ENOENT && !access("/proc/self/pagemap", F_OK)))
		return memory->pagemap >= 0 ? 0 : -ESRCH;
	return errno == ENOENT ? 0 : -errno;
}

int process_memory_open(struct process_memory *ret, pid_t pid)
{
	pid_t task = process_task(pid);
	int error;

	*ret = PROCESS_MEMORY_NONE;
	ret->pid = pid;
	error = open_contents(ret, task);
	if (!error)
		error = open_pagemap(ret, task);
	if (error)
		process_memory_close(ret);
	return error;
}

void process_memory_close(struct process_memory *memory)
{
	closep(&memory->contents);
	closep(&memory->pagemap);
	process_memory_forget(memory);
	memory->contents = memory->pagemap = -1;
}

void process_memory_forget(struct process_memory *memory)
{
	memset(memory->resident, 0, sizeof(memory->resident));
	file_pages_free(memory->files);
	memory->files = NULL;
}

/* What pagemap says of a page; `SWAPPED` where it says nothing. */
static uint64_t look_at(const struct process_memory *memory, uint64_t page)
{
	uint64_t entry;

	return pread(memory->pagemap, &entry, sizeof(entry), (off_t)(page * sizeof(entry))) ==
			       (ssize_t)sizeof(entry)
		       ? entry
		       : SWAPPED;
}

static bool is_resident(struct process_memory *memory, uint64_t page)
{
	uint64_t *known = &memory->resident[page % RESIDENT_PAGES];

	if (*known == page)
		return true;
	if (!(look_at(memory, page) & PRESENT))
		return false;
	*known = page;
	return true;
}

int process_memory_fetch(const struct process_memory *memory, uint64_t address, void *to,
			 size_t size)
{
	ssize_t got = pread(memory->contents, to, size, (off_t)address);

	if (got < 0)
		return errno == EIO ? -EFAULT : -errno;
	return (size_t)got == size ? 0 : -EFAULT;
}

/* It may be written to while its file is read: then it is there, and the file has what was before.
 */
int process_memory_read_absent(struct process_memory *memory, uint64_t address, void *to,
			       size_t size)
{
	uint64_t entry = look_at(memory, address >> PAGE_SHIFT);

	for (int i = 0; i < MAX_LOOKS; i++) {
		int err;

		if (entry & PRESENT)
			return process_memory_fetch(memory, address, to, size);
		if (entry & SWAPPED)
			return -ENODATA;
		if (!memory->files)
			memory->files = file_pages_new(memory->pid);
		err = file_pages_read(memory->files, address, to, size);
		entry = look_at(memory, address >> PAGE_SHIFT);
		if (!(entry & (PRESENT | SWAPPED)))
			return err && err != -ENXIO ? -ENODATA : err;
	}
	return -ENODATA;
}

static int read_by_page(struct process_memory *memory, uint64_t address, uint8_t *to, size_t size)
{
	int err = 0;

	while (size && !err) {
		size_t part = (1UL << PAGE_SHIFT) - address % (1UL << PAGE_SHIFT);

		if (part > size)
			part = size;
		if (is_resident(memory, address >> PAGE_SHIFT))
			err = process_memory_fetch(memory, address, to, part);
		else
			err = process_memory_read_absent(memory, address, to, part);
		address += part;
		to += part;
		size -= part;
	}
	return err == -ENXIO ? -ENODATA : err;
}

int process_memory_read(struct process_memory *memory, uint64_t address, void *to, size_t size)
{
	if (!size || address + size < address)
		return -EFAULT;
	for (uint64_t page = address >> PAGE_SHIFT;
	     memory->pagemap >= 0 && page <= (address + size - 1) >> PAGE_SHIFT; page++)
		if (!is_resident(memory, page))
			return read_by_page(memory, address, to, size);
	return process_memory_fetch(memory, address, to, size);
}
