/* SPDX-License-Identifier: BSD-2-Clause */
/* closer.h with a kernel that takes its time: closing holds nobody up, and nothing stays open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>

#include "closer.h"

#define NR_PROBES 100

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int closed[NR_PROBES];
static bool has_signals;

/* Instead of call_probe.c's. */
void call_probe_detach(struct call_probe *probe)
{
	sigset_t mask;

	pthread_mutex_lock(&gate);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	has_signals |= !sigismember(&mask, SIGINT) || !sigismember(&mask, SIGCHLD);
	closed[probe->multi]++;
	pthread_mutex_unlock(&gate);
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
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
