/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a process's memory is resident, as readers of allocators see it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "heap_process.h"

#define HUGE_BYTES (2UL << 20)
#define NR_READ 100UL /* and never written */
#define NR_SHARED 7UL /* before the fork */
#define PATTERN 0x5a
#define VAST_BYTES (8UL << 40)
#define MOMENT_NS 500000000ULL

static uint8_t *small, *huge, *vast;

static uint8_t *map(size_t bytes, int advice)
{
	uint8_t *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(start != MAP_FAILED);
	madvise(start, bytes, advice);
	return start;
}

/* Pages that were read, then some that zeros were written to, then some that nobody touched. */
static int map_memory(void **state)
{
	volatile uint8_t seen;

	small = map(HUGE_BYTES, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < NR_READ; i++)
		seen = small[i * HEAP_PAGE_BYTES];
	for (size_t i = NR_READ; i < NR_READ + NR_SHARED; i++)
		memset(small + i * HEAP_PAGE_BYTES, 0, HEAP_PAGE_BYTES);
	huge = map(4 * HUGE_BYTES, MADV_HUGEPAGE);
	huge = (uint8_t *)(((uintptr_t)huge + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	seen = huge[0];
	(void)seen;
	vast = map(VAST_BYTES, MADV_NOHUGEPAGE);
	vast[VAST_BYTES - HEAP_PAGE_BYTES] = PATTERN;
	return 0;
}

/* A process that has mapped what this one has, and of its own has read `huge` from 2 MiB on and
 * written a page of it from 4 MiB on. */
static pid_t begin_process(void)
{
	volatile uint8_t seen;
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		madvise(huge + 2 * HUGE_BYTES, HUGE_BYTES, MADV_NOHUGEPAGE);
		seen = huge[HUGE_BYTES];
		huge[2 * HUGE_BYTES] = PATTERN;
		(void)seen;
		(void)!write(ready[1], "", 1);
	}
	while (!pid)
		pause();
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct view {
	struct process_memory process;
	struct process_maps maps;
	struct heap_memory *heap;
};

static void open_view(struct view *view, pid_t pid)
{
	*view = (struct view){ .process = PROCESS_MEMORY_NONE };
	assert_int_equal(process_memory_open(&view->process, pid), 0);
	assert_int_equal(process_maps_read(pid, &view->maps), 0);
	view->heap = heap_process_new(&view->process, &view->maps, UINT64_MAX);
}

static void close_view(struct view *view)
{
	heap_memory_free(view->heap);
	process_maps_clear(&view->maps);
	process_memory_close(&view->process);
}

static uint64_t resident(struct view *view, const uint8_t *start, size_t bytes)
{
	return heap_memory_resident_bytes(view->heap, (uintptr_t)start, (uintptr_t)start + bytes);
}

/* The zero page is there, can be read, and is in no RSS; neither is the huge one. A page
 * of zeros that is shared since a fork is in it. */
static void test_zero_pages(void **state)
{
	pid_t pid = begin_process();
	struct view view;
	uint8_t byte = 1;

	open_view(&view, pid);
	assert_true(heap_memory_is_resident(view.heap, (uintptr_t)small));
	assert_int_equal(heap_memory_read(view.heap, (uintptr_t)small, &byte, 1), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(resident(&view, small, HUGE_BYTES), NR_SHARED * HEAP_PAGE_BYTES);
	assert_int_equal(resident(&view, huge, 2 * HUGE_BYTES), 0);
	assert_int_equal(resident(&view, huge + 2 * HUGE_BYTES, HUGE_BYTES), HEAP_PAGE_BYTES);
	close_view(&view);
	end_process(pid);
}

/* Terabytes that nobody has touched take no time. */
static void test_reserved_addresses(void **state)
{
	uint64_t last = (uintptr_t)vast + VAST_BYTES - HEAP_PAGE_BYTES, found;
	pid_t pid = begin_process();
	struct utsname kernel;
	int major, minor;
	struct view view;

	open_view(&view, pid);
	heap_memory_set_deadline(view.heap, clock_ns() + MOMENT_NS);
	found = heap_memory_next(view.heap, (uintptr_t)vast, last + HEAP_PAGE_BYTES);
	close_view(&view);
	end_process(pid);
	uname(&kernel);
	if (found != last && sscanf(kernel.release, "%d.%d", &major, &minor) == 2 &&
	    major * 1000 + minor < 6007)
		skip();
	assert_int_equal(found, last);
}

/* What a program has made read-only can be read; what it has closed still counts. */
static void test_protected_memory(void **state)
{
	uint8_t *start = map(4 * HEAP_PAGE_BYTES, MADV_NOHUGEPAGE);
	uint64_t address = (uintptr_t)start;
	struct view view;
	uint8_t byte = 0;
	pid_t pid;

	memset(start, PATTERN, 4 * HEAP_PAGE_BYTES);
	mprotect(start + HEAP_PAGE_BYTES, HEAP_PAGE_BYTES, PROT_READ);
	mprotect(start + 2 * HEAP_PAGE_BYTES, HEAP_PAGE_BYTES, PROT_NONE);
	pid = begin_process();
	open_view(&view, pid);
	assert_int_equal(heap_memory_read(view.heap, address + HEAP_PAGE_BYTES, &byte, 1), 0);
	assert_int_equal(byte, PATTERN);
	assert_null(heap_memory_range(view.heap, address + 2 * HEAP_PAGE_BYTES));
	for (size_t i = 0; i < view.heap->nr_ranges; i++)
		view.heap->most_bytes -= view.heap->ranges[i].end - view.heap->ranges[i].start;
	assert_true(view.heap->most_bytes >= HEAP_PAGE_BYTES);
	close_view(&view);
	end_process(pid);
	munmap(start, 4 * HEAP_PAGE_BYTES);
}

#define PRESENT (1ULL << 63)
#define EXCLUSIVE (1ULL << 56)

static uint64_t count_bits(const uint64_t *bits)
{
	uint64_t count = 0;

	for (size_t i = 0; i < HEAP_WINDOW_WORDS; i++)
		count += (uint64_t)__builtin_popcountll(bits[i]);
	return count;
}

/* Of 4 KB each, as on x86-64, and of 16 and 64 KB, as a kernel of arm64 may have. */
static void test_larger_pages(void **state)
{
	static const size_t sizes[] = { 1, 4, 16 };
	static const uint64_t entries[] = { 0, PRESENT | EXCLUSIVE, 0, PRESENT };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct heap_pages pages = { 0 };
		size_t size = sizes[i];

		heap_process_note_pages(entries, 4, size, &pages);
		assert_int_equal(count_bits(pages.present), 2 * size);
		assert_int_equal(count_bits(pages.may_be_zero), size);
		for (size_t page = 0; page < 4 * size; page++) {
			assert_int_equal(pages.present[page / 64] >> page % 64 & 1,
					 page / size % 2);
			assert_int_equal(pages.may_be_zero[page / 64] >> page % 64 & 1,
					 page / size == 3);
		}
	}
}

/* More than a window has are left out. */
static void test_pages_of_a_window(void **state)
{
	uint64_t entries[HEAP_WINDOW_PAGES / 16 + 1];
	struct heap_pages pages = { 0 };

	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		entries[i] = PRESENT;
	heap_process_note_pages(entries, sizeof(entries) / sizeof(*entries), 16, &pages);
	assert_int_equal(count_bits(pages.present), HEAP_WINDOW_PAGES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_larger_pages),	 cmocka_unit_test(test_pages_of_a_window),
		cmocka_unit_test(test_zero_pages),	 cmocka_unit_test(test_reserved_addresses),
		cmocka_unit_test(test_protected_memory),
	};

	return cmocka_run_group_tests_name("heap_process", tests, map_memory, NULL);
}
