/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf/cached.h on kernels to 6.1: a task gathers its faults in a cache that is flushed after 64 of
 * them; munmap, huge pages and other tasks change the shared count directly. Threads whose paths
 * are their names ("[native a]") do so here, and the books are compared with count and caches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "host/host.h"
#include "memory.h"
#include "session.h"

#define ROUNDS 300
#define STEPS 400
#define THREADS 4
#define HUGE_PAGES 512

static struct mm_struct *mm;
static struct task_struct *tasks[THREADS];
static struct task_struct *kswapd;
static unsigned int seed;
static unsigned int meanwhile; /* one in so many updates has others between it and its event */

/* Tasks between an update and its event. */
#define MAX_BUSY 2
static struct task_struct *busy[MAX_BUSY];
static unsigned int nr_busy;

static __u32 below(__u32 limit)
{
	return (__u32)rand_r(&seed) % limit;
}

static void open_fixture(enum session_kernel kernel)
{
	static const char *const names[THREADS] = { "a", "b", "c", "d" };

	session_open(kernel);
	tasks[0] = session_process(100, names[0]);
	mm = tasks[0]->mm;
	session_set_python(mm, NULL, 0);
	for (int i = 1; i < THREADS; i++)
		tasks[i] = machine_task_new(mm, 100, 100 + i, names[i]);
	kswapd = machine_task_new(machine_mm_new(false), 7, 7, "kswapd0");
	meanwhile = 0;
}

static void close_fixture(void)
{
	session_check();
	session_close();
}

static void on_each(void (*test)(void))
{
	for (int kernel = SESSION_CACHED; kernel < NR_SESSION_KERNELS; kernel++) {
		open_fixture(kernel);
		test();
		close_fixture();
	}
}

static void assert_report(const char *expected)
{
	_cleanup_(freep) char *report = session_report();

	assert_string_equal(report, expected);
}

static void random_action(void);

/* add_mm_counter() of the task that runs: the count moves, then comes the event. */
static void add_directly(__u32 kind, __s64 pages)
{
	struct task_struct *task = host.current;

	machine_count_add(mm, kind, pages);
	if (meanwhile && nr_busy < MAX_BUSY && !below(meanwhile)) {
		busy[nr_busy++] = task;
		random_action();
		nr_busy--;
		machine_run(task);
	}
	session_rss_event(mm, kind);
}

/* sync_mm_rss() */
static void flush(struct task_struct *task)
{
	machine_run(task);
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		int *cache = machine_cache(task, kind);

		if (!*cache)
			continue;
		add_directly(kind, *cache);
		*cache = 0;
	}
	machine_cache_end_flush(task);
}

/* handle_mm_fault() */
static void fault(struct task_struct *task, __u32 kind, int pages)
{
	machine_run(task);
	session_fault_event();
	if (machine_cache_is_due(task))
		flush(task);
	if (pages == HUGE_PAGES)
		add_directly(kind, pages);
	else
		machine_cache_add(task, kind, pages);
}

/* A private write to a page of a file. */
static void copy_on_write(struct task_struct *task)
{
	fault(task, KIND_ANON, 1);
	machine_cache_add(task, KIND_FILE, -1);
}

/* add_mm_rss_vec() of zap_pte_range(): 512 pages at most, those of one table */
static void zap(struct task_struct *task, __u32 kind, __s64 pages)
{
	flush(task);
	add_directly(kind, -pages);
}

static void change_from_outside(__u32 kind, __s64 pages)
{
	machine_run(kswapd);
	add_directly(kind, pages);
}

/* Faults in the kernel's own code (GUP) have no tracepoint. */
static void populate(struct task_struct *task, int pages)
{
	machine_run(task);
	for (int i = 0; i < pages; i++) {
		if (machine_cache_is_due(task))
			flush(task);
		machine_cache_add(task, KIND_ANON, 1);
	}
}

static void exit_thread(struct task_struct *task)
{
	task->flags |= PF_EXITING;
	flush(task);
	task->flags &= ~(unsigned int)PF_EXITING;
}

static __s64 real_pages(__u32 kind)
{
	__s64 pages = machine_count(mm, kind);

	for (int i = 0; i < THREADS; i++)
		pages += *machine_cache(tasks[i], kind);
	return pages;
}

static bool is_balanced(void)
{
	for (__u32 kind = 0; kind < NR_KINDS; kind++)
		if (session_image(mm)->books[kind] != real_pages(kind))
			return false;
	return true;
}

/* Books and balance agree with the kernel, and with each other. */
static void assert_balanced(void)
{
	struct wire_balance balance;

	session_settle(tasks, THREADS);
	session_balance(tasks[1], &balance);
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		assert_int_equal(balance.books[kind], real_pages(kind));
		assert_int_equal(balance.kernel[kind], real_pages(kind));
	}
	session_check();
}

static void check_faults(void)
{
	for (int i = 0; i < 1000; i++)
		fault(tasks[1], KIND_ANON, 1);
	for (int i = 0; i < 3000; i++)
		fault(tasks[2], KIND_ANON, 1);
	assert_balanced();
	assert_report("[native b] anon+1000\n[native c] anon+3000\n");
	assert_int_equal(session_thread(101)->growth, 1000);
	assert_int_equal(session_thread(102)->growth, 3000);
}

static void test_faults(void **state)
{
	on_each(check_faults);
}

static void check_kinds(void)
{
	for (int i = 0; i < 200; i++) {
		fault(tasks[1], KIND_FILE, 16);
		fault(tasks[1], KIND_SHMEM, 1);
		copy_on_write(tasks[1]);
	}
	assert_balanced();
	assert_report("[native b] file+3200-200 anon+200 shmem+200\n");
}

static void test_kinds(void **state)
{
	on_each(check_kinds);
}

/* A flush that moves a single page is still one. */
static void check_flush_of_one(void)
{
	fault(tasks[1], KIND_FILE, 1);
	for (int i = 0; i < 100; i++)
		fault(tasks[1], KIND_ANON, 1);
	assert_balanced();
	assert_report("[native b] file+1 anon+100\n");
}

static void test_flush_of_one(void **state)
{
	on_each(check_flush_of_one);
}

static void check_zap(void)
{
	for (int i = 0; i < 500; i++)
		fault(tasks[1], KIND_ANON, 1);
	zap(tasks[2], KIND_ANON, 400);
	zap(tasks[1], KIND_ANON, 1); /* one page, and the cache of its own is not empty */
	zap(tasks[1], KIND_ANON, 99);
	assert_balanced();
	assert_report("[native b] anon+500-100\n[native c] anon-400\n");
}

static void test_zap(void **state)
{
	on_each(check_zap);
}

static void check_huge(void)
{
	for (int i = 0; i < 300; i++)
		fault(tasks[1], KIND_ANON, i % 10 ? 1 : HUGE_PAGES);
	zap(tasks[1], KIND_ANON, HUGE_PAGES);
	assert_balanced();
	assert_report("[native b] anon+15630-512\n");
}

static void test_huge(void **state)
{
	on_each(check_huge);
}

/* Another thread's huge page comes between one's update and its event, again and again. */
static void check_huge_at_once(void)
{
	for (int i = 0; i < 20; i++) {
		fault(tasks[1], KIND_ANON, 1);
		machine_count_add(mm, KIND_ANON, HUGE_PAGES);
		fault(tasks[2], KIND_ANON, 1);
		fault(tasks[2], KIND_ANON, HUGE_PAGES);
		machine_run(tasks[1]);
		session_rss_event(mm, KIND_ANON);
	}
	assert_balanced();
	assert_report("[native b] anon+10260\n[native c] anon+10260\n");
}

/* Both before there is anything in a cache, and as they go. */
static void check_huge_at_first(void)
{
	machine_run(tasks[1]);
	session_fault_event();
	machine_count_add(mm, KIND_ANON, HUGE_PAGES);
	fault(tasks[2], KIND_ANON, HUGE_PAGES);
	machine_run(tasks[1]);
	session_rss_event(mm, KIND_ANON);
	machine_count_add(mm, KIND_ANON, -HUGE_PAGES);
	machine_run(tasks[2]);
	add_directly(KIND_ANON, -HUGE_PAGES);
	machine_run(tasks[1]);
	session_rss_event(mm, KIND_ANON);
	assert_balanced();
	assert_report("[native b] anon+512-512\n[native c] anon+512-512\n");
}

static void test_huge_at_once(void **state)
{
	on_each(check_huge_at_once);
	on_each(check_huge_at_first);
}

static void check_exit(void)
{
	for (int i = 0; i < 11; i++)
		fault(tasks[1], KIND_ANON, 1);
	fault(tasks[2], KIND_ANON, 1);
	exit_thread(tasks[1]);
	exit_thread(tasks[2]); /* a flush of one page */
	assert_balanced();
	assert_report("[native b] anon+11\n[native c] anon+1\n");
}

static void test_exit(void **state)
{
	on_each(check_exit);
}

static void check_outside(void)
{
	for (int i = 0; i < 100; i++)
		fault(tasks[1], KIND_ANON, 1);
	change_from_outside(KIND_ANON, -30);
	change_from_outside(KIND_SWAP, 30);
	tasks[1]->flags = PF_MEMALLOC;
	machine_run(tasks[1]);
	for (int i = 0; i < 7; i++) /* reclaim in its own context: page by page */
		add_directly(KIND_ANON, -1);
	tasks[1]->flags = 0;
	assert_balanced();
	assert_report("[kernel] anon-37 swap+30\n[native b] anon+100\n");
}

static void test_outside(void **state)
{
	on_each(check_outside);
}

/* What comes without faults is booked on the path that the next event finds, not on the last. */
static void check_populate(void)
{
	fault(tasks[1], KIND_ANON, 1);
	strcpy(tasks[1]->comm, "later");
	populate(tasks[1], 500);
	assert_balanced();
	assert_report("[native later] anon+501\n");
}

static void test_populate(void **state)
{
	on_each(check_populate);
}

/* Faults of code that must not fault bring no pages: the walk's own reads. */
static void check_own_faults(void)
{
	machine_run(tasks[1]);
	tasks[1]->pagefault_disabled = 1;
	session_fault_event();
	assert_null(session_thread(101));
	tasks[1]->pagefault_disabled = 0;
	session_fault_event();
	assert_non_null(session_thread(101));
}

static void test_own_faults(void **state)
{
	on_each(check_own_faults);
}

/* Attach in the middle: what caches hold is inherited, what comes then is booked. */
static void test_attach(void **state)
{
	struct task_struct *all[THREADS];

	session_open(SESSION_CACHED);
	mm = machine_mm_new(false);
	for (int i = 0; i < THREADS; i++)
		all[i] = tasks[i] = machine_task_new(mm, 300, 300 + i, "old");
	for (int i = 0; i < THREADS; i++)
		machine_cache_add(all[i], KIND_ANON, 10 * i);
	machine_count_add(mm, KIND_ANON, 1000);
	machine_run(all[0]);
	session_follow(300, 1);
	session_attach(all, THREADS);
	session_set_python(mm, NULL, 0);
	assert_int_equal(session_image(mm)->opening[KIND_ANON], 1060);
	for (int i = 0; i < 100; i++)
		fault(all[3], KIND_ANON, 1);
	assert_balanced();
	assert_report("[native old] anon+100\n");
	close_fixture();
}

/* A thread whose caches nobody can keep, though it makes no event: counted. */
static void test_attach_full(void **state)
{
	struct task_struct *all[THREADS];

	session_open(SESSION_CACHED);
	session_limit_threads(1);
	mm = machine_mm_new(false);
	for (int i = 0; i < THREADS; i++)
		all[i] = machine_task_new(mm, 300, 300 + i, "old");
	machine_run(all[0]);
	session_follow(300, 1);
	session_attach(all, THREADS);
	session_set_python(mm, NULL, 0);
	assert_report("!threads_full 3 events 0 pages\n");
	close_fixture();
}

static bool is_busy(const struct task_struct *task)
{
	for (unsigned int i = 0; i < nr_busy; i++)
		if (busy[i] == task)
			return true;
	return false;
}

static struct task_struct *free_task(void)
{
	struct task_struct *task;

	do
		task = tasks[below(THREADS)];
	while (is_busy(task));
	return task;
}

/* Whatever a process does. */
static void random_action(void)
{
	struct task_struct *task = free_task();

	switch (below(12)) {
	case 0:
		zap(task, below(NR_KINDS), 1 + below(HUGE_PAGES));
		break;
	case 1:
		fault(task, KIND_ANON, HUGE_PAGES);
		break;
	case 2:
		if (!is_busy(kswapd))
			change_from_outside(below(NR_KINDS), (__s64)below(100) - 50);
		break;
	case 3:
		copy_on_write(task);
		break;
	case 4:
		fault(task, KIND_FILE, 1 + (int)below(16));
		break;
	case 5:
		populate(task, 1 + (int)below(100));
		break;
	case 6:
		if (!below(10))
			exit_thread(task);
		break;
	default:
		for (__u32 i = below(60); i > 0; i--)
			fault(task, KIND_ANON, 1);
	}
}

static void test_sums(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		open_fixture(round % 2 ? SESSION_CACHED : SESSION_OLDEST);
		for (int step = 0; step < STEPS; step++)
			random_action();
		assert_balanced();
		close_fixture();
	}
}

/*
 * Others come between an update and its event. What one event takes that was another's, the next
 * change of the count itself gives back.
 */
static void test_events_at_once(void **state)
{
	unsigned int unbalanced = 0;

	for (int round = 0; round < ROUNDS; round++) {
		open_fixture(round % 2 ? SESSION_CACHED : SESSION_OLDEST);
		for (int step = 0; step < STEPS; step++) {
			meanwhile = 8;
			random_action();
		}
		meanwhile = 0;
		session_settle(tasks, THREADS);
		session_check();
		unbalanced += !is_balanced();
		for (__u32 kind = 0; kind < NR_KINDS; kind++)
			change_from_outside(kind, 1);
		assert_balanced();
		close_fixture();
	}
	print_message("unbalanced until the next direct change: %u of %d\n", unbalanced, ROUNDS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),	       cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_flush_of_one),   cmocka_unit_test(test_zap),
		cmocka_unit_test(test_huge),	       cmocka_unit_test(test_huge_at_once),
		cmocka_unit_test(test_exit),	       cmocka_unit_test(test_outside),
		cmocka_unit_test(test_populate),       cmocka_unit_test(test_own_faults),
		cmocka_unit_test(test_attach),	       cmocka_unit_test(test_sums),
		cmocka_unit_test(test_events_at_once), cmocka_unit_test(test_attach_full),
	};

	seed = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 0) : (unsigned int)time(NULL);
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
