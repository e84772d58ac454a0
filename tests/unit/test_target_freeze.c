/* SPDX-License-Identifier: BSD-2-Clause */
/* A process stands as long as it is held, and goes on however that ends. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "target_freeze.h"

#define THREADS 3
#define NAP_US 1000

struct shared {
	volatile uint64_t rounds[THREADS];
	volatile int signals;
};

struct target {
	pid_t pid;
	struct shared *shared;
};

static struct shared *shared;

static void on_signal(int number)
{
	shared->signals++;
}

static void *count(void *context)
{
	volatile uint64_t *rounds = context;

	for (;;) {
		++*rounds;
		usleep(NAP_US);
	}
	return NULL;
}

_Noreturn static void run_target(void)
{
	pthread_t thread;

	signal(SIGUSR1, on_signal);
	for (int i = 1; i < THREADS; i++)
		pthread_create(&thread, NULL, count, (void *)&shared->rounds[i]);
	count((void *)&shared->rounds[0]);
	_exit(0);
}

static void await_rounds(void)
{
	for (int i = 0; i < THREADS; i++) {
		uint64_t before = shared->rounds[i];

		while (shared->rounds[i] == before)
			usleep(NAP_US);
	}
}

static int begin(void **state)
{
	static struct target target;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	target.pid = fork();
	if (!target.pid)
		run_target();
	await_rounds();
	*state = &target;
	return 0;
}

static int end(void **state)
{
	const struct target *target = *state;

	kill(target->pid, SIGKILL);
	waitpid(target->pid, NULL, 0);
	munmap(shared, sizeof(*shared));
	return 0;
}

/* The state of a thread is the word behind its name, which ends with the last bracket. */
static void assert_stands(pid_t pid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
	fclose(file);
	assert_int_equal(state, 't');
}

static void sum_rounds(uint64_t ret[THREADS])
{
	for (int i = 0; i < THREADS; i++)
		ret[i] = shared->rounds[i];
}

static void test_stands_and_goes_on(void **state)
{
	const struct target *target = *state;
	uint64_t before[THREADS], after[THREADS];
	struct target_freeze freeze;

	assert_int_equal(target_freeze_begin(target->pid, &freeze), 0);
	assert_stands(target->pid);
	sum_rounds(before);
	usleep(20 * NAP_US);
	kill(target->pid, SIGUSR1);
	usleep(20 * NAP_US);
	sum_rounds(after);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(shared->signals, 0);
	assert_true(target_freeze_end(&freeze) > 0);
	await_rounds();
	while (!shared->signals)
		usleep(NAP_US);
}

static void test_goes_on_when_the_tracer_is_killed(void **state)
{
	const struct target *target = *state;
	struct target_freeze freeze;

	assert_int_equal(target_freeze_begin(target->pid, &freeze), 0);
	kill(freeze.tracer, SIGKILL);
	await_rounds();
	target_freeze_end(&freeze);
}

/* As when memprobe itself is killed: the pipe closes, and nobody has said a word. */
static void test_goes_on_when_who_asked_is_killed(void **state)
{
	const struct target *target = *state;
	struct target_freeze freeze;
	pid_t asker = fork();
	int status;

	if (!asker) {
		int error = target_freeze_begin(target->pid, &freeze);

		kill(getpid(), error ? SIGTERM : SIGKILL);
	}
	assert_int_equal(waitpid(asker, &status, 0), asker);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	await_rounds();
}

static void test_says_that_it_cannot(void **state)
{
	const struct target *target = *state;
	struct target_freeze freeze, second;

	assert_int_equal(target_freeze_begin(target->pid, &freeze), 0);
	assert_int_equal(target_freeze_begin(target->pid, &second), -EPERM);
	target_freeze_end(&freeze);
	assert_int_equal(target_freeze_begin(0x7ffffff0, &second), -ESRCH);
	await_rounds();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stands_and_goes_on, begin, end),
		cmocka_unit_test_setup_teardown(test_goes_on_when_the_tracer_is_killed, begin, end),
		cmocka_unit_test_setup_teardown(test_goes_on_when_who_asked_is_killed, begin, end),
		cmocka_unit_test_setup_teardown(test_says_that_it_cannot, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
