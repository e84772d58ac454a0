/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a process, for readers of allocators; see heap_process.h. */
#include "heap_process.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "process_task.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PRESENT (1ULL << 63)
#define OF_FILE (1ULL << 61)
#define EXCLUSIVE (1ULL << 56) /* no other process maps it */

#define MAX_SKIP_PAGES (1UL << 24) /* 64 GiB */

/* As in <linux/fs.h> since 6.7. */
struct page_region {
	uint64_t start, end, categories;
};
struct pagemap_scan {
	uint64_t size, flags, start, end, walk_end, regions, nr_regions, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#undef PAGEMAP_SCAN
#define PAGEMAP_SCAN _IOWR('f', 16, struct pagemap_scan)
#define IS_PRESENT (1ULL << 3)

/* A mapping may have gone since it was listed: then less is read. */
static int read_bytes(void *context, uint64_t address, void *to, size_t size)
{
	return process_memory_fetch(context, address, to, size);
}

static int read_absent(void *context, uint64_t address, void *to, size_t size)
{
	return process_memory_read_absent(context, address, to, size);
}

/* Of memory without a file, only the huge zero page is a file's; the small one is nobody's, as what
 * is shared since a fork. */
static bool may_be_zero(uint64_t entry)
{
	return !(entry & EXCLUSIVE) || entry & OF_FILE;
}

static void mark(uint64_t *bits, size_t first, size_t count)
{
	for (size_t i = first; i < first + count && i < HEAP_WINDOW_PAGES; i++)
		bits[i / 64] |= 1ULL << i % 64;
}

void heap_process_note_pages(const uint64_t *entries, size_t nr_entries, size_t entry_pages,
			     struct heap_pages *ret)
{
	for (size_t i = 0; i < nr_entries; i++) {
		if (!(entries[i] & PRESENT))
			continue;
		mark(ret->present, i * entry_pages, entry_pages);
		if (may_be_zero(entries[i]))
			mark(ret->may_be_zero, i * entry_pages, entry_pages);
	}
}

/* Of 4 KB in a page of the kernel's: on arm64 up to 16. */
static size_t kernel_page_pages(void)
{
	return (size_t)sysconf(_SC_PAGESIZE) / HEAP_PAGE_BYTES;
}

static void look_at_pages(void *context, uint64_t first_page, struct heap_pages *ret)
{
	const struct process_memory *memory = context;
	uint64_t entries[HEAP_WINDOW_PAGES];
	size_t entry_pages = kernel_page_pages();
	ssize_t got;

	*ret = (struct heap_pages){ 0 };
	if (memory->pagemap < 0)
		memset(ret, 0xff, sizeof(*ret));
	if (memory->pagemap < 0)
		return;
	got = pread(memory->pagemap, entries, sizeof(entries) / entry_pages,
		    (off_t)(first_page / entry_pages * sizeof(*entries)));
	if (got > 0)
		heap_process_note_pages(entries, (size_t)got / sizeof(*entries), entry_pages, ret);
}

static bool has_only_zeros(struct process_memory *memory, uint64_t address)
{
	uint64_t words[HEAP_PAGE_BYTES / sizeof(uint64_t)];

	if (process_memory_fetch(memory, address, words, sizeof(words)))
		return true; /* it has gone meanwhile */
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i])
			return false;
	return true;
}

/* Pages that move_pages() is asked for, which moves none without nodes to move them to. */
struct page_query {
	uint64_t addresses[HEAP_WINDOW_PAGES];
	int status[HEAP_WINDOW_PAGES]; /* -EFAULT: the zero page, -ENOENT: gone */
	size_t count;
};

/* Without move_pages() (a kernel without CONFIG_NUMA, a container that forbids it) a shared page
 * of nothing but zeros is taken for the zero page. */
static void find_zero(void *context, uint64_t first_page, struct heap_pages *pages)
{
	const struct process_memory *memory = context;
	_cleanup_(freep) struct page_query *query = xmalloc(sizeof(*query));
	bool can_tell;

	query->count = 0;
	for (uint64_t i = 0; i < HEAP_WINDOW_PAGES; i++)
		if (pages->may_be_zero[i / 64] >> i % 64 & 1)
			query->addresses[query->count++] = (first_page + i) * HEAP_PAGE_BYTES;
	can_tell = !syscall(SYS_move_pages, process_task(memory->pid), query->count,
			    query->addresses, NULL, query->status, 0);
	for (size_t i = 0; i < query->count; i++) {
		uint64_t bit = query->addresses[i] / HEAP_PAGE_BYTES - first_page;

		if (can_tell ? query->status[i] >= 0
			     : !has_only_zeros(context, query->addresses[i]))
			pages->may_be_zero[bit / 64] &= ~(1ULL << bit % 64);
	}
}

/*
 * Over page tables that are not there, which the kernel does in a step, where reading pagemap has
 * an entry for each page. Since Linux 6.7; its headers here may be older. In pieces, for the time.
 */
static uint64_t skip_absent(void *context, uint64_t page, uint64_t last)
{
	const struct process_memory *memory = context;
	const uint64_t end = last - page > MAX_SKIP_PAGES ? page + MAX_SKIP_PAGES : last;
	const uint64_t first = page - page % kernel_page_pages();
	struct page_region found = { 0 };
	struct pagemap_scan scan = {
		.size = sizeof(scan),
		.start = first * HEAP_PAGE_BYTES,
		.end = end * HEAP_PAGE_BYTES,
		.regions = (uintptr_t)&found,
		.nr_regions = 1,
		.max_pages = 1,
		.category_mask = IS_PRESENT,
		.return_mask = IS_PRESENT,
	};
	int count = ioctl(memory->pagemap, PAGEMAP_SCAN, &scan);

	if (count < 0)
		return page;
	if (!count)
		return end;
	return found.start / HEAP_PAGE_BYTES > page ? found.start / HEAP_PAGE_BYTES : page;
}

static void pause_reading(void *context, uint64_t ns)
{
	const struct timespec pause = { .tv_nsec = (long)ns };

	nanosleep(&pause, NULL);
}

/* An allocator's: what has a file behind it, stacks, and what the kernel maps ([vdso], [vvar]) are
 * not. Blocks may have been made read-only since. */
static bool may_be_heap(const struct process_mapping *mapping)
{
	return mapping->is_private && !mapping->file.ino &&
	       strncmp(mapping->path, "[stack", strlen("[stack")) != 0 &&
	       strncmp(mapping->path, "[v", strlen("[v")) != 0;
}

static bool is_own(const struct process_mapping *mapping)
{
	return mapping->is_private && mapping->is_writable;
}

static struct heap_memory *new_memory(struct process_memory *memory,
				      const struct process_maps *maps, uint64_t deadline_ns,
				      bool (*is_wanted)(const struct process_mapping *mapping))
{
	const struct heap_source source = {
		.read = read_bytes,
		.read_absent = read_absent,
		.look = look_at_pages,
		.find_zero = find_zero,
		.skip = skip_absent,
		.context = memory,
		.pause = pause_reading,
	};
	struct heap_memory *heap = heap_memory_new(&source, deadline_ns);

	for (size_t i = 0; i < maps->nr_mappings; i++) {
		const struct process_mapping *mapping = &maps->mappings[i];

		if (is_wanted(mapping) && mapping->is_readable)
			heap_memory_add(heap, (struct heap_range){
						      mapping->start,
						      mapping->end,
						      !strcmp(mapping->path, "[heap]"),
					      });
		else if (is_wanted(mapping))
			heap_memory_add_closed(heap, mapping->end - mapping->start);
	}
	return heap;
}

struct heap_memory *heap_process_new(struct process_memory *memory, const struct process_maps *maps,
				     uint64_t deadline_ns)
{
	return new_memory(memory, maps, deadline_ns, may_be_heap);
}

struct heap_memory *heap_process_new_own(struct process_memory *memory,
					 const struct process_maps *maps, uint64_t deadline_ns)
{
	return new_memory(memory, maps, deadline_ns, is_own);
}
