/* SPDX-License-Identifier: BSD-2-Clause */
/* Resident memory of a process; see process_memory.h. */
#include "process_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memory.h"

#define PAGE_SHIFT 12
#define PRESENT (1ULL << 63) /* Documentation/admin-guide/mm/pagemap.rst */

int process_memory_open(struct process_memory *ret, pid_t pid)
{
	char path[64];

	*ret = (struct process_memory){ .pid = pid };
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	ret->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (ret->pagemap >= 0 || (errno == ENOENT && !access("/proc/self/pagemap", F_OK)))
		return ret->pagemap >= 0 ? 0 : -ESRCH;
	return errno == ENOENT ? 0 : -errno;
}

void process_memory_close(struct process_memory *memory)
{
	closep(&memory->pagemap);
	memory->pagemap = -1;
}

/* The kernel asks for the right before it looks at the address, at which nothing is. */
int process_memory_check(pid_t pid)
{
	uint8_t byte;
	struct iovec here = { &byte, sizeof(byte) }, there = { NULL, sizeof(byte) };

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT)
		return 0;
	return -errno;
}

void process_memory_forget(struct process_memory *memory)
{
	memset(memory->resident, 0, sizeof(memory->resident));
}

static bool is_resident(struct process_memory *memory, uint64_t page)
{
	uint64_t *known = &memory->resident[page % RESIDENT_PAGES], entry;

	if (*known == page)
		return true;
	if (pread(memory->pagemap, &entry, sizeof(entry), (off_t)(page * sizeof(entry))) !=
		    (ssize_t)sizeof(entry) ||
	    !(entry & PRESENT))
		return false;
	*known = page;
	return true;
}

int process_memory_read(struct process_memory *memory, uint64_t address, void *to, size_t size)
{
	struct iovec here = { to, size };
	struct iovec there = { (void *)(uintptr_t)address, size };
	ssize_t got;

	if (!size || address + size < address)
		return -EFAULT;
	for (uint64_t page = address >> PAGE_SHIFT;
	     memory->pagemap >= 0 && page <= (address + size - 1) >> PAGE_SHIFT; page++)
		if (!is_resident(memory, page))
			return -ENODATA;
	got = process_vm_readv(memory->pid, &here, 1, &there, 1, 0);
	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EFAULT;
}
