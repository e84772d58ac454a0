/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/allocs.h, reown.h: which path has which block, and whose the pages within blocks are, through
 * everything that an allocator's functions do. Three threads without Python, each a path of its
 * own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/host.h"
#include "python_memory.h"
#include "session.h"

#define PAGE 4096ULL
#define HUGE 512 /* pages */
#define BASE 0x7f1200000000ULL
#define STACK 0x7ffe00001000ULL
#define MAX_BLOCKS 64
#define KEPT_BLOCKS 16
#define NR_THREADS 3

static const char *const names[NR_THREADS] = { "a", "b", "c" };
static struct task_struct *threads[NR_THREADS];
static struct mm_struct *mm;
static bool has_sessions; /* one program for entries and returns */

static void open_fixture_with(__u32 max_regions)
{
	session_open(SESSION_PERCPU);
	session_use_alloc_sessions(has_sessions);
	session_ask_owners(max_regions);
	session_ask_allocs(MAX_BLOCKS, KEPT_BLOCKS);
	mm = session_threads(100, names, NR_THREADS, threads);
}

static void open_fixture(void)
{
	open_fixture_with(4096);
}

/* The sum over the nodes of what they have, and what it was at the highest moment. */
static void sum_allocs(__s64 *ret_bytes, __s64 *ret_peak)
{
	const struct wire_image *image = session_image(mm);

	*ret_bytes = *ret_peak = 0;
	for (__u32 id = 1; id < SESSION_IDS; id++) {
		const struct wire_allocs *node = session_allocs(id);

		if (!node)
			continue;
		*ret_bytes += node->bytes;
		*ret_peak += node->peak_moment == image->alloc_moment ? node->at_peak : node->bytes;
	}
}

static void close_session(void)
{
	const struct wire_image *image = session_image(mm);
	__s64 held[NR_KINDS], bytes, peak;

	sum_allocs(&bytes, &peak);
	assert_int_equal(bytes, image->alloc_bytes);
	assert_int_equal(peak, image->alloc_peak);
	session_sum_held(mm, held);
	for (__u32 kind = 0; kind < NR_KINDS; kind++)
		assert_int_equal(held[kind], image->books[kind]);
	session_check();
	session_close();
}

static void enter(int thread, __u64 cookie, __u64 first, __u64 second, __u64 third, __u64 depth)
{
	machine_run(threads[thread]);
	session_alloc_entry(cookie, (const __u64[3]){ first, second, third }, STACK - depth);
}

static void leave(int thread, __u64 result, __u64 depth)
{
	machine_run(threads[thread]);
	session_alloc_return(result, STACK - depth);
}

static void allocate(int thread, __u64 address, __u64 bytes)
{
	enter(thread, ALLOC_MALLOC, bytes, 0, 0, 0);
	leave(thread, address, 0);
}

static void release(int thread, __u64 address)
{
	enter(thread, ALLOC_FREE, address, 0, 0, 0);
}

static void reallocate(int thread, __u64 from, __u64 to, __u64 bytes)
{
	enter(thread, ALLOC_REALLOC, from, bytes, 0, 0);
	leave(thread, to, 0);
}

static struct wire_allocs allocs_of(int thread)
{
	__u32 id = session_find_named(mm, names[thread]);
	const struct wire_allocs *found = id ? session_allocs(id) : NULL;

	return found ? *found : (struct wire_allocs){ 0 };
}

static void touch(int thread, __u64 address, __u32 pages)
{
	machine_run(threads[thread]);
	for (__u32 i = 0; i < pages; i++) {
		session_touch(address + i * PAGE);
		session_change(mm, KIND_ANON, 1);
	}
}

static __s32 held_by(__u32 id)
{
	const struct wire_held *held = id ? session_held(id) : NULL;

	return held ? held->live[KIND_ANON] : 0;
}

static __s32 live(int thread)
{
	return held_by(session_find_named(mm, names[thread]));
}

static __s32 live_free(void)
{
	return held_by(session_find_kind(mm, SITE_FREE));
}

static void test_blocks(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 600);
	allocate(1, BASE + 1024, 700);
	allocate(0, BASE + 2048, 800);
	assert_int_equal(allocs_of(0).bytes, 1400);
	assert_int_equal(allocs_of(0).blocks, 2);
	release(1, BASE); /* another thread's */
	release(1, BASE); /* unknown by now */
	release(0, 0);
	assert_int_equal(allocs_of(0).bytes, 800);
	assert_int_equal(allocs_of(0).freed_blocks, 1);
	assert_int_equal(allocs_of(0).taken_blocks, 2);
	assert_int_equal(allocs_of(0).taken_bytes, 1400);
	assert_int_equal(allocs_of(1).bytes, 700);
	assert_int_equal(session_image(mm)->unknown_frees, 1);
	assert_int_equal(session_image(mm)->alloc_peak, 2100);
	assert_int_equal(session_count_blocks(), 2);
	/* What a runtime frees that finalizes was there in the end. */
	session_image(mm)->final_moment = 1;
	release(1, BASE);
	assert_int_equal(session_image(mm)->unknown_frees, 1);
	close_session();
}

static void test_arguments(void **state)
{
	static const struct {
		enum wire_alloc_call call;
		__u64 arguments[3];
	} calls[] = {
		{ ALLOC_CALLOC, { 6, 100, 0 } },       { ALLOC_REALLOC, { 0, 600, 0 } },
		{ ALLOC_REALLOCARRAY, { 0, 60, 10 } }, { ALLOC_ALIGNED, { 64, 600, 0 } },
		{ ALLOC_PAGES, { 600, 0, 0 } },
	};

	(void)state;
	open_fixture();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const __u64 *given = calls[i].arguments;

		enter(0, calls[i].call, given[0], given[1], given[2], 0);
		leave(0, BASE + i * 1024, 0);
		assert_int_equal(allocs_of(0).bytes, 600 * (i + 1));
	}
	close_session();
}

/* Functions of a PyMemAllocatorEx have its context as their first argument. */
static void test_context(void **state)
{
	(void)state;
	open_fixture();
	enter(0, ALLOC_MALLOC | ALLOC_HAS_CONTEXT, BASE, 600, 0, 0);
	leave(0, BASE, 0);
	enter(0, ALLOC_CALLOC | ALLOC_HAS_CONTEXT, BASE, 6, 100, 0);
	leave(0, BASE + 1024, 0);
	assert_int_equal(allocs_of(0).bytes, 1200);
	enter(1, ALLOC_REALLOC | ALLOC_HAS_CONTEXT, BASE, BASE, 700, 0);
	leave(1, BASE + 2048, 0);
	assert_int_equal(allocs_of(0).bytes, 600);
	assert_int_equal(allocs_of(1).bytes, 700);
	enter(0, ALLOC_FREE | ALLOC_HAS_CONTEXT, BASE + 2048, BASE + 1024, 0, 0);
	assert_int_equal(allocs_of(0).bytes, 0);
	assert_int_equal(allocs_of(1).bytes, 700);
	assert_int_equal(session_image(mm)->unknown_frees, 0);
	assert_int_equal(session_count_blocks(), 1);
	close_session();
}

static void test_posix(void **state)
{
	__u64 block = BASE + 4 * PAGE;

	(void)state;
	open_fixture();
	host_user_write(BASE, &block, sizeof(block));
	enter(0, ALLOC_POSIX, BASE, 64, 600, 0);
	leave(0, 12, 0); /* ENOMEM: what lies there is not the block's address */
	assert_int_equal(allocs_of(0).bytes, 0);
	enter(0, ALLOC_POSIX, BASE, 64, 600, 0);
	leave(0, 0, 0);
	release(0, block);
	assert_int_equal(allocs_of(0).taken_bytes, 600);
	assert_int_equal(session_count_blocks(), 0);
	close_session();
}

/* Where the address lies cannot be read. */
static void test_posix_unreadable(void **state)
{
	(void)state;
	open_fixture();
	enter(0, ALLOC_POSIX, BASE, 64, 5000, 0);
	leave(0, 0, 0);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_missed], 1);
	assert_int_equal(session_image(mm)->loss_pages[LOSS_blocks_missed], 1);
	close_session();
}

/* No function that hands out more than an address space tells the truth, nor of less than nothing.
 */
static void test_made_up_sizes(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, ~0ULL);
	allocate(0, BASE + PAGE, 1ULL << ADDRESS_BITS);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_missed], 2);
	assert_int_equal(session_count_blocks(), 0);
	allocate(0, BASE, (1ULL << ADDRESS_BITS) - 1);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_missed], 2);
	assert_int_equal(allocs_of(0).blocks, 1);
	assert_int_equal(allocs_of(0).taken_bytes, (1ULL << ADDRESS_BITS) - 1);
	close_session();
}

static void test_reallocations(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 600);
	reallocate(1, BASE, BASE, 900); /* in place: who asked last has it */
	assert_int_equal(allocs_of(0).bytes, 0);
	assert_int_equal(allocs_of(1).bytes, 900);
	reallocate(0, BASE, BASE + 4096, 1200);
	assert_int_equal(allocs_of(0).bytes, 1200);
	assert_int_equal(session_count_blocks(), 1);
	reallocate(1, BASE + 4096, 0, 5000); /* fails: the block stays */
	assert_int_equal(allocs_of(0).bytes, 1200);
	assert_int_equal(session_count_blocks(), 1);
	enter(1, ALLOC_REALLOCARRAY, BASE + 4096, 1ULL << 62, 4, 0); /* 2 to 64 bytes: fails */
	leave(1, 0, 0);
	assert_int_equal(allocs_of(0).bytes, 1200);
	assert_int_equal(session_count_blocks(), 1);
	reallocate(1, BASE + 4096, 0, 0); /* frees */
	assert_int_equal(allocs_of(0).bytes, 0);
	assert_int_equal(session_count_blocks(), 0);
	allocate(0, BASE, 600);
	enter(1, ALLOC_REALLOC, BASE, 0, 0, 0);
	enter(1, ALLOC_FREE, BASE, 0, 0, 64); /* by its own free, as glibc's does */
	leave(1, 0, 0);
	assert_int_equal(session_image(mm)->unknown_frees, 0);
	release(1, BASE);
	assert_int_equal(session_image(mm)->unknown_frees, 1);
	close_session();
}

/* What realloc moves was not given back meanwhile. */
static void test_lows(void **state)
{
	(void)state;
	open_fixture();
	session_look();
	allocate(0, BASE, 600);
	session_look();
	reallocate(0, BASE, BASE + 4096, 1200);
	assert_int_equal(allocs_of(0).low.look, 2);
	assert_int_equal(allocs_of(0).low.now, 600);
	session_look();
	allocate(0, BASE, 100);
	release(1, BASE + 4096);
	allocate(0, BASE + 4096, 2000);
	assert_int_equal(allocs_of(0).bytes, 2100);
	assert_int_equal(allocs_of(0).low.now, 100);
	assert_int_equal(allocs_of(0).low.before, 600);
	session_image(mm)->final_moment = 1;
	release(0, BASE);
	release(0, BASE + 4096);
	assert_int_equal(allocs_of(0).bytes, 0);
	assert_int_equal(allocs_of(0).low.now, 100);
	close_session();
}

static void assert_counts(int thread, __u64 taken, __u64 taken_blocks, __u64 freed_blocks)
{
	assert_int_equal(allocs_of(thread).taken_bytes, taken);
	assert_int_equal(allocs_of(thread).taken_blocks, taken_blocks);
	assert_int_equal(allocs_of(thread).freed_blocks, freed_blocks);
}

/* Nothing was taken or freed by a realloc that fails, whoever asked. */
static void test_failing_reallocations(void **state)
{
	(void)state;
	open_fixture();
	reallocate(0, 0, BASE, 600); /* as malloc */
	assert_counts(0, 600, 1, 0);
	for (int i = 0; i < 3; i++)
		reallocate(1, BASE, 0, 1ULL << 62);
	enter(1, ALLOC_REALLOCARRAY, BASE, 1ULL << 62, 8, 0); /* overflows */
	leave(1, 0, 0);
	enter(0, ALLOC_REALLOCARRAY, BASE, 1ULL << 31, 1ULL << 31, 0);
	enter(0, ALLOC_REALLOC, BASE, 1ULL << 62, 0, 64); /* as glibc's does */
	enter(0, ALLOC_MALLOC, 1ULL << 62, 0, 0, 128);
	leave(0, 0, 128);
	leave(0, 0, 64);
	leave(0, 0, 0);
	assert_int_equal(allocs_of(0).blocks, 1);
	assert_counts(0, 600, 1, 0);
	assert_counts(1, 0, 0, 0);
	assert_int_equal(session_image(mm)->alloc_peak, 600);
	reallocate(1, BASE, 0, 0); /* frees */
	assert_counts(0, 600, 1, 1);
	reallocate(0, 0, 0, 1ULL << 62);
	assert_counts(0, 600, 1, 1);
	allocate(0, BASE, 600);
	reallocate(1, BASE, BASE + 1024, 0); /* of other allocators' there remains one of 0 bytes */
	assert_counts(0, 1200, 2, 2);
	assert_counts(1, 0, 1, 0);
	assert_int_equal(allocs_of(1).blocks, 1);
	assert_int_equal(session_image(mm)->unknown_frees, 0);
	close_session();
}

/* Within realloc that jumped to it. */
static void test_jumped(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 600);
	enter(1, ALLOC_REALLOCARRAY, BASE, 2, 450, 0);
	enter(1, ALLOC_REALLOC, BASE, 900, 0, 0);
	leave(1, 0, 0); /* fails: the block stays */
	assert_int_equal(allocs_of(0).bytes, 600);
	enter(1, ALLOC_REALLOCARRAY, BASE, 2, 450, 0);
	enter(1, ALLOC_REALLOC, BASE, 900, 0, 0);
	leave(1, BASE + 4096, 0);
	leave(1, BASE + 4096, 0);
	assert_int_equal(allocs_of(0).bytes, 0);
	assert_int_equal(allocs_of(1).bytes, 900);
	assert_int_equal(session_count_blocks(), 1);
	close_session();
}

/* xallocx(block, size, more) returns how large the block is now. */
static void resize(int thread, __u64 block, __u64 size, __u64 more, __u64 now)
{
	enter(thread, ALLOC_RESIZE, block, size, more, 0);
	leave(thread, now, 0);
}

static void test_resizes(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 600);
	resize(1, BASE, 900, 0, 640); /* no room */
	assert_int_equal(allocs_of(0).bytes, 600);
	resize(1, BASE, 900, 0, 1024);
	assert_int_equal(allocs_of(0).bytes, 0);
	assert_int_equal(allocs_of(1).bytes, 900);
	resize(1, BASE, 1000, 1000, 1792);
	assert_int_equal(allocs_of(1).bytes, 1792);
	resize(1, BASE, 1000, 1000, 2048);
	assert_int_equal(allocs_of(1).bytes, 2000);
	resize(1, BASE, 100, ~0ULL, 4096);
	assert_int_equal(allocs_of(1).bytes, 4096);
	resize(1, BASE, 100, 0, 112);
	assert_int_equal(allocs_of(1).bytes, 100);
	assert_int_equal(session_count_blocks(), 1);
	close_session();
}

static __u32 missed(void)
{
	return session_image(mm)->loss_events[LOSS_blocks_missed];
}

/* What may throw: its blocks are counted, and their frees no error; what it is given goes. */
static void test_unfollowed(void **state)
{
	(void)state;
	open_fixture();
	enter(0, ALLOC_MALLOC | ALLOC_UNFOLLOWED, 600, 0, 0, 0);
	assert_int_equal(missed(), 1);
	release(0, BASE);
	assert_int_equal(session_image(mm)->unknown_frees, 1);
	allocate(0, BASE, 700);
	enter(0, ALLOC_REALLOC | ALLOC_UNFOLLOWED, BASE, 800, 0, 0);
	assert_int_equal(missed(), 2);
	assert_int_equal(session_count_blocks(), 0);
	session_ask_least_block(1000);
	enter(0, ALLOC_MALLOC | ALLOC_UNFOLLOWED, 999, 0, 0, 0);
	assert_int_equal(missed(), 2);
	close_session();
}

static void test_nested(void **state)
{
	(void)state;
	open_fixture();
	enter(0, ALLOC_REALLOC, 0, 640, 0, 0);
	enter(0, ALLOC_MALLOC, 656, 0, 0, 64); /* realloc(NULL) */
	leave(0, BASE, 64);
	leave(0, BASE, 0);
	assert_int_equal(allocs_of(0).bytes, 640);
	assert_int_equal(allocs_of(0).blocks, 1);
	assert_int_equal(allocs_of(0).taken_blocks, 1);
	assert_int_equal(allocs_of(0).freed_blocks, 0);
	/* left by longjmp: its return is never seen */
	enter(0, ALLOC_MALLOC, 111, 0, 0, 128);
	enter(0, ALLOC_MALLOC, 222, 0, 0, 0);
	leave(0, BASE + 2048, 0);
	assert_int_equal(allocs_of(0).bytes, 640 + 222);
	leave(0, BASE + 4096, 32); /* its entry was not seen */
	assert_int_equal(session_count_blocks(), 2);
	close_session();
}

/* How far above the functions' the stack of signals' handlers is. */
#define ABOVE (-0x8000ULL)

static void use_alternate_stack(int thread)
{
	threads[thread]->sas_ss_sp = STACK + 0x4000;
	threads[thread]->sas_ss_size = 0x8000;
}

/* The return of the function that a handler's signal came into is not forgotten, as the kernel
 * would where the handler's stack is above: that would end the process. */
static void test_handler_above(void **state)
{
	__u64 block = BASE + 4 * PAGE;

	(void)state;
	if (!has_sessions)
		skip(); /* nothing can be refused */
	open_fixture();
	use_alternate_stack(0);
	host_user_write(BASE, &block, sizeof(block));
	enter(0, ALLOC_POSIX, BASE, 64, 600, 0);
	enter(0, ALLOC_MALLOC, 5000, 0, 0, ABOVE);
	leave(0, BASE + 8 * PAGE, ABOVE);
	assert_true(session_is_awaited(STACK));
	leave(0, 0, 0);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_missed], 1);
	assert_int_equal(allocs_of(0).taken_bytes, 600);
	/* A handler that came while nothing was asked for, and one within it. */
	enter(0, ALLOC_MALLOC, 700, 0, 0, ABOVE);
	enter(0, ALLOC_MALLOC, 800, 0, 0, ABOVE + 64);
	leave(0, BASE + 16 * PAGE, ABOVE + 64);
	leave(0, BASE + 17 * PAGE, ABOVE);
	assert_int_equal(allocs_of(0).taken_bytes, 600 + 700 + 800);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_missed], 1);
	close_session();
}

/* Below it is as any function deeper in the stack. */
static void test_handler_below(void **state)
{
	(void)state;
	open_fixture();
	threads[0]->sas_ss_sp = STACK - 0x8000;
	threads[0]->sas_ss_size = 0x4000;
	enter(0, ALLOC_MALLOC, 600, 0, 0, 0);
	enter(0, ALLOC_MALLOC, 5000, 0, 0, 0x5000);
	leave(0, BASE + 8 * PAGE, 0x5000);
	assert_true(session_is_awaited(STACK));
	leave(0, BASE, 0);
	assert_int_equal(allocs_of(0).taken_bytes, 5600);
	close_session();
}

#define OUTER 1
#define INNER 2
#define HEADER 16

/* A malloc that asks another allocator for more, and keeps something in front of each block. */
static void allocate_by_two(int thread, __u64 address, __u64 bytes)
{
	session_use_allocator(OUTER);
	enter(thread, ALLOC_MALLOC, bytes, 0, 0, 0);
	session_use_allocator(INNER);
	enter(thread, ALLOC_CALLOC, 1, bytes + HEADER, 0, 64);
	enter(thread, ALLOC_MALLOC, bytes + HEADER, 0, 0, 128);
	leave(thread, address - HEADER, 128);
	leave(thread, address - HEADER, 64);
	leave(thread, address, 0);
}

/* At `depth` below the outer one; 0: it jumps there. */
static void release_by_two(int thread, __u64 address, __u64 depth)
{
	session_use_allocator(OUTER);
	enter(thread, ALLOC_FREE, address, 0, 0, 0);
	session_use_allocator(INNER);
	enter(thread, ALLOC_FREE, address - HEADER, 0, 0, depth);
}

static void reallocate_by_two(int thread, __u64 from, __u64 to, __u64 bytes)
{
	session_use_allocator(OUTER);
	enter(thread, ALLOC_REALLOC, from, bytes, 0, 0);
	session_use_allocator(INNER);
	enter(thread, ALLOC_MALLOC, bytes + HEADER, 0, 0, 64);
	leave(thread, to - HEADER, 64);
	enter(thread, ALLOC_FREE, from - HEADER, 0, 0, 64);
	leave(thread, to, 0);
}

static void test_two_allocators(void **state)
{
	(void)state;
	open_fixture();
	allocate_by_two(0, BASE + 1024, 600);
	allocate_by_two(1, BASE + 4096, 700);
	assert_int_equal(allocs_of(0).bytes, 600);
	assert_int_equal(allocs_of(0).taken_bytes, 600);
	assert_int_equal(allocs_of(1).blocks, 1);
	reallocate_by_two(0, BASE + 1024, BASE + 8192, 900);
	assert_int_equal(allocs_of(0).bytes, 900);
	assert_int_equal(allocs_of(0).taken_blocks, 2);
	assert_int_equal(session_count_blocks(), 2);
	release_by_two(1, BASE + 4096, 64);
	release_by_two(1, BASE + 8192, 0);
	assert_int_equal(session_count_blocks(), 0);
	assert_int_equal(session_image(mm)->unknown_frees, 0);
	release_by_two(1, BASE + 8192, 0); /* unknown, and one free of the program */
	assert_int_equal(session_image(mm)->unknown_frees, 1);
	/* Blocks that the program asks the inner one for are its own. */
	allocate(1, BASE + 1024, 500);
	assert_int_equal(allocs_of(1).bytes, 500);
	release(1, BASE + 1024);
	release(1, BASE + 1024);
	assert_int_equal(session_image(mm)->unknown_frees, 2);
	close_session();
}

/* A function of the outer one that an exception or longjmp has left, higher in the stack. */
static void test_left_outer(void **state)
{
	const __u64 other = 0x55d000001234;

	(void)state;
	if (!RETURN_ADDRESS_BYTES)
		skip(); /* the kernel's list loses what was left: not played here */
	open_fixture();
	allocate_by_two(0, BASE + 1024, 600);
	session_use_allocator(OUTER);
	enter(0, ALLOC_MALLOC, 111, 0, 0, 0);
	host_user_write(STACK, &other, sizeof(other)); /* what runs there now */
	session_use_allocator(INNER);
	enter(0, ALLOC_MALLOC, 222, 0, 0, 256);
	leave(0, BASE + 8192, 256);
	assert_int_equal(allocs_of(0).bytes, 600 + 222);
	/* Another thread is in none. */
	allocate(1, BASE + 4096, 333);
	assert_int_equal(allocs_of(1).bytes, 333);
	close_session();
}

/* What is too small for the outer one is none of the inner one's either. */
static void test_small_by_two(void **state)
{
	(void)state;
	open_fixture();
	session_ask_least_block(1000);
	allocate_by_two(0, BASE + 1024, 2000); /* that there are two is known from now on */
	allocate_by_two(0, BASE + 4096, 990);
	assert_int_equal(allocs_of(0).bytes, 2000);
	assert_int_equal(session_count_blocks(), 1);
	close_session();
}

static void test_full(void **state)
{
	(void)state;
	open_fixture();
	for (__u64 i = 0; i < MAX_BLOCKS + 3; i++)
		allocate(0, BASE + i * 8192, 3000);
	assert_int_equal(allocs_of(0).blocks, MAX_BLOCKS);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_full], 3);
	assert_int_equal(session_image(mm)->loss_pages[LOSS_blocks_full], 2); /* 9,000 bytes */
	close_session();
}

/* There are paths without a row, or without the table's amounts for them: not the blocks' fault. */
static void assert_pathless(__u32 events, __u32 pages)
{
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_full], 0);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_pathless], events);
	assert_int_equal(session_image(mm)->loss_pages[LOSS_blocks_pathless], pages);
	close_session();
}

static void test_full_of_rows(void **state)
{
	(void)state;
	open_fixture();
	session_limit_rows(1);
	for (int thread = 0; thread < NR_THREADS; thread++)
		allocate(thread, BASE + (__u64)thread * 8192, 5000);
	assert_int_equal(allocs_of(0).blocks, 1);
	assert_pathless(2, 2); /* 10,000 bytes */
}

static void test_full_of_amounts(void **state)
{
	(void)state;
	open_fixture();
	session_limit_allocs(1);
	for (int thread = 0; thread < NR_THREADS; thread++)
		allocate(thread, BASE + (__u64)thread * 8192, 5000);
	assert_int_equal(session_count_blocks(), 1);
	assert_pathless(2, 2);
}

/* Python's paths: the tables of sites and of nodes. */
static void allocate_on_paths(void)
{
	static const char *const functions[] = { "<module>", "f", "g", "h" };
	struct python python;

	python_make(&python, PYTHON_3_11);
	python_attach_thread(&python, threads[0]);
	session_set_python(mm, &python.layout, python.bias);
	for (__u64 i = 0; i < 4; i++) {
		python_call(&python, python_code(&python, "/srv/app.py", functions[i]));
		allocate(0, BASE + i * 8192, 5000);
		python_return(&python);
	}
}

static void test_full_of_nodes(void **state)
{
	(void)state;
	open_fixture();
	session_limit_nodes(8, 4);
	allocate_on_paths();
	assert_pathless(0, 0);
	open_fixture();
	session_limit_nodes(2, 4); /* none for calls and blocks */
	allocate_on_paths();
	assert_pathless(4, 4); /* 20,000 bytes */
}

static void test_full_of_sites(void **state)
{
	(void)state;
	open_fixture();
	session_limit_sites(2); /* one is [free in malloc]'s */
	allocate_on_paths();
	assert_pathless(3, 3);
}

/* Another block comes to the place of one that has gone; more places are not kept than said. */
static void test_places(void **state)
{
	(void)state;
	open_fixture();
	for (__u64 i = 0; i < 2 * KEPT_BLOCKS; i++)
		allocate(0, BASE + i * 64, 10);
	assert_int_equal(session_count_places(), 2 * KEPT_BLOCKS);
	for (__u64 i = 0; i < 2 * KEPT_BLOCKS; i++)
		release(1, BASE + i * 64);
	assert_int_equal(session_count_blocks(), 0);
	assert_int_equal(session_count_places(), KEPT_BLOCKS);
	release(0, BASE + (2 * KEPT_BLOCKS - 1) * 64); /* kept, but not a block */
	assert_int_equal(session_image(mm)->unknown_frees, 1);
	for (__u64 i = 0; i < MAX_BLOCKS; i++)
		allocate(1, BASE + i * 64, 20);
	assert_int_equal(allocs_of(0).blocks, 0);
	assert_int_equal(allocs_of(0).freed_blocks, 2 * KEPT_BLOCKS);
	assert_int_equal(allocs_of(1).blocks, MAX_BLOCKS);
	assert_int_equal(session_image(mm)->loss_events[LOSS_blocks_full], 0);
	close_session();
}

/* Small blocks are not followed, and where the kernel can their returns are not waited for, but
 * that of a realloc that may fail. */
static void test_small(void **state)
{
	(void)state;
	open_fixture();
	session_ask_least_block(1000);
	allocate(0, BASE, 999);
	allocate(0, BASE + 4096, 1000);
	reallocate(1, BASE, BASE + 8192, 10); /* not followed before, nor then */
	assert_int_equal(allocs_of(0).taken_blocks, 1);
	assert_int_equal(allocs_of(1).taken_blocks, 0);
	reallocate(1, BASE + 4096, 0, 500); /* fails */
	assert_int_equal(allocs_of(0).bytes, 1000);
	reallocate(1, BASE + 4096, BASE + 4096, 500);
	assert_int_equal(allocs_of(0).bytes, 0);
	assert_int_equal(allocs_of(1).bytes, 0);
	assert_int_equal(session_spared_returns(), has_sessions ? 2 : 0);
	close_session();
}

static void test_peak(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 1000);
	allocate(1, BASE + 4096, 5000); /* 6,000 */
	release(1, BASE + 4096);
	allocate(0, BASE + 8192, 2000); /* 3,000 */
	assert_int_equal(session_image(mm)->alloc_peak, 6000);
	assert_int_equal(allocs_of(0).at_peak, 1000);
	assert_int_equal(allocs_of(1).at_peak, 5000);
	close_session();
}

/* Whoever touches them: pages of a block are its path's, also those that come later. */
static void test_pages_of_blocks(void **state)
{
	(void)state;
	open_fixture();
	touch(1, BASE, 4);
	allocate(0, BASE + 16, 8 * PAGE); /* 7 whole pages, 3 of them there */
	assert_int_equal(live(0), 3);
	touch(1, BASE + 4 * PAGE, 6);
	assert_int_equal(live(0), 7);
	assert_int_equal(live(1), 3);
	release(1, BASE + 16);
	assert_int_equal(live(0), 0);
	assert_int_equal(live_free(), 7);
	allocate(1, BASE + PAGE, 2 * PAGE); /* used again */
	assert_int_equal(live(1), 5);
	assert_int_equal(live_free(), 5);
	session_enter(NR_munmap, BASE, 10 * PAGE, 0);
	session_change(mm, KIND_ANON, -10);
	assert_int_equal(live(1), 0);
	assert_int_equal(live_free(), 0);
	close_session();
}

static __u32 lost_owners(void)
{
	assert_int_equal(session_image(mm)->loss_pages[LOSS_owner_memory], 0);
	return session_image(mm)->loss_events[LOSS_owner_memory];
}

/* No memory to note whose the pages of a block are: of a region of it, of all that is to be noted
 * of the thread; and more than is looked at. */
static void test_pages_of_blocks_lost(void **state)
{
	(void)state;
	open_fixture_with(1);
	allocate(0, BASE, 3 * HUGE * PAGE);
	assert_int_equal(lost_owners(), 2);
	enter(1, ALLOC_MALLOC, 4 * PAGE, 0, 0, 0);
	host.is_short_of_memory = true;
	leave(1, BASE, 0);
	assert_int_equal(lost_owners(), 3);
	close_session();
}

static void test_pages_of_vast_block_lost(void **state)
{
	(void)state;
	open_fixture_with(16384);
	allocate(0, BASE, 16ULL << 30);
	assert_int_equal(lost_owners(), 0);
	allocate(0, BASE + (32ULL << 30), (16ULL << 30) + PAGE);
	assert_int_equal(lost_owners(), 1);
	close_session();
}

static void test_untouched(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 8 * PAGE);
	touch(1, BASE, 2);
	release(0, BASE);
	touch(1, BASE + 4 * PAGE, 2); /* nobody's block by now */
	assert_int_equal(live(0), 0);
	assert_int_equal(live(1), 2);
	assert_int_equal(live_free(), 2);
	close_session();
}

/* A free page is in use again with the first block that has a part of it. */
static void test_free_pages_used_in_part(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 8 * PAGE);
	touch(0, BASE, 8);
	release(0, BASE);
	assert_int_equal(live_free(), 8);
	allocate(1, BASE + 16, 600);
	allocate(2, BASE + 1016, 600); /* the same page */
	assert_int_equal(live(1), 1);
	assert_int_equal(live(2), 0);
	allocate(2, BASE + PAGE + 100, 5000); /* parts of two */
	assert_int_equal(live(2), 2);
	allocate(1, BASE + 3 * PAGE + 16, 3 * PAGE); /* two whole ones and parts of two */
	assert_int_equal(live(1), 5);
	assert_int_equal(live_free(), 1);
	allocate(0, BASE + 20 * PAGE, 10); /* not there */
	assert_int_equal(live(0), 0);
	close_session();
}

static void test_free_huge_page_used_in_part(void **state)
{
	const __u64 huge = HUGE * PAGE;

	(void)state;
	open_fixture();
	allocate(0, BASE, huge);
	machine_run(threads[0]);
	session_touch(BASE);
	session_change(mm, KIND_ANON, HUGE);
	release(0, BASE);
	assert_int_equal(live_free(), HUGE);
	allocate(1, BASE + PAGE + 16, 600);
	assert_int_equal(live(1), 1);
	assert_int_equal(live_free(), HUGE - 1);
	close_session();
}

static void test_huge_blocks(void **state)
{
	const __u64 huge = HUGE * PAGE;

	(void)state;
	open_fixture();
	allocate(0, BASE, 2 * huge + 3 * PAGE);
	machine_run(threads[1]);
	session_touch(BASE + 5 * PAGE);
	session_change(mm, KIND_ANON, HUGE); /* all at once */
	assert_int_equal(live(0), HUGE);
	touch(1, BASE + huge + PAGE, 1); /* and the next page by page */
	touch(1, BASE + 2 * huge, 4);
	assert_int_equal(live(0), HUGE + 4);
	assert_int_equal(live(1), 1);
	release(0, BASE);
	assert_int_equal(live(0), 0);
	assert_int_equal(live_free(), HUGE + 4);
	session_enter(NR_munmap, BASE, 3 * huge, 0);
	session_change(mm, KIND_ANON, -HUGE);
	session_change(mm, KIND_ANON, -1);
	session_change(mm, KIND_ANON, -4);
	assert_int_equal(live_free(), 0);
	assert_int_equal(live(1), 0);
	assert_int_equal(session_count_regions(), 0);
	close_session();
}

/* Pages of a file around a fault are not those of the block behind its mapping. */
static void test_files_beside_blocks(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE + 2 * PAGE, 8 * PAGE);
	machine_run(threads[1]);
	session_touch(BASE);
	session_change(mm, KIND_FILE, 2);
	session_touch(BASE + PAGE); /* a private page where one of the file was guessed */
	session_change(mm, KIND_ANON, 1);
	assert_int_equal(live(0), 0);
	assert_int_equal(live(1), 1);
	touch(1, BASE + 2 * PAGE, 8);
	assert_int_equal(live(0), 8);
	session_touch(BASE + 4 * PAGE);
	session_change(mm, KIND_FILE, 3); /* wrong guesses */
	close_session();
}

static void test_realloc_pages(void **state)
{
	(void)state;
	open_fixture();
	allocate(0, BASE, 8 * PAGE);
	touch(0, BASE, 8);
	reallocate(1, BASE, BASE, 5 * PAGE); /* shrunk in place */
	assert_int_equal(live(1), 5);
	assert_int_equal(live_free(), 3);
	enter(0, ALLOC_REALLOC, BASE, 16 * PAGE, 0, 0);
	touch(0, BASE + 32 * PAGE, 5); /* copied */
	allocate(2, BASE, 2 * PAGE);   /* another thread has some of the former block already */
	assert_int_equal(live(2), 2);
	leave(0, BASE + 32 * PAGE, 0);
	assert_int_equal(live_free(), 6);
	assert_int_equal(live(2), 2);
	assert_int_equal(live(0), 5);
	assert_int_equal(live(1), 0);
	close_session();
}

#define NR_vfork 58
#define VFORK 0x4100ULL /* CLONE_VFORK | CLONE_VM */
#define BESIDE 0x100ULL

static void begin_sharer(unsigned long number, __u64 first)
{
	static __u32 pid = 200;
	struct task_struct *child = machine_task_new(mm, pid, pid, "sharer");

	pid++;
	machine_run(threads[0]);
	host.registers = (struct pt_regs){ .SYSCALL_NUMBER = number, .SYSCALL_ARG1 = first };
	session_fork_event(threads[0], child);
}

/* Another process in this memory calls the allocator where no probe sees it. A vfork child begins a
 * program. */
static void test_shared_memory(void **state)
{
	const __u64 vfork_flags = VFORK, flags = BESIDE;

	open_fixture();
#ifndef __TARGET_ARCH_arm64 /* which has only clone() for it */
	begin_sharer(NR_vfork, 0);
#endif
	begin_sharer(NR_clone, VFORK);
	host_user_write(BASE, &vfork_flags, sizeof(vfork_flags));
	begin_sharer(NR_clone3, BASE);
	assert_int_equal(missed(), 0);
	begin_sharer(NR_clone, BESIDE);
	assert_int_equal(missed(), 1);
	host_user_write(BASE, &flags, sizeof(flags));
	begin_sharer(NR_clone3, BASE);
	assert_int_equal(missed(), 2);
	close_session();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_posix),
		cmocka_unit_test(test_posix_unreadable),
		cmocka_unit_test(test_made_up_sizes),
		cmocka_unit_test(test_reallocations),
		cmocka_unit_test(test_lows),
		cmocka_unit_test(test_failing_reallocations),
		cmocka_unit_test(test_jumped),
		cmocka_unit_test(test_resizes),
		cmocka_unit_test(test_unfollowed),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_handler_above),
		cmocka_unit_test(test_handler_below),
		cmocka_unit_test(test_two_allocators),
		cmocka_unit_test(test_left_outer),
		cmocka_unit_test(test_small_by_two),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_full_of_rows),
		cmocka_unit_test(test_full_of_amounts),
		cmocka_unit_test(test_full_of_nodes),
		cmocka_unit_test(test_full_of_sites),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_peak),
		cmocka_unit_test(test_pages_of_blocks),
		cmocka_unit_test(test_pages_of_blocks_lost),
		cmocka_unit_test(test_pages_of_vast_block_lost),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_huge_blocks),
		cmocka_unit_test(test_free_pages_used_in_part),
		cmocka_unit_test(test_free_huge_page_used_in_part),
		cmocka_unit_test(test_realloc_pages),
		cmocka_unit_test(test_files_beside_blocks),
		cmocka_unit_test(test_shared_memory),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	has_sessions = true;
	return cmocka_run_group_tests(tests, NULL, NULL) + failed;
}
