/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as BPF programs see it. User memory is a table of pages that has nothing to do with the
 * host's addresses. Kernel memory is the host's own, but only what was made here can be read.
 */
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#define PAGE_SLOTS (1U << 15) /* a power of two */
#define MAX_OBJECTS 256
#define AREA_BYTES (1UL << 20) /* of each CPU */
#define FIRST_OFFSET 64	       /* 0 would be no offset */

struct page {
	__u64 number; /* address / HOST_PAGE, plus 1; 0: a free slot */
	char *bytes;  /* NULL: absent */
};

static struct page pages[PAGE_SLOTS];
static __u32 nr_pages;

static struct {
	char *memory;
	size_t size;
} objects[MAX_OBJECTS];
static size_t nr_objects;

static char *areas;
static __u64 area_used = FIRST_OFFSET;

static struct page *find_page(__u64 address)
{
	__u64 number = address / HOST_PAGE + 1;
	__u32 slot = (__u32)(number * 0x9e3779b97f4a7c15ULL >> 40) & (PAGE_SLOTS - 1);

	while (pages[slot].number && pages[slot].number != number)
		slot = (slot + 1) & (PAGE_SLOTS - 1);
	return &pages[slot];
}

static char *make_page(__u64 address)
{
	struct page *page = find_page(address);

	if (!page->number) {
		HOST_CHECK(nr_pages < PAGE_SLOTS / 2);
		nr_pages++;
		page->number = address / HOST_PAGE + 1;
	}
	if (!page->bytes)
		page->bytes = xcalloc(1, HOST_PAGE);
	return page->bytes;
}

/* How many of `size` bytes at `address` lie in its first page. */
static size_t part(__u64 address, size_t size)
{
	size_t room = HOST_PAGE - address % HOST_PAGE;

	return size < room ? size : room;
}

void host_user_write(__u64 address, const void *data, size_t size)
{
	const char *from = data;

	while (size) {
		size_t bytes = part(address, size);

		memcpy(make_page(address) + address % HOST_PAGE, from, bytes);
		address += bytes;
		from += bytes;
		size -= bytes;
	}
}

void host_user_drop(__u64 address)
{
	struct page *page = find_page(address);

	free(page->bytes);
	page->bytes = NULL;
}

long host_user_read(void *to, __u32 size, __u64 address)
{
	char *next = to;

	for (__u32 left = size; left;) {
		size_t bytes = part(address, left);
		const struct page *page = find_page(address);

		if (!page->bytes) {
			memset(to, 0, size);
			return -EFAULT;
		}
		memcpy(next, page->bytes + address % HOST_PAGE, bytes);
		next += bytes;
		address += bytes;
		left -= bytes;
	}
	return 0;
}

void *host_kernel_new(size_t size)
{
	HOST_CHECK(nr_objects < MAX_OBJECTS);
	objects[nr_objects].memory = xcalloc(1, size);
	objects[nr_objects].size = size;
	return objects[nr_objects++].memory;
}

static bool holds(const void *memory, size_t bytes, __u64 address, __u32 size)
{
	__u64 start = (uintptr_t)memory;

	return memory && address >= start && size <= bytes && address - start <= bytes - size;
}

static bool is_kernel_memory(__u64 address, __u32 size)
{
	if (holds(areas, HOST_CPUS * AREA_BYTES, address, size) ||
	    holds(&host.registers, sizeof(host.registers), address, size))
		return true;
	for (size_t i = 0; i < nr_objects; i++)
		if (holds(objects[i].memory, objects[i].size, address, size))
			return true;
	return false;
}

long host_kernel_read(void *to, __u32 size, __u64 address)
{
	__u64 pptrs;

	if (is_kernel_memory(address, size)) {
		memcpy(to, (const void *)(uintptr_t)address, size);
		return 0;
	}
	if (size == sizeof(pptrs) && host_map_pptrs(address, &pptrs)) {
		memcpy(to, &pptrs, size);
		return 0;
	}
	memset(to, 0, size);
	return -EFAULT;
}

__u64 host_percpu_new(size_t size)
{
	__u64 offset = area_used;

	if (!areas) {
		areas = mmap(NULL, HOST_CPUS * AREA_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		HOST_CHECK(areas != MAP_FAILED);
	}
	area_used += (size + 15) & ~(size_t)15;
	HOST_CHECK(area_used <= AREA_BYTES);
	return offset;
}

void *host_percpu_at(__u32 cpu, __u64 offset)
{
	HOST_CHECK(cpu < HOST_CPUS);
	return areas + cpu * AREA_BYTES + offset;
}

void host_memory_reset(void)
{
	for (__u32 i = 0; i < PAGE_SLOTS; i++)
		free(pages[i].bytes);
	memset(pages, 0, sizeof(pages));
	nr_pages = 0;
	while (nr_objects)
		free(objects[--nr_objects].memory);
	if (areas)
		munmap(areas, HOST_CPUS * AREA_BYTES);
	areas = NULL;
	area_used = FIRST_OFFSET;
}
