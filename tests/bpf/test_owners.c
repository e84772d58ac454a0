/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/owners.h, marks.h, moving.h, moves.h, held.h: who holds which page, through everything that
 * the kernel does with pages. Three threads without Python, each a path of its own, stand for three
 * functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "memory.h"
#include "python_memory.h"
#include "session.h"

#define BASE 0x7f1200000000ULL
#define PAGE 4096ULL
#define HUGE 512 /* pages */
#define REGION_BYTES (HUGE * PAGE)
#define NR_THREADS 3
#define OWNER_SHIFT 22 /* of the kind: bpf/regions.h */
#define MAX_REGIONS 4096
#define NOWHERE 0x7a0000000000ULL /* nothing is looked for */
#define SOME 40			  /* pages that are released while others come */

#define MAP_FIXED 0x10
#define MAP_POPULATE 0x8000
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define MADV_DONTNEED 4
#define MADV_FREE 8
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#define ADVICE 0x7fff00001000ULL /* where the caller has what it asks of process_madvise */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#define MADV_COLLAPSE 25

static const char *const names[NR_THREADS] = { "a", "b", "c" };
static struct task_struct *threads[NR_THREADS];
static struct mm_struct *mm;

static void open_session(__u32 max_regions)
{
	session_open(SESSION_PERCPU);
	session_ask_owners(max_regions);
	mm = session_threads(100, names, NR_THREADS, threads);
}

static void open_fixture(void)
{
	open_session(MAX_REGIONS);
}

/* With room for what so many rows hold. */
static void open_short_of_rows(__u32 limit)
{
	session_open(SESSION_PERCPU);
	session_ask_owners(MAX_REGIONS);
	session_limit_held(limit);
	mm = session_threads(100, names, NR_THREADS, threads);
}

/* What every image's nodes hold is its books, and the books are the kernel's counters. */
static void check_sums(const struct mm_struct *image_mm)
{
	__s64 sums[NR_KINDS];

	session_sum_held(image_mm, sums);
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		assert_int_equal(sums[kind], session_image(image_mm)->books[kind]);
		assert_int_equal(sums[kind], machine_percpu_sum(image_mm, kind));
	}
}

static void close_session(void)
{
	check_sums(mm);
	session_check();
	session_close();
}

static __s32 live_of(const struct mm_struct *image_mm, __u32 id, __u32 kind)
{
	const struct wire_held *held = id ? session_held(id) : NULL;

	return held ? held->live[kind] : 0;
}

static __s32 live(int thread, __u32 kind)
{
	return live_of(mm, session_find_named(mm, names[thread]), kind);
}

static __s32 row_live(enum wire_site_kind row, __u32 kind)
{
	return live_of(mm, session_find_kind(mm, row), kind);
}

/* Whose a page is, by the thread's number; -1: nobody's, or no thread's. */
static int owner_at(__u64 address)
{
	__u32 owner = session_owner(mm, address);

	for (int i = 0; owner && i < NR_THREADS; i++)
		if ((owner & ((1U << OWNER_SHIFT) - 1)) == session_find_named(mm, names[i]))
			return i;
	return -1;
}

/* A page fault of a thread that brings so many pages. */
static void touch(int thread, __u64 address, __u32 kind, __s32 pages)
{
	machine_run(threads[thread]);
	session_touch(address);
	session_change(mm, kind, pages);
}

static void touch_each(int thread, __u64 address, __u32 pages)
{
	for (__u32 i = 0; i < pages; i++)
		touch(thread, address + i * PAGE, KIND_ANON, 1);
}

/* The events of a system call: a page table at a time, `pages` of a kind in all. */
static void release(int thread, __u32 kind, __u32 pages)
{
	machine_run(threads[thread]);
	for (__u32 done = 0, step; done < pages; done += step) {
		step = pages - done < HUGE ? pages - done : HUGE;
		session_change(mm, kind, -(__s32)step);
	}
}

static void unmap(int thread, __u64 address, __u64 pages, __u32 resident)
{
	session_enter(NR_munmap, address, pages * PAGE, 0);
	release(thread, KIND_ANON, resident);
}

static void test_touches(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 10);
	touch_each(1, BASE + 10 * PAGE, 20);
	touch(2, BASE + 30 * PAGE, KIND_SHMEM, 1);
	assert_int_equal(live(0, KIND_ANON), 10);
	assert_int_equal(live(1, KIND_ANON), 20);
	assert_int_equal(live(2, KIND_SHMEM), 1);
	assert_int_equal(live(2, KIND_ANON), 0);
	assert_int_equal(owner_at(BASE + 9 * PAGE), 0);
	assert_int_equal(owner_at(BASE + 10 * PAGE), 1);
	close_session();
}

/* A page that somebody else gives back is its owner's loss. */
static void test_release_by_another(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 600);
	touch_each(1, BASE + 600 * PAGE, 600);
	unmap(2, BASE + 500 * PAGE, 200, 200);
	assert_int_equal(live(0, KIND_ANON), 500);
	assert_int_equal(live(1, KIND_ANON), 500);
	assert_int_equal(live(2, KIND_ANON), 0);
	session_enter(NR_madvise, BASE, 1200 * PAGE, MADV_DONTNEED);
	release(1, KIND_ANON, 1000);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(live(1, KIND_ANON), 0);
	assert_int_equal(session_count_regions(), 2); /* they may be touched again */
	close_session();
}

/* A release is told by kind: file pages first, then anonymous ones, of each page table. */
static void test_release_by_kind(void **state)
{
	(void)state;
	open_fixture();
	for (__u32 i = 0; i < 2 * HUGE; i++)
		touch((int)i % 2, BASE + i * PAGE, i % 4 < 2 ? KIND_FILE : KIND_ANON, 1);
	machine_run(threads[2]);
	session_enter(NR_munmap, BASE, REGION_BYTES, 0);
	session_change(mm, KIND_FILE, -HUGE / 2);
	session_change(mm, KIND_ANON, -HUGE / 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(live(i, KIND_FILE), HUGE / 4);
		assert_int_equal(live(i, KIND_ANON), HUGE / 4);
	}
	assert_int_equal(session_owner(mm, BASE + 5 * PAGE), 0);
	assert_int_equal(session_count_regions(), 1);
	close_session();
}

/* Of a fault-around whose pages cannot be read the fault's is known, and that the others lie in its
 * window. */
static void test_fault_around(void **state)
{
	(void)state;
	open_fixture();
	touch(0, BASE + 5 * PAGE, KIND_FILE, 16);
	assert_int_equal(live(0, KIND_FILE), 16);
	for (int i = 0; i < 16; i++)
		assert_int_equal(owner_at(BASE + i * PAGE), 0);
	touch(1, BASE + 20 * PAGE, KIND_FILE, 3);
	assert_int_equal(owner_at(BASE + 20 * PAGE), 1);
	assert_int_equal(owner_at(BASE + 16 * PAGE), 1);
	assert_int_equal(owner_at(BASE + 17 * PAGE), 1);
	/* A page that the guess gave to another, read or written: that has the next instead. */
	touch(2, BASE + 17 * PAGE, KIND_FILE, 1);
	touch(2, BASE + 16 * PAGE, KIND_ANON, 1);
	assert_int_equal(live(1, KIND_FILE), 3);
	assert_int_equal(live(2, KIND_FILE), 1);
	assert_int_equal(live(2, KIND_ANON), 1);
	assert_int_equal(owner_at(BASE + 18 * PAGE), 1);
	assert_int_equal(owner_at(BASE + 19 * PAGE), 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), 0);
	/* Where no page around it is left its going was missed. */
	touch(2, BASE + 21 * PAGE, KIND_FILE, 11);
	touch_each(0, BASE + 32 * PAGE, 15);
	touch(0, BASE + 18 * PAGE, KIND_FILE, 1);
	assert_int_equal(live(1, KIND_FILE), 2);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), 1);
	/* A mapping that begins within the window: it goes on for as much from there. */
	touch(2, BASE + 60 * PAGE, KIND_SHMEM, 16);
	assert_int_equal(live(2, KIND_SHMEM), 16);
	unmap(1, BASE + 48 * PAGE, 80, 0);
	session_change(mm, KIND_SHMEM, -16);
	assert_int_equal(live(2, KIND_SHMEM), 0);
	/* A large folio, aligned to its size. */
	touch(2, BASE + 100 * PAGE, KIND_ANON, 64);
	assert_int_equal(owner_at(BASE + 64 * PAGE), 2);
	assert_int_equal(owner_at(BASE + 127 * PAGE), 2);
	close_session();
}

static void map_pages(__u64 first, __u64 pages)
{
	for (__u64 i = 0; i < pages; i++)
		host_user_write(BASE + (first + i) * PAGE, "", 1);
}

/* A fault at `page` that brings pages of a file from `first` on: mapped, then counted. */
static void bring_file(int thread, __u64 page, __u64 first, __s32 pages)
{
	map_pages(first, (__u64)pages);
	touch(thread, BASE + page * PAGE, KIND_FILE, pages);
}

static void check_owner(__u64 first, __u64 pages, int owner)
{
	for (__u64 i = 0; i < pages; i++)
		assert_int_equal(owner_at(BASE + (first + i) * PAGE), owner);
}

/* Large folios of the page cache, which are aligned by the offset in the file. */
static void test_large_folios(void **state)
{
	(void)state;
	open_fixture();
	bring_file(0, 40, 21, 32);
	bring_file(1, 12, 5, 16);
	/* The rest of a window, behind it a folio. */
	bring_file(2, 54, 53, 11 + 64);
	bring_file(1, 230, 165, 128);
	/* At the ends of a page table. */
	bring_file(0, HUGE - 1, HUGE - 16, 16);
	bring_file(1, HUGE, HUGE, 8);
	check_owner(0, 5, -1);
	check_owner(5, 16, 1);
	check_owner(21, 32, 0);
	check_owner(53, 11 + 64, 2);
	check_owner(128, 165 - 128, -1);
	check_owner(165, 128, 1);
	check_owner(HUGE - 16, 16, 0);
	check_owner(HUGE, 8, 1);
	check_owner(HUGE + 8, 8, -1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), 0);
	close_session();
}

/* What is ready around a fault is mapped and counted before its own page has been read. */
static void test_own_page_later(void **state)
{
	(void)state;
	open_fixture();
	map_pages(25, 7);
	touch(0, BASE + 20 * PAGE, KIND_FILE, 7);
	check_owner(20, 1, -1);
	map_pages(18, 4);
	session_change(mm, KIND_FILE, 4);
	check_owner(18, 4, 0);
	check_owner(22, 3, -1);
	check_owner(25, 7, 0);
	/* One page, where others have marks. */
	map_pages(23, 1);
	touch(1, BASE + 24 * PAGE, KIND_FILE, 1);
	check_owner(23, 1, 1);
	check_owner(24, 1, -1);
	map_pages(24, 1);
	session_change(mm, KIND_FILE, 1);
	check_owner(24, 1, 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), 0);
	close_session();
}

/* Pages around a fault may be told of one by one (kernels to 6.5), and the fault's own after them,
 * where it had to be read from the disk. */
static void test_fault_around_in_parts(void **state)
{
	(void)state;
	open_fixture();
	touch(0, BASE + 5 * PAGE, KIND_FILE, 3);
	session_change(mm, KIND_FILE, 1);
	assert_int_equal(live(0, KIND_FILE), 4);
	touch(0, BASE + 40 * PAGE, KIND_FILE, 1);
	for (int i = 0; i < 15; i++)
		session_change(mm, KIND_FILE, 1);
	for (int i = 32; i < 48; i++)
		assert_int_equal(owner_at(BASE + i * PAGE), 0);
	assert_int_equal(live(0, KIND_FILE), 4 + 16);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), 0);
	close_session();
}

/* A write puts a page of the task's own in the place of the file's. */
static void test_copy_on_write(void **state)
{
	(void)state;
	open_fixture();
	touch(0, BASE, KIND_FILE, 16);
	machine_run(threads[1]);
	session_touch(BASE + 3 * PAGE);
	session_change(mm, KIND_FILE, -1);
	session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_FILE), 15);
	assert_int_equal(live(1, KIND_ANON), 1);
	assert_int_equal(owner_at(BASE + 3 * PAGE), 1);
	close_session();
}

static void copy_file_page(int thread, __u64 address)
{
	machine_run(threads[thread]);
	session_touch(address);
	session_change(mm, KIND_FILE, -1);
	session_change(mm, KIND_ANON, 1);
}

/* A page of a file that has no mark: it was there at an attach, or it is one of those around a
 * fault of which it was guessed which they are. Then another has its mark, and is not there. */
static void test_copy_of_unmarked(void **state)
{
	const __u64 around = BASE + 64 * PAGE;

	(void)state;
	open_fixture();
	for (int i = 0; i < 32; i++)
		host_user_write(BASE + i * PAGE, "", 1);
	touch(0, BASE + 16 * PAGE, KIND_FILE, 16);
	for (int i = 0; i < 16; i++)
		copy_file_page(1, BASE + i * PAGE);
	assert_int_equal(live(0, KIND_FILE), 16);
	assert_int_equal(live(1, KIND_ANON), 16);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), -16);
	touch(2, around + 9 * PAGE, KIND_FILE, 3);
	for (int i = 9; i < 12; i++)
		host_user_write(around + i * PAGE, "", 1);
	assert_int_equal(owner_at(around + 10 * PAGE), -1);
	copy_file_page(1, around + 10 * PAGE);
	assert_int_equal(live(2, KIND_FILE), 2);
	copy_file_page(1, around + 11 * PAGE);
	assert_int_equal(live(2, KIND_FILE), 1);
	assert_int_equal(owner_at(around + 9 * PAGE), 2);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), -16);
	close_session();
}

/* A whole huge page is one word; it may go as a whole, or in parts. */
static void test_huge_pages(void **state)
{
	(void)state;
	open_fixture();
	touch(0, BASE + 7 * PAGE, KIND_ANON, HUGE);
	touch(1, BASE + REGION_BYTES, KIND_ANON, HUGE);
	assert_int_equal(live(0, KIND_ANON), HUGE);
	unmap(2, BASE, HUGE, HUGE);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(session_count_regions(), 1);
	unmap(2, BASE + REGION_BYTES + 100 * PAGE, 50, 50);
	assert_int_equal(live(1, KIND_ANON), HUGE - 50);
	assert_int_equal(owner_at(BASE + REGION_BYTES + 100 * PAGE), -1);
	assert_int_equal(owner_at(BASE + REGION_BYTES + 150 * PAGE), 1);
	touch_each(2, BASE + REGION_BYTES + 100 * PAGE, 50);
	unmap(2, BASE, 2 * HUGE, HUGE);
	assert_int_equal(session_count_regions(), 0);
	close_session();
}

/* Huge pages of a file's, each of a thread. */
static void touch_file_huge(__u32 kind)
{
	open_fixture();
	for (int i = 0; i < NR_THREADS; i++) {
		touch(i, BASE + (__u64)i * REGION_BYTES + 5 * PAGE, kind, HUGE);
		for (int page = 0; page < HUGE; page++)
			host_user_write(BASE + (i * HUGE + page) * PAGE, "", 1);
	}
	machine_run(threads[2]);
}

/* One of them is not mapped any more. */
static void take_out(int which, __u32 kind)
{
	for (int page = 0; page < HUGE; page++)
		host_user_drop(BASE + (which * HUGE + page) * PAGE);
	session_change(mm, kind, -HUGE);
}

static void check_huge(__u32 kind, __s32 first, __s32 second, __s32 third)
{
	assert_int_equal(live(0, kind), first * HUGE);
	assert_int_equal(live(1, kind), second * HUGE);
	assert_int_equal(live(2, kind), third * HUGE);
	assert_int_equal(row_live(SITE_UNOWNED, kind), 0);
	close_session();
}

/* Whatever a call does with a part of a file's huge page, the kernel takes out all of it. */
static void test_cut_huge_pages(void **state)
{
	static const unsigned long calls[] = { NR_munmap, NR_madvise, NR_mmap, NR_mprotect,
					       NR_mlock };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(calls); i++) {
		const __u32 kind = i % 2 ? KIND_SHMEM : KIND_FILE;

		touch_file_huge(kind);
		session_enter(calls[i / 2], BASE + REGION_BYTES + 100 * PAGE, 100 * PAGE, 4);
		take_out(1, kind);
		check_huge(kind, 1, 0, 1);
		/* From the begin of one to the middle of another: that goes first, or last. */
		touch_file_huge(kind);
		session_enter(calls[i / 2], BASE, 2 * REGION_BYTES + 100 * PAGE, 4);
		take_out(i < 4 ? 0 : 2, kind);
		check_huge(kind, i >= 4, 1, i < 4);
	}
}

/* At both ends small pages, too: those beyond the range stay. */
static void test_cut_beside_small(void **state)
{
	(void)state;
	touch_file_huge(KIND_SHMEM);
	session_enter(NR_munmap, BASE + 2 * REGION_BYTES, REGION_BYTES, 0);
	take_out(2, KIND_SHMEM);
	for (__u32 page = 0; page < HUGE; page++) {
		touch(2, BASE + 2 * REGION_BYTES + page * PAGE, KIND_SHMEM, 1);
		host_user_write(BASE + 2 * REGION_BYTES + page * PAGE, "", 1);
	}
	session_enter(NR_munmap, BASE + 100 * PAGE, 2 * REGION_BYTES, 0);
	take_out(0, KIND_SHMEM);
	assert_int_equal(live(0, KIND_SHMEM), 0);
	take_out(1, KIND_SHMEM);
	for (int page = 0; page < 100; page++)
		host_user_drop(BASE + (2 * HUGE + page) * PAGE);
	session_change(mm, KIND_SHMEM, -100);
	assert_int_equal(live(2, KIND_SHMEM), HUGE - 100);
	assert_int_equal(owner_at(BASE + 2 * REGION_BYTES + 100 * PAGE), 2);
	session_enter(NR_munmap, BASE, 3 * REGION_BYTES, 0);
	release(1, KIND_SHMEM, HUGE - 100);
	check_huge(KIND_SHMEM, 0, 0, 0);
}

/* The entries of a huge page that is split are set again one after the other, and so is counted
 * that the zero page comes in the place of one: `data` pages of each 64 hold something. */
static void split_huge(__u64 begin, int data)
{
	const __u64 something = 1, nothing = 0;

	for (int page = 0; page < HUGE; page++)
		host_user_drop(begin + page * PAGE);
	for (int page = 0; page < HUGE; page++) {
		if (page % 64 < data) {
			host_user_write(begin + page * PAGE, &something, sizeof(something));
		} else {
			host_user_write(begin + page * PAGE, &nothing, sizeof(nothing));
			session_change(mm, KIND_ANON, -1);
		}
	}
}

static void check_split(__u64 begin, int owner, int data)
{
	for (int page = 0; page < HUGE; page++)
		assert_int_equal(owner_at(begin + page * PAGE), page % 64 < data ? owner : -1);
}

/* Huge pages that are split where a call is for a part of them: what is all zeros goes, beside that
 * part, too. */
static void test_split_huge_pages(void **state)
{
	static const unsigned long advices[] = { MADV_FREE, MADV_COLD, MADV_PAGEOUT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
		open_fixture();
		for (int which = 0; which < NR_THREADS; which++) {
			touch(which, BASE + which * REGION_BYTES, KIND_ANON, HUGE);
			for (int page = 0; page < HUGE; page++)
				host_user_write(BASE + (which * HUGE + page) * PAGE, "x", 1);
		}
		machine_run(threads[0]);
		session_enter(NR_madvise, BASE + 300 * PAGE, 2 * REGION_BYTES, advices[i]);
		split_huge(BASE, 10);
		split_huge(BASE + 2 * REGION_BYTES, 63);
		assert_int_equal(live(0, KIND_ANON), 80);
		assert_int_equal(live(1, KIND_ANON), HUGE);
		assert_int_equal(live(2, KIND_ANON), 8 * 63);
		check_split(BASE, 0, 10);
		check_split(BASE + 2 * REGION_BYTES, 2, 63);
		assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
		close_session();
	}
}

/* malloc and free of one block: the same range, page by page, thousands of times. */
static void test_same_range(void **state)
{
	(void)state;
	open_fixture();
	for (int round = 0; round < 2000; round++) {
		touch_each(round % NR_THREADS, BASE + 100 * PAGE, 40);
		unmap(round % 2, BASE + 100 * PAGE, 40, 40);
		for (int i = 0; i < NR_THREADS; i++)
			assert_int_equal(live(i, KIND_ANON), 0);
	}
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* The thread that gives back has had no fault in between: its cursor stands where it was. */
static void test_same_range_touched_by_another(void **state)
{
	(void)state;
	open_fixture();
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 3; i++)
			touch_each(0, BASE + i * REGION_BYTES + round * PAGE, 5);
		session_enter(NR_madvise, BASE, 3 * REGION_BYTES, MADV_DONTNEED);
		machine_run(threads[1]);
		for (int i = 0; i < 3; i++)
			session_change(mm, KIND_ANON, -5);
		assert_int_equal(live(0, KIND_ANON), 0);
	}
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* What was filled without a fault goes, and is filled again, in one range. */
static void test_populate(void **state)
{
	(void)state;
	open_fixture();
	for (int round = 0; round < 100; round++) {
		machine_run(threads[1]);
		session_enter(NR_madvise, BASE, REGION_BYTES + 9 * PAGE, MADV_POPULATE_WRITE);
		for (int i = 0; i < HUGE + 9; i++)
			session_change(mm, KIND_ANON, 1);
		assert_int_equal(live(1, KIND_ANON), HUGE + 9);
		assert_int_equal(owner_at(BASE + REGION_BYTES + 8 * PAGE), 1);
		session_enter(NR_madvise, BASE, REGION_BYTES + 9 * PAGE, MADV_DONTNEED);
		release(1, KIND_ANON, HUGE + 9);
		assert_int_equal(live(1, KIND_ANON), 0);
	}
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* Pages of the caller's own come in the place of a private file's that another has read: without a
 * fault that would tell which. */
static void test_copies_without_faults(void **state)
{
	static const unsigned long calls[] = { NR_mlock, NR_mprotect, NR_read, NR_pread64 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const bool is_read = calls[i] == NR_read || calls[i] == NR_pread64;

		open_fixture();
		for (int page = 0; page < 64; page++)
			host_user_write(BASE + page * PAGE, "", 1);
		for (int window = 0; window < 4; window++)
			touch(0, BASE + window * 16 * PAGE, KIND_FILE, 16);
		machine_run(threads[1]);
		session_enter(calls[i], is_read ? 3 : BASE + 8 * PAGE,
			      is_read ? BASE + 8 * PAGE : 48 * PAGE, 48 * PAGE);
		for (int page = 8; page < 56; page++) {
			session_change(mm, KIND_FILE, -1);
			session_change(mm, KIND_ANON, 1);
			assert_int_equal(owner_at(BASE + page * PAGE), 1);
		}
		assert_int_equal(live(0, KIND_FILE), 16);
		assert_int_equal(live(1, KIND_ANON), 48);
		assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), 0);
		close_session();
	}
}

/* Where all memory is locked brk fills what it adds to the heap, and mprotect what it makes one to
 * write to. */
static void test_locked_heap(void **state)
{
	(void)state;
	open_fixture();
	for (int round = 0; round < 3; round++) {
		const __u64 begin = BASE + round * 600 * PAGE;

		machine_run(threads[round]);
		mm->total_vm += 600;
		mm->brk += 600 * PAGE;
		session_enter(NR_brk, begin + 600 * PAGE, 0, 0);
		for (int page = 0; page < 600; page++)
			session_change(mm, KIND_ANON, 1);
		assert_int_equal(live(round, KIND_ANON), 600);
		assert_int_equal(owner_at(begin), round);
		assert_int_equal(owner_at(begin + 599 * PAGE), round);
	}
	machine_run(threads[0]);
	session_enter(NR_mprotect, BASE + 8 * REGION_BYTES, 33 * PAGE, 3);
	for (int page = 0; page < 33; page++)
		session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_ANON), 633);
	assert_int_equal(owner_at(BASE + 8 * REGION_BYTES + 32 * PAGE), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* Small pages become a huge one: whose they were keeps them, and the holes are the call's. Only
 * what is whole in the range. */
static void test_collapse(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE + REGION_BYTES, HUGE / 2);
	machine_run(threads[1]);
	session_enter(NR_madvise, BASE + PAGE, 3 * REGION_BYTES - 2 * PAGE, MADV_COLLAPSE);
	for (int i = 0; i < HUGE / 2; i++)
		session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_ANON), HUGE / 2);
	assert_int_equal(live(1, KIND_ANON), HUGE / 2);
	assert_int_equal(owner_at(BASE + PAGE), -1);
	assert_int_equal(owner_at(BASE + REGION_BYTES + HUGE / 2 * PAGE), 1);
	/* To the end of the page in which the range ends. */
	touch_each(0, BASE + 2 * REGION_BYTES, HUGE - 3);
	machine_run(threads[1]);
	session_enter(NR_madvise, BASE + 2 * REGION_BYTES, REGION_BYTES - 100, MADV_COLLAPSE);
	for (int i = 0; i < 3; i++)
		session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(1, KIND_ANON), HUGE / 2 + 3);
	unmap(2, BASE, 3 * HUGE, 2 * HUGE);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(live(1, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* Of shared memory and of files the small pages are taken out first. What has none yet is the
 * call's, too. */
static void test_collapse_of_shared(void **state)
{
	static const __s32 there[] = { HUGE, HUGE / 4, 0 };

	(void)state;
	open_fixture();
	for (int i = 0; i < 2; i++)
		for (__s32 page = 0; page < there[i]; page++)
			touch(page % 2 * 2, BASE + i * REGION_BYTES + page * PAGE, KIND_SHMEM, 1);
	machine_run(threads[1]);
	session_enter(NR_madvise, BASE, 3 * REGION_BYTES, MADV_COLLAPSE);
	for (int i = 0; i < 3; i++) {
		for (__s32 page = 0; page < there[i]; page++)
			session_change(mm, KIND_SHMEM, -1);
		session_change(mm, KIND_SHMEM, HUGE);
	}
	assert_int_equal(live(0, KIND_SHMEM), HUGE / 2 + HUGE / 8);
	assert_int_equal(live(2, KIND_SHMEM), HUGE / 2 + HUGE / 8);
	assert_int_equal(live(1, KIND_SHMEM), 2 * HUGE - HUGE / 4);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_SHMEM), 0);
	check_owner(1, 1, 2);
	check_owner(HUGE, 1, 0);
	check_owner(HUGE + HUGE / 4, 2 * HUGE - HUGE / 4, 1);
	close_session();
}

/* Another process's collapse takes small pages from here; a touch brings the huge one. */
static void test_huge_page_for_others(void **state)
{
	(void)state;
	open_fixture();
	for (__u64 page = 0; page < HUGE; page++)
		touch((int)(page % 2), BASE + page * PAGE, KIND_SHMEM, 1);
	touch(0, BASE + REGION_BYTES, KIND_SHMEM, HUGE);
	machine_run(machine_task_new(machine_mm_new(true), 200, 200, "other"));
	session_change(mm, KIND_SHMEM, -2 * HUGE);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_SHMEM), -2 * HUGE);
	touch(2, BASE + 5 * PAGE, KIND_SHMEM, HUGE);
	touch(2, BASE + REGION_BYTES + 5 * PAGE, KIND_SHMEM, HUGE);
	assert_int_equal(live(0, KIND_SHMEM), 0);
	assert_int_equal(live(1, KIND_SHMEM), 0);
	assert_int_equal(live(2, KIND_SHMEM), 2 * HUGE);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_SHMEM), 0);
	check_owner(0, 2 * HUGE, 2);
	close_session();
}

/* What has come in a call: mapped, then counted. */
static void bring_ready(__u64 first, __u64 pages, __u32 kind)
{
	map_pages(first, pages);
	session_change(mm, kind, (__s32)pages);
}

/* With a file's page that a call asks for comes what is ready around it, before the range and
 * behind it; within it in order. */
static void test_ready_around_calls(void **state)
{
	(void)state;
	open_fixture();
	machine_run(threads[1]);
	session_enter(NR_madvise, BASE + 24 * PAGE, PAGE, MADV_POPULATE_READ);
	bring_ready(16, 16, KIND_FILE);
	check_owner(15, 1, -1);
	check_owner(16, 16, 1);
	/* A large folio lies across the begin and another across the end. */
	session_enter(NR_madvise, BASE + 200 * PAGE, 150 * PAGE, MADV_POPULATE_READ);
	bring_ready(160, 64, KIND_FILE);
	for (__u64 page = 224; page < 320; page += 16)
		bring_ready(page, 16, KIND_FILE);
	bring_ready(320, 64, KIND_FILE);
	check_owner(32, 128, -1);
	check_owner(160, 224, 1);
	check_owner(384, 16, -1);
	/* What was there before has no mark either, and may not be taken for what comes. */
	session_image(mm)->opening_site = SITE_BEFORE;
	map_pages(1024, 80);
	session_enter(NR_madvise, BASE + 1024 * PAGE, 160 * PAGE, MADV_POPULATE_READ);
	bring_ready(1104, 16, KIND_FILE);
	check_owner(1024, 80, -1);
	session_enter(NR_madvise, BASE + 2008 * PAGE, PAGE, MADV_POPULATE_READ);
	bring_ready(2000, 16, KIND_FILE);
	check_owner(2000, 16, 1);
	session_image(mm)->opening_site = 0;
	/* Pages that are written past the page cache, from another file's. */
	machine_run(threads[2]);
	session_enter(NR_write, 3, BASE + 608 * PAGE, 32 * PAGE);
	bring_ready(608, 16, KIND_SHMEM);
	bring_ready(624, 16, KIND_SHMEM);
	check_owner(608, 32, 2);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_SHMEM), 0);
	close_session();
}

/* A huge page that a call on a part of it brings in is there as a whole. Which one of a range it is
 * tells what is there: an anonymous one is mapped before it is counted, that of a file later. */
static void test_huge_pages_of_calls(void **state)
{
	(void)state;
	open_fixture();
	machine_run(threads[0]);
	session_enter(NR_read, 3, BASE + 64 * PAGE, 64 * PAGE);
	session_change(mm, KIND_ANON, HUGE);
	session_enter(NR_mlock, BASE + 2 * REGION_BYTES - PAGE, PAGE, 0);
	session_change(mm, KIND_ANON, HUGE);
	assert_int_equal(live(0, KIND_ANON), 2 * HUGE);
	assert_int_equal(owner_at(BASE), 0);
	assert_int_equal(owner_at(BASE + REGION_BYTES), 0);
	assert_int_equal(owner_at(BASE + 2 * REGION_BYTES), -1);
	/* Behind these lies one without a mark, then holes. */
	machine_run(threads[1]);
	host_user_write(BASE + 2 * REGION_BYTES, "", 1);
	session_enter(NR_madvise, BASE + 100 * PAGE, 5 * REGION_BYTES, MADV_POPULATE_WRITE);
	for (int i = 3; i < 6; i++) {
		host_user_write(BASE + i * REGION_BYTES, "", 1);
		session_change(mm, KIND_ANON, HUGE);
		assert_int_equal(owner_at(BASE + i * REGION_BYTES), 1);
	}
	assert_int_equal(live(1, KIND_ANON), 3 * HUGE);
	assert_int_equal(owner_at(BASE + 2 * REGION_BYTES), -1);
	session_enter(NR_madvise, BASE, 7 * REGION_BYTES, MADV_POPULATE_WRITE);
	session_change(mm, KIND_SHMEM, HUGE);
	assert_int_equal(owner_at(BASE + 6 * REGION_BYTES), 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	unmap(2, BASE, 6 * HUGE, 5 * HUGE);
	assert_int_equal(live(0, KIND_ANON) + live(1, KIND_ANON), 0);
	close_session();
}

/* A page comes where none is: it is counted first, then mapped. */
static void bring(__u64 address)
{
	session_change(mm, KIND_ANON, 1);
	host_user_write(address, "", 1);
}

/* What is there without a mark, as all that a child inherits, is not what a call brings in. */
static void test_populate_around_unmarked(void **state)
{
	const __u64 end = BASE + 2 * REGION_BYTES;

	(void)state;
	open_fixture();
	for (__u64 at = BASE; at < end; at += 2 * PAGE)
		host_user_write(at, "", 1);
	machine_run(threads[1]);
	for (int round = 0; round < 3; round++) {
		session_enter(NR_madvise, BASE, 2 * REGION_BYTES, MADV_POPULATE_WRITE);
		for (__u64 at = BASE + PAGE; at < end; at += 2 * PAGE) {
			bring(at);
			assert_int_equal(owner_at(at), 1);
		}
		assert_int_equal(live(1, KIND_ANON), HUGE);
		assert_int_equal(owner_at(BASE), -1);
		session_enter(NR_madvise, BASE, 2 * REGION_BYTES, MADV_DONTNEED);
		for (__u64 at = BASE + PAGE; at < end; at += 2 * PAGE)
			host_user_drop(at);
		release(1, KIND_ANON, HUGE);
		assert_int_equal(live(1, KIND_ANON), 0);
	}
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	/* What a read past the page cache brings in, and what mlock does. */
	session_enter(NR_read, 3, BASE, 4 * PAGE);
	bring(BASE + PAGE);
	assert_int_equal(owner_at(BASE + PAGE), 1);
	session_enter(NR_mlock, BASE, 4 * PAGE, 0);
	bring(BASE + 3 * PAGE);
	assert_int_equal(owner_at(BASE + 3 * PAGE), 1);
	close_session();
}

/* The zero page is there, and a page comes in its place: where no page is absent it has come where
 * none is marked. */
static void test_populate_over_zero_pages(void **state)
{
	(void)state;
	open_fixture();
	for (int i = 0; i < 8; i++)
		host_user_write(BASE + i * PAGE, "", 1);
	machine_run(threads[1]);
	session_enter(NR_madvise, BASE, 12 * PAGE, MADV_POPULATE_WRITE);
	for (int i = 0; i < 8; i++)
		session_change(mm, KIND_ANON, 1);
	for (int i = 8; i < 12; i++)
		bring(BASE + i * PAGE);
	assert_int_equal(live(1, KIND_ANON), 12);
	for (int i = 0; i < 12; i++)
		assert_int_equal(owner_at(BASE + i * PAGE), 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* Folios are aligned to their size, and may lie partly beyond what was asked for. */
static void test_populate_by_folios(void **state)
{
	(void)state;
	open_fixture();
	for (int i = 0; i < 16; i++)
		host_user_write(BASE + i * PAGE, "", 1);
	machine_run(threads[1]);
	session_enter(NR_madvise, BASE + 8 * PAGE, 12 * PAGE, MADV_POPULATE_WRITE);
	session_change(mm, KIND_ANON, 16);
	assert_int_equal(live(1, KIND_ANON), 16);
	assert_int_equal(owner_at(BASE + 15 * PAGE), -1);
	assert_int_equal(owner_at(BASE + 16 * PAGE), 1);
	assert_int_equal(owner_at(BASE + 31 * PAGE), 1);
	close_session();
}

/* The small pages are not mapped meanwhile; those before and behind them are. Of what has no mark
 * the first is taken for what was there. */
static void test_collapse_around_unmarked(void **state)
{
	(void)state;
	open_fixture();
	for (int i = 0; i < 3; i++)
		for (int page = 0; page < 100; page++)
			host_user_write(BASE + i * REGION_BYTES + page * PAGE, "", 1);
	machine_run(threads[1]);
	session_enter(NR_madvise, BASE, 3 * REGION_BYTES, MADV_COLLAPSE);
	for (int i = 0; i < 3; i++) {
		for (int page = 0; page < 100; page++)
			host_user_drop(BASE + i * REGION_BYTES + page * PAGE);
		for (int page = 100; page < HUGE; page++)
			session_change(mm, KIND_ANON, 1);
		assert_int_equal(owner_at(BASE + i * REGION_BYTES + 99 * PAGE), -1);
		assert_int_equal(owner_at(BASE + i * REGION_BYTES + 100 * PAGE), 1);
		for (int page = 0; page < HUGE; page++)
			host_user_write(BASE + i * REGION_BYTES + page * PAGE, "", 1);
	}
	assert_int_equal(live(1, KIND_ANON), 3 * (HUGE - 100));
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

static void populate_mapping(__u64 wish, unsigned long flags, __s32 pages)
{
	session_enter(NR_mmap, wish, (unsigned long)pages * PAGE, 3);
	host.registers.SYSCALL_ARG4 = flags;
	session_change(mm, KIND_ANON, pages);
}

/* mmap with MAP_POPULATE: where room was found, or where it was wished. */
static void test_populated_mappings(void **state)
{
	const __u64 wished = BASE + 100 * REGION_BYTES;

	(void)state;
	open_fixture();
	machine_run(threads[0]);
	touch(0, BASE, KIND_ANON, 1);
	session_enter(NR_mmap, 0, 16 * PAGE, 3);
	session_room(BASE + 64 * PAGE, 16 * PAGE);
	populate_mapping(0, MAP_POPULATE, 16);
	assert_int_equal(owner_at(BASE + 64 * PAGE), 0);
	assert_int_equal(owner_at(BASE + 79 * PAGE), 0);
	/* The wish is free: no room is looked for, and the last that was found means nothing. */
	populate_mapping(wished, MAP_POPULATE, 8);
	assert_int_equal(owner_at(wished), 0);
	assert_int_equal(owner_at(BASE + 80 * PAGE), -1);
	/* Over itself, again and again: gone and filled within one system call. */
	for (int i = 0; i < 3; i++) {
		session_enter(NR_mmap, wished, 8 * PAGE, 3);
		host.registers.SYSCALL_ARG4 = MAP_POPULATE | MAP_FIXED;
		session_change(mm, KIND_ANON, -8);
		assert_int_equal(live(0, KIND_ANON), 17);
		populate_mapping(wished, MAP_POPULATE | MAP_FIXED, 8);
		assert_int_equal(live(0, KIND_ANON), 25);
	}
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

static void check_populated(__u64 address)
{
	populate_mapping(0, MAP_POPULATE, 100);
	for (__u32 page = 0; page < 100; page++)
		assert_int_equal(owner_at(address + page * PAGE), 0);
	unmap(0, address, 100, 100);
	assert_int_equal(live(0, KIND_ANON), 0);
}

/* Room is found for a new mapping of three huge pages, and one more. */
static void check_aligned(__u64 shift, __u64 offset, bool is_from_above, __u64 place)
{
	const __u64 bytes = 3 * REGION_BYTES;

	session_enter(NR_mmap, 0, bytes, 3);
	session_room_of(BASE + shift, bytes + REGION_BYTES, offset, is_from_above);
	check_populated(BASE + place);
}

/* A new mapping lies where its huge pages are at the same places as its file's. */
static void test_aligned_mappings(void **state)
{
	const __u64 half = REGION_BYTES / 2, bytes = 3 * REGION_BYTES;

	(void)state;
	open_fixture();
	touch(0, BASE, KIND_ANON, 1);
	unmap(0, BASE, 1, 1);
	check_aligned(0, 0, true, REGION_BYTES);
	check_aligned(0, 0, false, 0);
	check_aligned(PAGE, 0, true, REGION_BYTES);
	check_aligned(0, half, true, half);
	check_aligned(0, 5 * REGION_BYTES + half, true, half);
	check_aligned(half + PAGE, half, true, REGION_BYTES + half);
	check_aligned(half, half, true, REGION_BYTES + half);
	/* Shared memory: without more room than it needs first, which tells the offset. */
	for (int i = 0; i < 3; i++) {
		session_enter(NR_mmap, 0, bytes - 100, 3);
		session_room_of(BASE + 7 * PAGE, bytes, half, true);
		session_room_of(BASE + i * half, bytes + REGION_BYTES - PAGE, 0, true);
		check_populated(BASE + half + (i == 2 ? REGION_BYTES : 0));
	}
	/* More room for another reason. */
	session_enter(NR_mmap, 0, bytes, 3);
	session_room_of(BASE + PAGE, bytes + 6 * PAGE, half, true);
	check_populated(BASE + PAGE);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* brk to `address`: nothing is mapped from there to `end`. */
static void set_heap_end(__u64 address, __u64 end)
{
	machine_set_gap(mm, (address + PAGE - 1) & -PAGE, end);
	session_enter(NR_brk, address, 0, 0);
}

static void test_heap(void **state)
{
	(void)state;
	open_fixture();
	for (int round = 0; round < 50; round++) {
		touch_each(round % 2, BASE, 1200);
		set_heap_end(BASE + 300 * PAGE, BASE << 1);
		release(2, KIND_ANON, 900);
		assert_int_equal(live(round % 2, KIND_ANON), 300);
		set_heap_end(BASE, BASE << 1);
		release(2, KIND_ANON, 300);
		assert_int_equal(live(round % 2, KIND_ANON), 0);
	}
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* The page in which the heap ends stays. */
static void test_heap_within_page(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 4);
	touch_each(1, BASE + 4 * PAGE, 4);
	set_heap_end(BASE + 3 * PAGE + 1, BASE << 1);
	release(2, KIND_ANON, 4);
	assert_int_equal(live(0, KIND_ANON), 4);
	assert_int_equal(live(1, KIND_ANON), 0);
	close_session();
}

/* What brk or shmdt gives back has no marks, as all that was there before: those of what is mapped
 * further up are of other pages. */
static void release_below_others(__u32 kind, unsigned long call)
{
	open_fixture();
	for (int i = 0; i < 20; i++)
		touch(0, BASE + (64 + i) * PAGE, kind, 1);
	touch(1, BASE + 63 * PAGE, kind, 1);
	session_enter(77, 0, 0, 0);
	machine_run(threads[2]);
	session_change(mm, kind, 15); /* without a place */
	machine_set_gap(mm, BASE, BASE + 64 * PAGE);
	session_enter(call, BASE, 0, 0);
	session_change(mm, kind, -16);
	assert_int_equal(live(0, kind), 20);
	assert_int_equal(live(1, kind), 0);
	assert_int_equal(row_live(SITE_UNOWNED, kind), 0);
	close_session();
}

static void test_unmarked_heap(void **state)
{
	(void)state;
	release_below_others(KIND_ANON, NR_brk);
}

static void test_unmarked_segment(void **state)
{
	(void)state;
	release_below_others(KIND_SHMEM, NR_shmdt);
}

static void advise_itself(__u64 nr_vectors, unsigned long advice)
{
	const __u64 vector[] = { BASE + PAGE, 4 * PAGE };

	host_user_write(ADVICE, vector, sizeof(vector));
	session_enter(NR_process_madvise, 3, ADVICE, nr_vectors);
	host.registers.SYSCALL_ARG4 = advice;
}

/* process_madvise of the caller's own memory, with one range; of several it is not known in which
 * of them the pages were, nor where a collapse puts them. */
static void test_process_madvise(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 8);
	advise_itself(1, MADV_DONTNEED);
	release(1, KIND_ANON, 4);
	assert_int_equal(live(0, KIND_ANON), 4);
	assert_int_equal(owner_at(BASE), 0);
	assert_int_equal(owner_at(BASE + 5 * PAGE), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	touch_each(0, BASE + PAGE, 4);
	advise_itself(2, MADV_DONTNEED);
	release(1, KIND_ANON, 1);
	advise_itself(1, MADV_COLLAPSE);
	release(1, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_ANON), 8);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -2);
	close_session();
}

/* Something is mapped there: what went is not known. */
static void test_no_gap(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 4);
	machine_set_gap(mm, BASE + PAGE, BASE + 4 * PAGE);
	session_enter(NR_shmdt, BASE, 0, 0);
	release(1, KIND_ANON, 2);
	assert_int_equal(live(0, KIND_ANON), 4);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -2);
	close_session();
}

static void find_room(int thread, __u64 address, __u64 pages)
{
	machine_run(threads[thread]);
	session_enter(NR_mmap, 0, pages * PAGE, 3);
	session_room(address, pages * PAGE);
}

#define MOVED_TO (BASE + 64 * REGION_BYTES + 7 * PAGE)

static void move(__u64 from, __u64 old_pages, __u64 new_pages, __u64 to)
{
	machine_run(threads[2]);
	session_enter(NR_mremap, from, old_pages * PAGE, new_pages * PAGE);
	session_room(to, new_pages * PAGE);
}

static void check_moved(__u64 shift)
{
	const __u64 to = BASE + 64 * REGION_BYTES + shift * PAGE;

	open_fixture();
	touch(0, BASE, KIND_ANON, HUGE);
	touch_each(1, BASE + REGION_BYTES, 300);
	touch_each(0, BASE + REGION_BYTES + 400 * PAGE, 50);
	move(BASE, 3 * HUGE, 5 * HUGE, to);
	assert_int_equal(live(0, KIND_ANON), HUGE + 50);
	assert_int_equal(live(1, KIND_ANON), 300);
	assert_int_equal(owner_at(BASE + 3 * PAGE), -1);
	assert_int_equal(owner_at(to + 3 * PAGE), 0);
	assert_int_equal(owner_at(to + REGION_BYTES + 299 * PAGE), 1);
	assert_int_equal(owner_at(to + REGION_BYTES + 300 * PAGE), -1);
	assert_int_equal(owner_at(to + REGION_BYTES + 449 * PAGE), 0);
	/* To a smaller size, in place: the end goes. */
	session_enter(NR_mremap, to, 5 * REGION_BYTES, REGION_BYTES + 10 * PAGE);
	release(2, KIND_ANON, 340);
	assert_int_equal(live(0, KIND_ANON), HUGE);
	assert_int_equal(live(1, KIND_ANON), 10);
	unmap(2, to, HUGE + 10, HUGE + 10);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	/* Nothing that moved or went left a region behind, but where only a part was moved. */
	assert_in_range(session_count_regions(), 0, 4);
	close_session();
}

static void test_moves(void **state)
{
	(void)state;
	check_moved(0);
	check_moved(1);
	check_moved(511);
}

/* The same of a part of a file. */
static void test_aligned_moves(void **state)
{
	const __u64 offset = REGION_BYTES / 2, to = MOVED_TO - 7 * PAGE;

	(void)state;
	open_fixture();
	touch_each(0, BASE, HUGE);
	machine_run(threads[2]);
	session_enter(NR_mremap, BASE, REGION_BYTES, 4 * REGION_BYTES);
	session_room_of(to, 5 * REGION_BYTES, offset, true);
	assert_int_equal(owner_at(to + offset), 0);
	unmap(1, to + offset, 4 * HUGE, HUGE);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* Lengths that are no whole pages: the kernel rounds them up. */
static void test_resized_in_part(void **state)
{
	const __u64 bytes = 24 * PAGE + 100;

	(void)state;
	open_fixture();
	touch_each(0, BASE, 25);
	machine_run(threads[2]);
	session_enter(NR_mremap, BASE, bytes, bytes + 12 * PAGE);
	session_room(MOVED_TO, 37 * PAGE);
	assert_int_equal(owner_at(BASE + 24 * PAGE), -1);
	assert_int_equal(owner_at(MOVED_TO + 24 * PAGE), 0);
	touch_each(1, MOVED_TO + 25 * PAGE, 12);
	/* In place: what is left of the last page stays. */
	session_enter(NR_mremap, MOVED_TO, bytes + 12 * PAGE, bytes);
	release(2, KIND_ANON, 12);
	assert_int_equal(live(0, KIND_ANON), 25);
	assert_int_equal(live(1, KIND_ANON), 0);
	assert_int_equal(owner_at(MOVED_TO + 24 * PAGE), 0);
	unmap(2, MOVED_TO, 25, 25);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* Room was found for a mapping that mremap does not move then, for want of memory. */
static void fail_move(__u64 from, __u64 old_pages, __u64 new_pages, __u64 to)
{
	move(from, old_pages, new_pages, to);
	machine_set_gap(mm, to, to + new_pages * PAGE);
}

static void open_failed_move(void)
{
	open_fixture();
	touch(0, BASE, KIND_ANON, HUGE);
	touch_each(1, BASE + REGION_BYTES, 300);
	fail_move(BASE, 2 * HUGE, 5 * HUGE, MOVED_TO);
}

static void check_not_moved(void)
{
	assert_int_equal(live(0, KIND_ANON), HUGE);
	assert_int_equal(live(1, KIND_ANON), 300);
	unmap(2, BASE, 2 * HUGE, HUGE + 300);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(live(1, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* The pages stay where they were, and their owners', whatever asks for them next. */
static void test_failed_move(void **state)
{
	(void)state;
	open_failed_move();
	check_not_moved();
	/* Again and again to the same room, or to another. */
	open_failed_move();
	fail_move(BASE, 2 * HUGE, 5 * HUGE, MOVED_TO);
	fail_move(BASE, 2 * HUGE, 7 * HUGE, MOVED_TO - 9 * PAGE);
	check_not_moved();
	/* Something else is mapped in that room. */
	open_failed_move();
	find_room(0, MOVED_TO, 3 * HUGE);
	assert_int_equal(owner_at(BASE + REGION_BYTES), 1);
	check_not_moved();
	/* A part is given back, and locked in memory. */
	open_failed_move();
	session_enter(NR_madvise, BASE + 100 * PAGE, 200 * PAGE, MADV_DONTNEED);
	release(2, KIND_ANON, 200);
	assert_int_equal(live(0, KIND_ANON), HUGE - 200);
	touch_each(0, BASE + 100 * PAGE, 200);
	check_not_moved();
	open_failed_move();
	session_enter(NR_mlock, BASE + REGION_BYTES, REGION_BYTES, 0);
	for (int i = 0; i < 100; i++)
		session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(2, KIND_ANON), 100);
	assert_int_equal(owner_at(BASE + REGION_BYTES + 299 * PAGE), 1);
	assert_int_equal(owner_at(BASE + REGION_BYTES + 399 * PAGE), 2);
	unmap(2, BASE + REGION_BYTES + 300 * PAGE, 100, 100);
	check_not_moved();
}

/* A page of it is read, and then written: a page of the task's own takes its place. */
static void test_failed_move_of_file(void **state)
{
	(void)state;
	open_fixture();
	touch(0, BASE, KIND_FILE, 16);
	fail_move(BASE, 16, 32, MOVED_TO);
	copy_file_page(1, BASE + 3 * PAGE);
	assert_int_equal(live(0, KIND_FILE), 15);
	assert_int_equal(owner_at(BASE + 4 * PAGE), 0);
	close_session();
}

/* A page that was swapped out comes back before it is known that nothing was moved: its mark is
 * found where it was put. */
static void test_failed_move_of_swapped(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 30);
	machine_run(machine_task_new(machine_mm_new(true), 500, 500, "reclaimer"));
	session_change(mm, KIND_ANON, -1);
	session_change(mm, KIND_SWAP, 1);
	fail_move(BASE, 30, 60, MOVED_TO);
	touch(1, BASE, KIND_ANON, 1);
	session_change(mm, KIND_SWAP, -1);
	find_room(2, MOVED_TO, 60);
	assert_int_equal(owner_at(BASE), 1);
	assert_int_equal(owner_at(BASE + PAGE), 0);
	assert_int_equal(live(0, KIND_ANON), 29);
	assert_int_equal(live(1, KIND_ANON), 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

static void open_moved(void)
{
	open_fixture();
	touch_each(0, BASE, 30);
	move(BASE, 30, 60, MOVED_TO);
}

static void check_moved_away(void)
{
	assert_int_equal(owner_at(MOVED_TO + PAGE), 0);
	unmap(1, MOVED_TO, 60, 30);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* A mapping has moved, and is not taken for one that has not. */
static void test_moved(void **state)
{
	(void)state;
	/* It goes: the kernel takes it out before its pages. */
	open_moved();
	machine_set_gap(mm, MOVED_TO, MOVED_TO + 60 * PAGE);
	check_moved_away();
	/* Its first page has gone, which nobody had touched. */
	open_moved();
	machine_set_gap(mm, BASE, MOVED_TO + PAGE);
	find_room(2, BASE + 90 * REGION_BYTES, 5);
	check_moved_away();
	/* It is there when room is found where it was, or something is mapped over that. */
	open_moved();
	machine_set_gap(mm, BASE, BASE + 30 * PAGE);
	find_room(2, BASE, 30);
	touch_each(2, BASE, 30);
	unmap(2, BASE, 30, 30);
	check_moved_away();
	open_moved();
	touch_each(2, BASE, 30);
	session_enter(NR_mmap, BASE, 30 * PAGE, 3);
	host.registers.SYSCALL_ARG4 = MAP_FIXED;
	release(2, KIND_ANON, 30);
	check_moved_away();
}

/* Of a move that takes too many steps the rest stays where it was, and that is told: how much it is
 * nobody knows. */
static void test_large_move(void **state)
{
	const __u64 gib = 1ULL << 30, to = BASE + (1ULL << 44) + PAGE;

	(void)state;
	open_session(1024);
	for (__u64 i = 0; i < 300; i++)
		touch(0, BASE + i * gib, KIND_ANON, 1);
	move(BASE, 200 * gib / PAGE, 200 * gib / PAGE, to);
	assert_int_equal(session_image(mm)->loss_events[LOSS_owner_memory], 0);
	move(to, 200 * gib / PAGE, 200 * gib / PAGE, BASE);
	move(BASE, 300 * gib / PAGE, 300 * gib / PAGE, to);
	assert_int_equal(owner_at(to + 255 * gib), 0);
	assert_int_equal(owner_at(BASE + 299 * gib), 0);
	assert_int_equal(session_image(mm)->loss_events[LOSS_owner_memory], 1);
	assert_int_equal(session_image(mm)->loss_pages[LOSS_owner_memory], 0);
	close_session();
}

/* A page that is marked where another comes: its going was missed. */
static void test_missed_release(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 4);
	touch(1, BASE, KIND_SHMEM, 1);
	assert_int_equal(live(0, KIND_ANON), 3);
	assert_int_equal(live(1, KIND_SHMEM), 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 1);
	close_session();
}

/* MREMAP_FIXED has moved pages unseen, over another's. What is mapped later where they were is not
 * theirs, nor are they taken for it: their owner keeps them. */
static void test_fixed_moves(void **state)
{
	const __u64 to = BASE + 8 * REGION_BYTES;

	(void)state;
	open_fixture();
	touch(0, BASE, KIND_ANON, HUGE);
	touch_each(0, BASE + REGION_BYTES, 2 * HUGE);
	touch_each(1, to, 20);
	machine_run(threads[2]);
	session_enter(NR_mremap, BASE, 3 * REGION_BYTES, 3 * REGION_BYTES);
	host.registers.SYSCALL_ARG4 = MREMAP_MAYMOVE | MREMAP_FIXED;
	host.registers.SYSCALL_ARG5 = to;
	session_change(mm, KIND_ANON, -20);
	assert_int_equal(live(1, KIND_ANON), 0);
	find_room(0, BASE, 2 * HUGE + 100);
	assert_int_equal(live(0, KIND_ANON), 3 * HUGE);
	assert_int_equal(owner_at(BASE), -1);
	assert_int_equal(owner_at(BASE + 2 * REGION_BYTES + 99 * PAGE), -1);
	assert_int_equal(owner_at(BASE + 2 * REGION_BYTES + 100 * PAGE), 0);
	touch_each(1, BASE + 50 * PAGE, 10);
	unmap(2, BASE, 2 * HUGE + 100, 10);
	assert_int_equal(live(0, KIND_ANON), 3 * HUGE);
	assert_int_equal(live(1, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	/* What of it goes is not known. */
	unmap(2, to, HUGE, HUGE);
	assert_int_equal(live(0, KIND_ANON), 3 * HUGE);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -HUGE);
	close_session();
}

/* Where threads race, one of them is told of what another gave back: the marks are found where
 * there is room again, and only then pages go without a mark. Of the last 512 it is known whose
 * they are. */
static void test_marks_adrift(void **state)
{
	const __u64 elsewhere = BASE + 20 * REGION_BYTES;

	(void)state;
	open_fixture();
	touch_each(0, BASE, 30);
	find_room(1, BASE, 30);
	assert_int_equal(live(0, KIND_ANON), 30);
	assert_int_equal(owner_at(BASE), -1);
	unmap(1, elsewhere, HUGE, 40);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -10);
	touch_each(1, elsewhere, 10);
	touch_each(0, BASE, 2 * HUGE);
	find_room(1, BASE, 2 * HUGE);
	assert_int_equal(live(0, KIND_ANON), 2 * HUGE - 10);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	unmap(1, BASE, 2 * HUGE, 2 * HUGE - 10);
	assert_int_equal(live(0, KIND_ANON), HUGE - 10);
	assert_int_equal(live(1, KIND_ANON), 10);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 10 - HUGE);
	close_session();
}

/* Pages are swapped out by whom they do not belong to: nobody knows where. One comes back at a
 * touch, one without a fault, the others go with their mapping. */
static void test_swap(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 300);
	touch_each(1, BASE + 300 * PAGE, 600);
	machine_run(machine_task_new(machine_mm_new(true), 500, 500, "reclaimer"));
	for (int i = 0; i < 200; i++) {
		session_change(mm, KIND_ANON, -1);
		session_change(mm, KIND_SWAP, 1);
	}
	assert_int_equal(live(0, KIND_ANON), 300);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -200);
	touch(2, BASE, KIND_ANON, 1);
	session_change(mm, KIND_SWAP, -1);
	assert_int_equal(live(0, KIND_ANON), 299);
	assert_int_equal(live(2, KIND_ANON), 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -199);
	session_enter(NR_madvise, BASE + PAGE, PAGE, MADV_POPULATE_WRITE);
	session_change(mm, KIND_ANON, 1);
	session_change(mm, KIND_SWAP, -1);
	assert_int_equal(live(0, KIND_ANON), 299);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -198);
	session_enter(NR_mlock, BASE + 2 * PAGE, PAGE, 0);
	session_change(mm, KIND_SWAP, -1);
	session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_ANON), 299);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -197);
	session_enter(NR_munmap, BASE, 900 * PAGE, 0);
	release(2, KIND_ANON, HUGE - 197);
	session_change(mm, KIND_SWAP, -197);
	assert_int_equal(live(0, KIND_ANON), 0);
	release(2, KIND_ANON, 900 - HUGE);
	assert_int_equal(live(1, KIND_ANON), 0);
	assert_int_equal(live(2, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_SWAP), 0);
	assert_int_equal(row_live(SITE_KERNEL, KIND_SWAP), 0);
	close_session();
}

/* Pages went unseen, then their mapping; another comes there: now it is known whose they were. */
static void test_mapped_over_missing(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 30);
	touch_each(1, BASE + 4 * REGION_BYTES, 30);
	machine_run(threads[2]);
	session_enter(77, 3, 0, 0);
	session_change(mm, KIND_ANON, -30);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -30);
	find_room(2, BASE, HUGE);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(live(1, KIND_ANON), 30);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* What is given back without a range: the file was truncated. */
static void test_no_range(void **state)
{
	(void)state;
	open_fixture();
	touch(0, BASE, KIND_SHMEM, 1);
	machine_run(threads[1]);
	session_enter(77, 3, 0, 0);
	session_change(mm, KIND_SHMEM, -1);
	assert_int_equal(live(0, KIND_SHMEM), 1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_SHMEM), -1);
	close_session();
}

/* A fault that brings no page: its page is there, and may be written to from now on. */
static void fault_in_vain(int thread, __u64 address)
{
	machine_run(threads[thread]);
	session_write(address, false);
}

/* What goes without a range after a fault that took nothing: not the bystander's around it. */
static void test_no_range_after_fault(void **state)
{
	(void)state;
	open_fixture();
	for (int i = 0; i < HUGE; i += 16)
		touch(0, BASE + i * PAGE, KIND_FILE, 16);
	fault_in_vain(1, BASE + 3 * PAGE);
	session_enter(77, 3, 0, 0);
	session_change(mm, KIND_FILE, -1);
	session_change(mm, KIND_FILE, -16);
	session_change(mm, KIND_FILE, -HUGE);
	assert_int_equal(live(0, KIND_FILE), HUGE);
	/* One that ended in a signal is not counted by the kernel. */
	fault_in_vain(1, BASE + 3 * PAGE);
	session_enter(77, 3, 0, 0);
	threads[1]->min_flt--;
	session_change(mm, KIND_FILE, -16);
	assert_int_equal(live(0, KIND_FILE), HUGE);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_FILE), -HUGE - 33);
	close_session();
}

/* What comes past the page cache after such a fault, in huge pages and small ones, lies where it is
 * read to; but what the kernel's own fault in the same call brings lies where that was. */
static void test_read_after_fault(void **state)
{
	const __u64 buffer = BASE + REGION_BYTES, other = BASE + 8 * REGION_BYTES;

	(void)state;
	open_fixture();
	touch(0, BASE, KIND_ANON, HUGE);
	fault_in_vain(1, BASE + 5 * PAGE);
	session_enter(NR_read, 3, buffer, 2 * REGION_BYTES);
	session_change(mm, KIND_ANON, HUGE);
	assert_int_equal(owner_at(BASE), 0);
	assert_int_equal(owner_at(buffer), 1);
	session_write(other, true);
	session_change(mm, KIND_ANON, 1);
	assert_int_equal(owner_at(other), 1);
	session_write(BASE + 5 * PAGE, true);
	session_end_fault();
	session_change(mm, KIND_ANON, 1);
	assert_int_equal(owner_at(buffer + REGION_BYTES), 1);
	assert_int_equal(live(0, KIND_ANON), HUGE);
	assert_int_equal(live(1, KIND_ANON), HUGE + 2);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* A system call that writes to a private file's page. */
static void test_copy_by_kernel(void **state)
{
	(void)state;
	open_fixture();
	touch(0, BASE, KIND_FILE, 16);
	machine_run(threads[1]);
	session_enter(77, 3, 0, 0);
	session_write(BASE + 3 * PAGE, true);
	session_change(mm, KIND_FILE, -1);
	session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_FILE), 15);
	assert_int_equal(live(1, KIND_ANON), 1);
	assert_int_equal(owner_at(BASE + 3 * PAGE), 1);
	close_session();
}

/* A 32-bit system call has other numbers: munmap is 91, and 11 is execve. */
static void test_compat_calls(void **state)
{
	(void)state;
	open_fixture();
	touch_each(0, BASE, 8);
	threads[1]->COMPAT_FLAGS = COMPAT_FLAG;
	unmap(1, BASE, 8, 8);
	assert_int_equal(live(0, KIND_ANON), 8);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -8);
	threads[1]->COMPAT_FLAGS = 0;
	/* Touched anew, the marks are found to be of pages that have gone. */
	touch_each(1, BASE, 8);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(live(1, KIND_ANON), 8);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* Pages of another task's doing have no mark: what goes without one was brought by it. */
static void test_kernel_pages(void **state)
{
	struct task_struct *other;

	(void)state;
	open_fixture();
	other = machine_task_new(machine_mm_new(true), 500, 500, "khugepaged");
	touch_each(0, BASE, 100);
	machine_run(other);
	session_change(mm, KIND_ANON, 412);
	assert_int_equal(row_live(SITE_KERNEL, KIND_ANON), 412);
	unmap(1, BASE, HUGE, HUGE);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_KERNEL, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	close_session();
}

/* No room for another region: counted, and nobody's. */
static void test_regions_full(void **state)
{
	(void)state;
	open_session(16);
	for (__u64 i = 0; i < 100; i++)
		touch(0, BASE + i * REGION_BYTES, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_ANON), 16);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 84);
	assert_int_equal(session_image(mm)->loss_events[LOSS_owner_memory], 84);
	session_enter(NR_munmap, BASE, 100 * REGION_BYTES, 0);
	for (int i = 0; i < 100; i++)
		release(0, KIND_ANON, 1);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	assert_int_equal(session_count_regions(), 0);
	close_session();
}

/* No room to say that a path holds something: counted, and nobody's. */
static void test_held_full(void **state)
{
	(void)state;
	open_short_of_rows(3);
	touch_each(0, BASE, 3);
	session_enter(77, 3, 0, 0);
	session_change(mm, KIND_ANON, -1);
	touch(1, BASE + REGION_BYTES, KIND_ANON, HUGE);
	touch_each(2, BASE + 2 * REGION_BYTES, 100);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 99);
	assert_int_equal(live(1, KIND_ANON), HUGE);
	assert_in_range(session_image(mm)->loss_events[LOSS_owner_memory], 100, 200);
	check_sums(mm);
	unmap(0, BASE + REGION_BYTES, 2 * HUGE, HUGE + 100);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -1);
	close_session();
}

/* The same of what a kernel thread brings in: no path, and no room for the row [kernel] either. */
static void test_held_full_kernel(void **state)
{
	(void)state;
	open_short_of_rows(2);
	touch(0, BASE, KIND_ANON, 1);
	session_enter(77, 3, 0, 0);
	session_change(mm, KIND_ANON, -2); /* makes the row [unowned] */
	machine_run(machine_task_new(machine_mm_new(true), 500, 500, "khugepaged"));
	session_change(mm, KIND_ANON, 3);
	check_sums(mm);
	close_session();
}

/* Nor what a task touches and moves: whose pages these are is not seen until it has grown. */
static void test_touches_lost(void **state)
{
	(void)state;
	session_open(SESSION_PERCPU);
	session_ask_owners(MAX_REGIONS);
	host.is_short_of_memory = true;
	mm = session_process(100, "cmd")->mm;
	host.is_short_of_memory = false;
	session_assert_row("!owner_memory 1 event 0 pages\n");
	close_session();
}

/* A block in an address space that is used up and never comes back leaves no region behind. */
static void test_moving_blocks(void **state)
{
	(void)state;
	open_session(16);
	for (__u64 i = 0; i < 5000; i++) {
		touch(0, BASE + i * REGION_BYTES, KIND_ANON, 1);
		unmap(0, BASE + i * REGION_BYTES, 1, 1);
	}
	assert_int_equal(session_image(mm)->loss_events[LOSS_owner_memory], 0);
	assert_int_equal(session_count_regions(), 0);
	close_session();
}

/* One page in each of many GiB, far from one another: none is missed. */
static void test_sparse_range(void **state)
{
	const __u64 gap = 64ULL << 30;

	(void)state;
	open_fixture();
	for (__u64 i = 0; i < 200; i++)
		touch((int)i % 2, BASE + i * gap, KIND_ANON, 1);
	machine_run(threads[2]);
	session_enter(NR_munmap, BASE, 200 * gap, 0);
	for (int i = 0; i < 200; i++) {
		session_change(mm, KIND_ANON, -1);
		assert_int_equal(live(0, KIND_ANON) + live(1, KIND_ANON), 199 - i);
	}
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	assert_int_equal(session_count_regions(), 0);
	close_session();
}

/* A look that found nothing is worth as many marks as it took turns: of huge pages that come since,
 * each counts as its pages; so does what mremap moves there. */
static void test_range_touched_anew(void **state)
{
	const __u64 gib = 1ULL << 30, elsewhere = BASE + 64 * gib;

	(void)state;
	open_fixture();
	for (__u64 i = 0; i < 8; i++)
		touch(0, BASE + i * gib, KIND_ANON, 1);
	for (int i = 0; i < 20; i++)
		touch(0, elsewhere + i * REGION_BYTES, KIND_ANON, HUGE);
	/* More go than have a mark. */
	unmap(1, BASE, 8 * gib / PAGE, 8 + 1);
	unmap(1, BASE, 8 * gib / PAGE, 3);
	for (int i = 0; i < 20; i++)
		touch(0, BASE + i * REGION_BYTES, KIND_ANON, HUGE);
	unmap(1, BASE, 8 * gib / PAGE, 20 * HUGE);
	assert_int_equal(live(0, KIND_ANON), 20 * HUGE);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -4);
	move(elsewhere, 20 * HUGE, 20 * HUGE, BASE + gib);
	unmap(1, BASE, 8 * gib / PAGE, 20 * HUGE);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), -4);
	close_session();
}

/* A page at each end of a range, in so few events that one of them looks through nearly all of it,
 * and pages elsewhere whose GiB look like some of the range's. */
static void test_vast_range(void **state)
{
	const __u64 begin = 0x100000000000ULL, pages = (64ULL << 40) / PAGE;

	(void)state;
	open_fixture();
	for (__u64 i = 0; i < 4; i++)
		touch(0, BASE + (i << 30), KIND_ANON, 1);
	touch(1, begin, KIND_ANON, 1);
	touch(1, begin + (pages - 1) * PAGE, KIND_ANON, 1);
	unmap(2, begin, pages, 1);
	unmap(2, begin, pages, 1);
	assert_int_equal(live(0, KIND_ANON), 4);
	assert_int_equal(live(1, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_ANON), 0);
	assert_int_equal(session_image(mm)->loss_events[LOSS_range_unseen], 0);
	close_session();
}

/* Where that is more than one event looks through, what it takes is lost, and counted. */
static void test_range_too_vast(void **state)
{
	const __u64 pages = 40 * 1024 * (1ULL << 30) / PAGE;

	(void)state;
	open_fixture();
	for (__u64 i = 0; i < 40; i++)
		touch(0, BASE + (i << 40), KIND_ANON, 1);
	touch(1, BASE + (pages - 1) * PAGE, KIND_SHMEM, 1);
	machine_run(threads[2]);
	session_enter(NR_munmap, BASE, pages * PAGE, 0);
	session_change(mm, KIND_SHMEM, -1);
	assert_int_equal(row_live(SITE_UNOWNED, KIND_SHMEM), -1);
	assert_int_equal(session_image(mm)->loss_events[LOSS_range_unseen], 1);
	assert_int_equal(session_image(mm)->loss_pages[LOSS_range_unseen], 1);
	close_session();
}

/* What a forked child finds is [inherited]; pages of its own that it gives back are found between.
 */
static void test_forked_image(void **state)
{
	struct mm_struct *child_mm;
	struct task_struct *child;
	__u32 inherited, own;

	(void)state;
	open_fixture();
	child_mm = machine_mm_new(true);
	child = machine_task_new(child_mm, 200, 200, "child");
	touch_each(0, BASE, 700);
	machine_percpu_add(child_mm, KIND_ANON, 700, SESSION_BATCH);
	child->real_parent = threads[0];
	machine_run(threads[0]);
	session_fork_event(threads[0], child);
	session_set_python(child_mm, NULL, 0);
	inherited = session_find_kind(child_mm, SITE_INHERITED);
	assert_int_equal(live_of(child_mm, inherited, KIND_ANON), 700);
	machine_run(child);
	for (int i = 700; i < 800; i++) {
		session_touch(BASE + i * PAGE);
		session_change(child_mm, KIND_ANON, 1);
	}
	own = session_find_named(child_mm, "child");
	assert_int_equal(live_of(child_mm, own, KIND_ANON), 100);
	session_enter(NR_munmap, BASE, 700 * PAGE, 0);
	session_change(child_mm, KIND_ANON, -512);
	session_change(child_mm, KIND_ANON, -88);
	assert_int_equal(live_of(child_mm, inherited, KIND_ANON), 100);
	assert_int_equal(live_of(child_mm, own, KIND_ANON), 100);
	/* More than was inherited: nobody knows. */
	session_change(child_mm, KIND_ANON, -150);
	assert_int_equal(live_of(child_mm, inherited, KIND_ANON), 0);
	assert_int_equal(live_of(child_mm, session_find_kind(child_mm, SITE_UNOWNED), KIND_ANON),
			 -50);
	check_sums(child_mm);
	assert_int_equal(live(0, KIND_ANON), 700);
	close_session();
}

static void test_attached_image(void **state)
{
	struct task_struct *task;

	(void)state;
	session_open(SESSION_PERCPU);
	session_ask_owners(MAX_REGIONS);
	mm = machine_mm_new(true);
	threads[0] = task = machine_task_new(mm, 100, 100, names[0]);
	machine_percpu_add(mm, KIND_ANON, 90, SESSION_BATCH);
	machine_percpu_add(mm, KIND_SHMEM, 5, SESSION_BATCH);
	machine_run(task);
	session_follow(100, 1);
	session_attach(&task, 1);
	session_set_python(mm, NULL, 0);
	assert_int_equal(row_live(SITE_BEFORE, KIND_ANON), 90);
	assert_int_equal(row_live(SITE_BEFORE, KIND_SHMEM), 5);
	touch_each(0, BASE, 10);
	unmap(0, BASE, 50, 50);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(row_live(SITE_BEFORE, KIND_ANON), 50);
	close_session();
}

static __s32 peak_of(__u32 id, __u32 kind)
{
	const struct wire_held *held = session_held(id);

	if (!held)
		return 0;
	return held->peak_moment == session_image(mm)->peak_moment ? held->at_peak[kind]
								   : held->live[kind];
}

/* At the highest moment, by what each node kept of it. */
static void test_peak(void **state)
{
	__u32 ids[NR_THREADS];
	const __s32 first[] = { 100, 200, 300 };

	(void)state;
	open_fixture();
	for (int i = 0; i < NR_THREADS; i++)
		touch_each(i, BASE + i * REGION_BYTES, first[i]);
	for (int i = 0; i < NR_THREADS; i++)
		ids[i] = session_find_named(mm, names[i]);
	unmap(0, BASE + REGION_BYTES, 150, 150);
	for (int i = 0; i < NR_THREADS; i++)
		assert_int_equal(peak_of(ids[i], KIND_ANON), first[i]);
	/* As high as before is no new height. */
	touch_each(0, BASE + 100 * PAGE, 150);
	assert_int_equal(peak_of(ids[0], KIND_ANON), 100);
	touch_each(0, BASE + 250 * PAGE, 1);
	assert_int_equal(peak_of(ids[0], KIND_ANON), 251);
	assert_int_equal(peak_of(ids[1], KIND_ANON), 50);
	assert_int_equal(peak_of(ids[2], KIND_ANON), 300);
	assert_int_equal(session_image(mm)->peak_books[KIND_ANON], 601);
	unmap(0, BASE, HUGE, 251);
	assert_int_equal(peak_of(ids[0], KIND_ANON), 251);
	close_session();
}

static struct wire_low low_of(int thread)
{
	return session_held(session_find_named(mm, names[thread]))->low;
}

/* What was given back and taken again between two looks. */
static void test_lows(void **state)
{
	(void)state;
	open_fixture();
	session_look();
	touch_each(0, BASE, 10);
	session_look();
	unmap(1, BASE, 6, 6);
	touch_each(0, BASE, 4);
	assert_int_equal(live(0, KIND_ANON), 8);
	assert_int_equal(low_of(0).look, 2);
	assert_int_equal(low_of(0).now, 4);
	assert_int_equal(low_of(0).before, 0);
	session_look();
	touch_each(0, BASE + 4 * PAGE, 1);
	assert_int_equal(low_of(0).look, 3);
	assert_int_equal(low_of(0).now, 8);
	assert_int_equal(low_of(0).before, 4);
	/* Of a look at which nothing had changed it is what there was. */
	session_look();
	session_look();
	touch(0, BASE + 100 * PAGE, KIND_FILE, 1);
	assert_int_equal(low_of(0).now, 9);
	assert_int_equal(low_of(0).before, 9);
	/* What is freed while the runtime is taken down was not given back before. */
	session_image(mm)->final_moment = 1;
	unmap(0, BASE, 10, 9);
	assert_int_equal(live(0, KIND_ANON), 0);
	assert_int_equal(low_of(0).now, 9);
	close_session();
}

/* What two threads do at once, each on a CPU of its own. */
static void touch_one(int thread)
{
	touch(thread, BASE + (thread * HUGE + 200) * PAGE, KIND_ANON, 1);
}

static void read_around(int thread)
{
	touch(thread, BASE + (thread * HUGE + 256) * PAGE, KIND_FILE, 16);
}

static void unmap_some(int thread)
{
	unmap(thread, BASE + thread * REGION_BYTES, SOME, SOME);
}

static struct {
	void (*act)(int thread);
	int thread;
	unsigned int lookups; /* until then, 0: done */
} meanwhile;

static void act_meanwhile(void)
{
	const struct pt_regs registers = host.registers;
	struct task_struct *current = host.current;

	if (!meanwhile.lookups || --meanwhile.lookups)
		return;
	host.cpu = 1;
	meanwhile.act(meanwhile.thread);
	host.cpu = 0;
	host.registers = registers;
	machine_run(current);
}

/* What the nodes held at the highest moment is the books of it, and these are as high as the peak
 * but for what was released meanwhile. */
static void check_peak(__s64 released)
{
	const struct wire_image *image = session_image(mm);
	__s64 sum = 0;

	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		__s64 held = 0;

		for (__u32 id = 1; id < SESSION_IDS; id++)
			held += peak_of(id, kind);
		assert_int_equal(held, image->peak_books[kind]);
		sum += held;
	}
	assert_in_range(image->peak - sum, 0, released);
}

/* Threads but the first are native ones of a Python: what they give back is their owners'. */
static void begin_python(struct python *python)
{
	python_make(python, PYTHON_3_12);
	python_attach_thread(python, threads[0]);
	session_set_python(mm, &python->layout, python->bias);
}

/* Returns whether what the third thread does came in between what the second does. */
static bool race(bool is_python, void (*act)(int thread), void (*other)(int thread),
		 unsigned int lookups)
{
	struct python python;

	open_fixture();
	if (is_python)
		begin_python(&python);
	for (int i = 0; i < NR_THREADS; i++)
		touch_each(i, BASE + i * REGION_BYTES, 100);
	meanwhile.act = other;
	meanwhile.thread = 2;
	meanwhile.lookups = lookups;
	host.on_lookup = act_meanwhile;
	act(1);
	host.on_lookup = NULL;
	check_peak(SOME);
	unmap(0, BASE, 20, 20);
	check_peak(SOME);
	close_session();
	return !meanwhile.lookups;
}

static void test_racing_peak(void **state)
{
	void (*const acts[])(int thread) = { touch_one, read_around, unmap_some };

	(void)state;
	for (size_t i = 0; i < 18; i++) {
		unsigned int lookups = 1;

		while (race(i >= 9, acts[i % 9 / 3], acts[i % 3], lookups))
			lookups++;
		assert_true(lookups > 10);
	}
}

/*
 * Thousands of random operations beside a table of whose each page is. The table has no guesses:
 * a fault-around brings all of its window that was absent.
 */
#define ARENA_REGIONS 24
#define ARENA_PAGES (ARENA_REGIONS * HUGE)
#define ROUNDS 4000

static struct {
	__u8 owner[ARENA_PAGES]; /* thread + 1 */
	__u8 kind[ARENA_PAGES];
	bool is_huge[ARENA_REGIONS];
	__s32 pages[NR_THREADS][NR_KINDS], peak[NR_THREADS][NR_KINDS];
	__s32 sum, highest;
	__u32 seed;
} model;

static __u32 random_below(__u32 limit)
{
	model.seed = model.seed * 1103515245U + 12345U;
	return (model.seed >> 8) % limit;
}

static __u64 address_of(__u32 page)
{
	return BASE + page * PAGE;
}

static void note_height(void)
{
	if (model.sum <= model.highest)
		return;
	model.highest = model.sum;
	memcpy(model.peak, model.pages, sizeof(model.peak));
}

static void model_add(__u32 page, int thread, __u32 kind)
{
	model.owner[page] = (__u8)(thread + 1);
	model.kind[page] = (__u8)kind;
	model.pages[thread][kind]++;
	model.sum++;
}

static void model_remove(__u32 page)
{
	model.pages[model.owner[page] - 1][model.kind[page]]--;
	model.sum--;
	model.owner[page] = 0;
}

static bool is_empty(__u32 first, __u32 pages)
{
	for (__u32 page = first; page < first + pages; page++)
		if (model.owner[page])
			return false;
	return true;
}

static void random_touch(int thread)
{
	__u32 page = random_below(ARENA_PAGES), count = 1 + random_below(200);

	for (; count && page < ARENA_PAGES; count--, page++) {
		if (model.owner[page])
			continue;
		model_add(page, thread, KIND_ANON);
		touch(thread, address_of(page), KIND_ANON, 1);
		note_height();
	}
}

static void random_fault_around(int thread)
{
	__u32 page = random_below(ARENA_PAGES), first = page & ~15U;
	__s32 absent = 0;

	if (model.owner[page])
		return;
	for (__u32 i = first; i < first + 16; i++) {
		if (model.owner[i])
			continue;
		model_add(i, thread, KIND_FILE);
		absent++;
	}
	touch(thread, address_of(page), KIND_FILE, absent);
	note_height();
}

static void random_huge(int thread)
{
	__u32 region = random_below(ARENA_REGIONS), first = region * HUGE;

	if (!is_empty(first, HUGE))
		return;
	for (__u32 page = first; page < first + HUGE; page++)
		model_add(page, thread, KIND_ANON);
	model.is_huge[region] = true;
	touch(thread, address_of(first + random_below(HUGE)), KIND_ANON, HUGE);
	note_height();
}

/* zap_page_range: a page table at a time, an event for each kind that there is. */
static void zap(__u32 first, __u32 end)
{
	while (first < end) {
		__u32 border = (first | (HUGE - 1)) + 1;
		__s32 gone[NR_KINDS] = {};

		for (; first < end && first < border; first++) {
			if (!model.owner[first])
				continue;
			gone[model.kind[first]]++;
			model_remove(first);
		}
		for (__u32 kind = 0; kind < NR_KINDS; kind++)
			if (gone[kind])
				session_change(mm, kind, -gone[kind]);
	}
}

static void random_release(int thread)
{
	static const unsigned long calls[] = { NR_munmap, NR_madvise, NR_mmap };
	__u32 first = random_below(ARENA_PAGES);
	__u32 end = first + 1 + random_below(random_below(4) ? 300 : ARENA_PAGES);

	end = end < ARENA_PAGES ? end : ARENA_PAGES;
	machine_run(threads[thread]);
	session_enter(calls[random_below(3)], address_of(first), (end - first) * PAGE,
		      MADV_DONTNEED);
	zap(first, end);
}

static void random_move(int thread)
{
	__u32 pages = 1 + random_below(3 * HUGE), from = random_below(ARENA_PAGES - pages);
	__u32 to = random_below(ARENA_PAGES - pages);

	if (random_below(2)) {
		from &= ~(HUGE - 1U);
		to &= ~(HUGE - 1U);
	}
	if (!is_empty(to, pages) || (from < to + pages && to < from + pages))
		return;
	machine_run(threads[thread]);
	session_enter(NR_mremap, address_of(from), pages * PAGE, pages * PAGE);
	session_room(address_of(to), pages * PAGE);
	memcpy(model.owner + to, model.owner + from, pages);
	memcpy(model.kind + to, model.kind + from, pages);
	memset(model.owner + from, 0, pages);
}

/* Room is found for a mapping that is not moved then; so it is again, or a part of it goes. */
static void random_failed_move(int thread)
{
	__u32 pages = 1 + random_below(3 * HUGE), from = random_below(ARENA_PAGES - pages);
	__u32 to = random_below(ARENA_PAGES - pages), first, end;

	if (!is_empty(to, pages) || (from < to + pages && to < from + pages))
		return;
	machine_run(threads[thread]);
	session_enter(NR_mremap, address_of(from), pages * PAGE, pages * PAGE);
	session_room(address_of(to), pages * PAGE);
	machine_set_gap(mm, address_of(to), address_of(to + pages));
	first = from + random_below(pages);
	end = first + 1 + random_below(from + pages - first);
	machine_run(threads[random_below(NR_THREADS)]);
	if (random_below(2)) {
		session_enter(NR_munmap, address_of(first), (end - first) * PAGE, 0);
		zap(first, end);
	} else {
		session_room(address_of(to), pages * PAGE);
	}
	session_enter(NR_mmap, 0, pages * PAGE, 3);
	session_room(address_of(to), pages * PAGE);
	machine_set_gap(mm, NOWHERE, NOWHERE + PAGE);
}

/* Room is found for a mapping. */
static void random_room(int thread)
{
	__u32 pages = 1 + random_below(3 * HUGE), to = random_below(ARENA_PAGES - pages);

	if (!is_empty(to, pages))
		return;
	machine_run(threads[thread]);
	session_enter(NR_mmap, 0, pages * PAGE, 3);
	session_room(address_of(to), pages * PAGE);
}

static void random_populate(int thread)
{
	__u32 first = random_below(ARENA_PAGES - 600), pages = 1 + random_below(600);

	machine_run(threads[thread]);
	session_enter(NR_madvise, address_of(first), pages * PAGE, MADV_POPULATE_WRITE);
	for (__u32 page = first; page < first + pages; page++) {
		if (model.owner[page])
			continue;
		model_add(page, thread, KIND_ANON);
		session_change(mm, KIND_ANON, 1);
		note_height();
	}
}

static void check_model(void)
{
	for (int i = 0; i < NR_THREADS; i++)
		for (__u32 kind = 0; kind < NR_KINDS; kind++) {
			__u32 id = session_find_named(mm, names[i]);

			if (!id)
				continue;
			assert_int_equal(live_of(mm, id, kind), model.pages[i][kind]);
			assert_int_equal(peak_of(id, kind), model.peak[i][kind]);
		}
	check_sums(mm);
}

static void check_marks(void)
{
	for (__u32 page = 0; page < ARENA_PAGES; page++) {
		__u32 owner = session_owner(mm, address_of(page));

		assert_int_equal(owner != 0, model.owner[page] != 0);
		if (owner) {
			assert_int_equal(owner >> OWNER_SHIFT, model.kind[page]);
			assert_int_equal(owner_at(address_of(page)), model.owner[page] - 1);
		}
	}
}

static void run_model(__u32 seed)
{
	static void (*const operations[])(int thread) = {
		random_touch,	 random_fault_around, random_huge, random_release,     random_move,
		random_populate, random_touch,	      random_room, random_failed_move,
	};

	memset(&model, 0, sizeof(model));
	model.seed = seed;
	open_fixture();
	for (int i = 0; i < ROUNDS; i++) {
		host.cpu = random_below(HOST_CPUS);
		operations[random_below(ARRAY_SIZE(operations))]((int)random_below(NR_THREADS));
		if (i % 64 == 0)
			check_model();
	}
	host.cpu = 0;
	check_model();
	check_marks();
	/* All goes: no region is left. */
	machine_run(threads[0]);
	session_enter(NR_munmap, BASE, ARENA_PAGES * PAGE, 0);
	zap(0, ARENA_PAGES);
	check_model();
	close_session();
}

static void test_model(void **state)
{
	(void)state;
	for (__u32 seed = 1; seed <= 6; seed++)
		run_model(seed);
}

static const struct wire_held *held_of(int thread)
{
	return session_held(session_find_named(mm, names[thread]));
}

/* What the heap's end was moved by is told apart from other mappings, and told once. */
static void test_mapped(void **state)
{
	(void)state;
	open_fixture();
	mm->total_vm += 30;
	mm->brk += 30 * PAGE;
	touch(0, BASE, KIND_ANON, 1);
	mm->total_vm += 5;
	touch(1, BASE + PAGE, KIND_ANON, 1);
	mm->total_vm += 4 - 10;
	mm->brk -= 10 * PAGE;
	touch(2, BASE + 2 * PAGE, KIND_ANON, 1);
	assert_int_equal(held_of(0)->mapped, 30);
	assert_int_equal(held_of(0)->heap, 30);
	assert_int_equal(held_of(1)->mapped, 5);
	assert_int_equal(held_of(1)->heap, 0);
	assert_int_equal(held_of(2)->mapped, -6);
	assert_int_equal(held_of(2)->heap, -10);
	close_session();
}

/* What brk, shmdt and munmap give back is of who calls them, though the kernel counts it later. */
static void test_unmapped(void **state)
{
	(void)state;
	open_fixture();
	mm->total_vm += 30 + 8 + 6;
	mm->brk += 30 * PAGE;
	touch_each(0, BASE, 3);
	for (int i = 0; i < 8; i++)
		touch(0, BASE + (64 + i) * PAGE, KIND_SHMEM, 1);
	mm->brk -= 29 * PAGE;
	set_heap_end(BASE + PAGE, BASE + 64 * PAGE);
	release(1, KIND_ANON, 1);
	release(1, KIND_ANON, 1);
	mm->total_vm -= 29;
	machine_set_gap(mm, BASE + 64 * PAGE, BASE << 1);
	session_enter(NR_shmdt, BASE + 64 * PAGE, 0, 0);
	release(1, KIND_SHMEM, 5);
	release(1, KIND_SHMEM, 3);
	mm->total_vm -= 8;
	touch_each(0, BASE + 100 * PAGE, 2);
	unmap(1, BASE + 100 * PAGE, 6, 2);
	mm->total_vm -= 6;
	touch(2, BASE + 32 * PAGE, KIND_ANON, 1);
	assert_int_equal(held_of(1)->mapped, -29 - 8 - 6);
	assert_int_equal(held_of(1)->heap, -29);
	assert_int_equal(held_of(2)->mapped, 0);
	assert_int_equal(held_of(2)->heap, 0);
	close_session();
}

/* More pages than 32 bits hold. */
static void test_mapped_vast(void **state)
{
	const __s64 pages = (24LL << 40) / PAGE;

	(void)state;
	open_fixture();
	mm->total_vm += pages;
	mm->brk += pages * PAGE;
	touch(0, BASE, KIND_ANON, 1);
	assert_int_equal(held_of(0)->mapped, pages);
	assert_int_equal(held_of(0)->heap, pages);
	unmap(1, BASE, pages, 1);
	assert_int_equal(held_of(1)->mapped, -pages);
	close_session();
}

/* No room for what a path has mapped, or unmapped: counted. */
static void test_mapped_full(void **state)
{
	(void)state;
	open_short_of_rows(2);
	touch(0, BASE, KIND_ANON, 1);
	session_enter(77, 3, 0, 0);
	session_change(mm, KIND_ANON, -1); /* makes the row [unowned] */
	mm->total_vm += 30;
	touch(1, BASE + PAGE, KIND_ANON, 1);
	/* Of the page, and of the mapping. */
	assert_int_equal(session_image(mm)->loss_events[LOSS_owner_memory], 2);
	assert_int_equal(session_image(mm)->loss_pages[LOSS_owner_memory], 1);
	machine_run(threads[2]);
	session_enter(NR_munmap, BASE, 2 * PAGE, 0);
	mm->total_vm -= 2;
	session_change(mm, KIND_ANON, -1);
	assert_int_equal(session_image(mm)->loss_events[LOSS_owner_memory], 3);
	close_session();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_touches),
		cmocka_unit_test(test_release_by_another),
		cmocka_unit_test(test_release_by_kind),
		cmocka_unit_test(test_fault_around),
		cmocka_unit_test(test_large_folios),
		cmocka_unit_test(test_own_page_later),
		cmocka_unit_test(test_fault_around_in_parts),
		cmocka_unit_test(test_copy_on_write),
		cmocka_unit_test(test_copy_of_unmarked),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_cut_huge_pages),
		cmocka_unit_test(test_cut_beside_small),
		cmocka_unit_test(test_split_huge_pages),
		cmocka_unit_test(test_same_range),
		cmocka_unit_test(test_same_range_touched_by_another),
		cmocka_unit_test(test_populate),
		cmocka_unit_test(test_copies_without_faults),
		cmocka_unit_test(test_locked_heap),
		cmocka_unit_test(test_collapse),
		cmocka_unit_test(test_collapse_of_shared),
		cmocka_unit_test(test_ready_around_calls),
		cmocka_unit_test(test_huge_page_for_others),
		cmocka_unit_test(test_huge_pages_of_calls),
		cmocka_unit_test(test_populate_around_unmarked),
		cmocka_unit_test(test_populate_over_zero_pages),
		cmocka_unit_test(test_populate_by_folios),
		cmocka_unit_test(test_collapse_around_unmarked),
		cmocka_unit_test(test_populated_mappings),
		cmocka_unit_test(test_aligned_mappings),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_heap_within_page),
		cmocka_unit_test(test_unmarked_heap),
		cmocka_unit_test(test_unmarked_segment),
		cmocka_unit_test(test_no_gap),
		cmocka_unit_test(test_process_madvise),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_aligned_moves),
		cmocka_unit_test(test_resized_in_part),
		cmocka_unit_test(test_failed_move),
		cmocka_unit_test(test_failed_move_of_file),
		cmocka_unit_test(test_failed_move_of_swapped),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_large_move),
		cmocka_unit_test(test_missed_release),
		cmocka_unit_test(test_fixed_moves),
		cmocka_unit_test(test_marks_adrift),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_mapped_over_missing),
		cmocka_unit_test(test_no_range),
		cmocka_unit_test(test_no_range_after_fault),
		cmocka_unit_test(test_read_after_fault),
		cmocka_unit_test(test_copy_by_kernel),
		cmocka_unit_test(test_compat_calls),
		cmocka_unit_test(test_kernel_pages),
		cmocka_unit_test(test_regions_full),
		cmocka_unit_test(test_held_full),
		cmocka_unit_test(test_held_full_kernel),
		cmocka_unit_test(test_touches_lost),
		cmocka_unit_test(test_moving_blocks),
		cmocka_unit_test(test_sparse_range),
		cmocka_unit_test(test_range_touched_anew),
		cmocka_unit_test(test_vast_range),
		cmocka_unit_test(test_range_too_vast),
		cmocka_unit_test(test_forked_image),
		cmocka_unit_test(test_attached_image),
		cmocka_unit_test(test_peak),
		cmocka_unit_test(test_lows),
		cmocka_unit_test(test_racing_peak),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_unmapped),
		cmocka_unit_test(test_mapped_vast),
		cmocka_unit_test(test_mapped_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
