/* SPDX-License-Identifier: BSD-2-Clause */
/* closer.h with a kernel that takes its time: closing holds nobody up, and nothing stays open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "closer.h"
#include "late_close.h"
#include "memory.h"

#define NR_PROBES 100

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int closed[NR_PROBES];
static bool has_signals, has_come, has_bpffs;
static int nr_left, opens_gate_at; /* left to the kernel; when so many are, the gate is opened */
static int nr_swept;
static uint64_t swept[2]; /* where */

/* Instead of late_close.c's. */
int late_close_open(void)
{
	return has_bpffs ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
}

bool late_close_link(int bpffs, int *link)
{
	if (bpffs < 0)
		return false;
	*link = -1;
	if (++nr_left == opens_gate_at)
		pthread_mutex_unlock(&gate);
	return true;
}

/* Instead of call_probe.c's. */
void call_probe_detach(struct call_probe *probe)
{
	sigset_t mask;

	__atomic_store_n(&has_come, true, __ATOMIC_RELEASE);
	pthread_mutex_lock(&gate);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	has_signals |= !sigismember(&mask, SIGINT) || !sigismember(&mask, SIGCHLD);
	closed[probe->multi]++;
	pthread_mutex_unlock(&gate);
}

int call_probe_attach_multi(struct call_probe *probe, int program, const struct call_place *place)
{
	struct stat status;

	assert_int_equal(program, 42);
	assert_int_equal(place->tgid, getpid());
	assert_int_equal(stat(place->path, &status), 0);
	assert_in_range(nr_swept, 0, ARRAY_SIZE(swept) - 1);
	probe->multi = nr_swept;
	swept[nr_swept++] = place->plan->sites[0].offset;
	return 0;
}

bool call_probe_is_empty(const struct call_probe *probe)
{
	return probe->multi < 0;
}

static void test_nobody_waits(void **state)
{
	struct closer *closer = closer_new();

	memset(closed, 0, sizeof(closed));
	pthread_mutex_lock(&gate);
	for (int i = 0; i < NR_PROBES; i++) {
		struct call_probe probe = { .multi = i };

		closer_take(closer, &probe);
		assert_int_equal(probe.multi, -1);
	}
	assert_int_equal(closer_count(closer), NR_PROBES);
	pthread_mutex_unlock(&gate);
	closer_free(closer);
	for (int i = 0; i < NR_PROBES; i++)
		assert_int_equal(closed[i], 1);
	assert_false(has_signals);
}

/* One that waits does for all that was forked meanwhile; each link is closed, and the file. */
static void test_sweeps(void **state)
{
	struct probe_plan one = { .sites = { { .offset = 100 } }, .nr_sites = 1 };
	struct probe_plan other = { .sites = { { .offset = 200 } }, .nr_sites = 1 };
	struct closer *closer = closer_new();
	struct call_probe first = { .multi = NR_PROBES - 1 };
	int file = open("/dev/null", O_RDONLY), next;

	memset(closed, 0, sizeof(closed));
	pthread_mutex_lock(&gate);
	has_come = false;
	closer_take(closer, &first);
	while (!__atomic_load_n(&has_come, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < 5; i++) {
		closer_sweep(closer, 42, file, &one);
		closer_sweep(closer, 42, file, &other);
	}
	assert_int_equal(closer_count(closer), 3);
	pthread_mutex_unlock(&gate);
	while (closer_count(closer))
		sched_yield();
	closer_free(closer);
	assert_int_equal(nr_swept, 2);
	assert_int_equal(swept[0], 100);
	assert_int_equal(swept[1], 200);
	assert_int_equal(closed[0], 1);
	assert_int_equal(closed[1], 1);
	next = open("/dev/null", O_RDONLY);
	assert_int_equal(next, file + 1);
	close(next);
	close(file);
}

/* While one probe is being closed: neither what is left to the kernel nor what waits is closed
 * here, and at the end nothing is swept. */
static void test_leaves_to_kernel(void **state)
{
	struct probe_plan plan = { .sites = { { .offset = 100 } }, .nr_sites = 1 };
	int file = open("/dev/null", O_RDONLY), next;
	struct closer *closer;

	has_bpffs = true;
	closer = closer_new();
	memset(closed, 0, sizeof(closed));
	nr_left = nr_swept = 0;
	opens_gate_at = 5;
	has_come = false;
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 3; i++) {
		struct call_probe taken = { .multi = i }, left = { .multi = 10 + i };

		closer_take(closer, &taken);
		while (!__atomic_load_n(&has_come, __ATOMIC_ACQUIRE))
			sched_yield();
		closer_leave(closer, &left);
		assert_int_equal(left.multi, -1);
		assert_int_equal(nr_left, i + 1);
	}
	closer_sweep(closer, 42, file, &plan);
	assert_int_equal(closer_count(closer), 4);
	closer_free(closer);
	has_bpffs = false;
	assert_int_equal(nr_left, 5);
	assert_int_equal(nr_swept, 0);
	assert_int_equal(closed[0], 1);
	assert_int_equal(closed[1] + closed[2], 0);
	next = open("/dev/null", O_RDONLY);
	assert_int_equal(next, file + 1);
	close(next);
	close(file);
}

static void test_leaves_where_it_must_close(void **state)
{
	struct closer *closer = closer_new();
	struct call_probe probe = { .multi = 7 };

	memset(closed, 0, sizeof(closed));
	closer_leave(closer, &probe);
	assert_int_equal(probe.multi, -1);
	closer_free(closer);
	assert_int_equal(closed[7], 1);
}

static void test_empty(void **state)
{
	struct closer *closer = closer_new();
	struct call_probe probe = { .multi = -1 };

	closer_take(closer, &probe);
	assert_int_equal(closer_count(closer), 0);
	closer_free(closer);
	closer_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_waits),
		cmocka_unit_test(test_sweeps),
		cmocka_unit_test(test_leaves_to_kernel),
		cmocka_unit_test(test_leaves_where_it_must_close),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
