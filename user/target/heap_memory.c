/* SPDX-License-Identifier: BSD-2-Clause */
/* Resident memory of allocators; see heap_memory.h. */
#include "heap_memory.h"

#include <errno.h>

#include "clock.h"
#include "memory.h"

struct heap_memory *heap_memory_new(const struct heap_source *source, uint64_t deadline_ns)
{
	struct heap_memory *memory = xcalloc(1, sizeof(*memory));

	memory->source = *source;
	memory->deadline_ns = deadline_ns;
	return memory;
}

void heap_memory_free(struct heap_memory *memory)
{
	if (!memory)
		return;
	free(memory->ranges);
	free(memory);
}

void heap_memory_freep(struct heap_memory **memory)
{
	heap_memory_free(*memory);
}

void heap_memory_add(struct heap_memory *memory, struct heap_range range)
{
	struct heap_range *last = memory->ranges;

	if (last)
		last += memory->nr_ranges - 1;
	if (range.start >= range.end || (last && range.start < last->end))
		return;
	memory->most_bytes += range.end - range.start;
	if (last && range.start == last->end && range.is_brk == last->is_brk) {
		last->end = range.end;
		return;
	}
	memory->ranges = array_reserve(memory->ranges, &memory->capacity, memory->nr_ranges + 1,
				       sizeof(*memory->ranges));
	memory->ranges[memory->nr_ranges++] = range;
}

void heap_memory_add_closed(struct heap_memory *memory, uint64_t bytes)
{
	memory->most_bytes += bytes;
}

const struct heap_range *heap_memory_range(const struct heap_memory *memory, uint64_t address)
{
	size_t low = 0, high = memory->nr_ranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memory->ranges[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < memory->nr_ranges && memory->ranges[low].start <= address
		       ? &memory->ranges[low]
		       : NULL;
}

void heap_memory_forget(struct heap_memory *memory)
{
	for (size_t i = 0; i < HEAP_NR_WINDOWS; i++)
		memory->windows[i].number = 0;
}

void heap_memory_set_deadline(struct heap_memory *memory, uint64_t deadline_ns)
{
	memory->deadline_ns = deadline_ns;
	memory->is_late = false;
}

bool heap_memory_is_late(struct heap_memory *memory)
{
	if (!memory->is_late)
		memory->is_late = clock_ns() >= memory->deadline_ns;
	return memory->is_late;
}

uint64_t heap_memory_time_left(const struct heap_memory *memory)
{
	uint64_t now = clock_ns();

	return now < memory->deadline_ns ? memory->deadline_ns - now : 0;
}

void heap_memory_pause(const struct heap_memory *memory, uint64_t ns)
{
	if (memory->source.pause)
		memory->source.pause(memory->source.context, ns);
}

static struct heap_window *look_up(struct heap_memory *memory, uint64_t page)
{
	uint64_t number = page / HEAP_WINDOW_PAGES;
	struct heap_window *window = &memory->windows[number % HEAP_NR_WINDOWS];

	if (window->number != number + 1) {
		memory->source.look(memory->source.context, number * HEAP_WINDOW_PAGES,
				    &window->pages);
		window->number = number + 1;
		window->has_zero = false;
	}
	return window;
}

bool heap_memory_is_resident(struct heap_memory *memory, uint64_t address)
{
	uint64_t page = address / HEAP_PAGE_BYTES, bit = page % HEAP_WINDOW_PAGES;

	return look_up(memory, page)->pages.present[bit / 64] >> bit % 64 & 1;
}

uint64_t heap_memory_next(struct heap_memory *memory, uint64_t address, uint64_t end)
{
	uint64_t page = address / HEAP_PAGE_BYTES, last = end / HEAP_PAGE_BYTES;

	while (page < last) {
		uint64_t bit = page % HEAP_WINDOW_PAGES, word;

		if (!bit && heap_memory_is_late(memory))
			break;
		word = look_up(memory, page)->pages.present[bit / 64] >> bit % 64;
		if (word) {
			page += (uint64_t)__builtin_ctzll(word);
			return page < last ? page * HEAP_PAGE_BYTES : end;
		}
		page += 64 - bit % 64;
		if (page % HEAP_WINDOW_PAGES == 0 && page < last && memory->source.skip)
			page = memory->source.skip(memory->source.context, page, last);
	}
	return end;
}

/* Of a page that is there. */
static bool is_zero(struct heap_memory *memory, uint64_t address)
{
	uint64_t page = address / HEAP_PAGE_BYTES, bit = page % HEAP_WINDOW_PAGES;
	struct heap_window *window = look_up(memory, page);
	const uint64_t *word = &window->pages.may_be_zero[bit / 64];

	if (*word >> bit % 64 & 1 && !window->has_zero) {
		memory->source.find_zero(memory->source.context, page - bit, &window->pages);
		window->has_zero = true;
	}
	return *word >> bit % 64 & 1;
}

uint64_t heap_memory_resident_bytes(struct heap_memory *memory, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;

	while ((start = heap_memory_next(memory, start, end)) < end) {
		bytes += is_zero(memory, start) ? 0 : HEAP_PAGE_BYTES;
		start += HEAP_PAGE_BYTES;
	}
	return bytes;
}

int heap_memory_read_absent(struct heap_memory *memory, uint64_t address, void *to, size_t size)
{
	const struct heap_source *source = &memory->source;

	return source->read_absent ? source->read_absent(source->context, address, to, size)
				   : -ENXIO;
}

static bool are_resident(struct heap_memory *memory, uint64_t address, size_t size)
{
	uint64_t page = address & ~(HEAP_PAGE_BYTES - 1);

	for (; page < address + size; page += HEAP_PAGE_BYTES)
		if (!heap_memory_is_resident(memory, page))
			return false;
	return true;
}

static int read_part(struct heap_memory *memory, uint64_t address, void *to, size_t size)
{
	int err;

	if (heap_memory_is_resident(memory, address))
		return memory->source.read(memory->source.context, address, to, size);
	err = heap_memory_read_absent(memory, address, to, size);
	return err == -ENXIO ? -ENODATA : err;
}

int heap_memory_read_variable(struct heap_memory *memory, uint64_t address, void *to, size_t size)
{
	uint8_t *bytes = to;
	int err = 0;

	if (!size || address + size < address)
		return -EFAULT;
	if (are_resident(memory, address, size))
		return memory->source.read(memory->source.context, address, to, size);
	while (size && !err) {
		size_t part = HEAP_PAGE_BYTES - address % HEAP_PAGE_BYTES;

		if (part > size)
			part = size;
		err = read_part(memory, address, bytes, part);
		address += part;
		bytes += part;
		size -= part;
	}
	return err;
}

int heap_memory_read(struct heap_memory *memory, uint64_t address, void *to, size_t size)
{
	const struct heap_range *range = heap_memory_range(memory, address);

	if (!range || !size || size > range->end - address)
		return -EFAULT;
	if (!are_resident(memory, address, size))
		return -ENODATA;
	return memory->source.read(memory->source.context, address, to, size);
}
