/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inspecting process with a service of the test's own: one that hangs, ends, computes without
 * end, takes all memory or tries what it must not is replaced, and the next question is answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspector.h"
#include "memory.h"

#define LARGE_BYTES 300000

enum { ECHO, LARGE, DESCRIPTOR, HANG, STOP, DIE, LIE, EAT, FORBIDDEN, COUNT, SLOW, NR_KINDS };

static void handle_echo(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	memcpy(reply->bytes, request, size);
	reply->size = size;
	reply->status = -ENOENT;
}

static void handle_large(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	for (size_t i = 0; i < reply->capacity; i++)
		reply->bytes[i] = (uint8_t)(i * 7);
	reply->size = reply->capacity;
}

static void handle_descriptor(void *state, const void *request, size_t size,
			      struct inspect_reply *reply)
{
	reply->fd = open("/dev/null", O_RDONLY);
}

/* On a FIFO that nobody writes to. */
static void handle_hang(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	open(request, O_RDONLY);
}

static void handle_stop(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	for (;;)
		syscall(SYS_nanosleep, &(struct timespec){ .tv_sec = 100 }, NULL);
}

static void handle_die(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	_exit(0);
}

/* More than was agreed on. */
static void handle_lie(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	reply->size = reply->capacity + 1;
}

static void handle_eat(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	for (;;)
		*(volatile uint8_t *)xmalloc(1 << 20) = 1;
}

static void handle_forbidden(void *state, const void *request, size_t size,
			     struct inspect_reply *reply)
{
	pid_t parent = *(const pid_t *)request;
	int *errors = (int *)reply->bytes;
	int tries[] = {
		kill(parent, 0) ? errno : 0,
		(int)syscall(SYS_tgkill, parent, parent, 0) ? errno : 0,
		open("/tmp/memprobe-never", O_CREAT | O_WRONLY, 0600) < 0 ? errno : 0,
		socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0,
		fork() < 0 ? errno : 0,
		execl("/bin/true", "true", NULL) ? errno : 0,
		mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno
											     : 0,
		write(1, "", 1) < 0 ? errno : 0,
	};

	memcpy(errors, tries, sizeof(tries));
	reply->size = sizeof(tries);
}

static void *new_count(void)
{
	return xcalloc(1, sizeof(int));
}

static void handle_count(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	reply->status = -++*(int *)state;
}

/* An answer that takes so much CPU time. Who is to end waits for LITTLE_MS, all others for
 * 5 s: for both of the rest. These are far apart, because on a busy machine who waits may come to
 * look late, and an answer that is there by then is taken; and ANSWER_MS is little of 15 s, which
 * no answer may take by the clock. */
#define LITTLE_MS 50
#define ANSWER_MS 100
#define FOREVER_MS 3000

static void handle_slow(void *state, const void *request, size_t size, struct inspect_reply *reply)
{
	clock_t end = clock() + CLOCKS_PER_SEC / 1000 * *(const int *)request;

	while (clock() < end)
		;
	reply->status = -ENOENT;
}

static const struct inspect_kind kinds[NR_KINDS] = {
	[ECHO] = { "echoes", 64, 64, handle_echo },
	[LARGE] = { "large ones", 0, LARGE_BYTES, handle_large },
	[DESCRIPTOR] = { "descriptors", 0, 0, handle_descriptor },
	[HANG] = { "hanging ones", 256, 0, handle_hang },
	[STOP] = { "sleeping ones", 0, 0, handle_stop },
	[DIE] = { "dying ones", 0, 0, handle_die },
	[LIE] = { "lies", 0, 16, handle_lie },
	[EAT] = { "eaters", 0, 0, handle_eat },
	[FORBIDDEN] = { "forbidden ones", sizeof(pid_t), 256, handle_forbidden },
	[COUNT] = { "counts", 0, 0, handle_count },
	[SLOW] = { "slow ones", sizeof(int), 0, handle_slow, LITTLE_MS },
};

static const struct inspect_service service = { kinds, NR_KINDS, new_count };

static int ask_with(struct inspector *inspector, uint32_t kind, const void *request, size_t size)
{
	struct inspect_answer answer;
	int status = inspector_ask(inspector, kind, request, size, &answer);

	inspect_answer_clear(&answer);
	return status;
}

static int ask(struct inspector *inspector, uint32_t kind)
{
	return ask_with(inspector, kind, NULL, 0);
}

static int ask_slow(struct inspector *inspector, int cpu_ms)
{
	return ask_with(inspector, SLOW, &cpu_ms, sizeof(cpu_ms));
}

static void answers(void **state)
{
	struct inspector *inspector = inspector_new(&service);
	struct inspect_answer answer;

	assert_int_equal(inspector_ask(inspector, ECHO, "question", 9, &answer), -ENOENT);
	assert_int_equal(answer.size, 9);
	assert_memory_equal(answer.bytes, "question", 9);
	assert_int_equal(answer.fd, -1);
	inspect_answer_clear(&answer);
	assert_int_equal(inspector_ask(inspector, ECHO, kinds, 65, &answer), -EINVAL);
	inspect_answer_clear(&answer);
	inspector_free(inspector);
}

static void answers_in_parts(void **state)
{
	struct inspector *inspector = inspector_new(&service);
	struct inspect_answer answer;

	assert_int_equal(inspector_ask(inspector, LARGE, NULL, 0, &answer), 0);
	assert_int_equal(answer.size, LARGE_BYTES);
	for (size_t i = 0; i < answer.size; i++)
		assert_int_equal(answer.bytes[i], (uint8_t)(i * 7));
	inspect_answer_clear(&answer);
	inspector_free(inspector);
}

static void passes_descriptors(void **state)
{
	struct inspector *inspector = inspector_new(&service);
	struct inspect_answer answer;

	assert_int_equal(inspector_ask(inspector, DESCRIPTOR, NULL, 0, &answer), 0);
	assert_true(answer.fd >= 0);
	assert_int_equal(fcntl(answer.fd, F_GETFD), FD_CLOEXEC);
	inspect_answer_clear(&answer);
	inspector_free(inspector);
}

/* The process is another one afterwards, and has forgotten. */
static void check_replaced(uint32_t kind, int expected)
{
	struct inspector *inspector = inspector_new(&service);
	pid_t first = inspector_pid(inspector);

	assert_true(first > 0);
	assert_int_equal(ask(inspector, COUNT), -1);
	assert_int_equal(ask(inspector, COUNT), -2);
	assert_int_equal(ask(inspector, kind), expected);
	assert_int_equal(ask(inspector, COUNT), -1);
	assert_int_not_equal(inspector_pid(inspector), first);
	inspector_free(inspector);
}

static void replaces_one_that_sleeps(void **state)
{
	check_replaced(STOP, -ETIME);
}

static void replaces_one_that_ends(void **state)
{
	check_replaced(DIE, -EPIPE);
}

static void replaces_one_that_lies(void **state)
{
	check_replaced(LIE, -EPIPE);
}

static void replaces_one_that_eats(void **state)
{
#ifndef __SANITIZE_ADDRESS__
	check_replaced(EAT, -EPIPE);
#endif
}

static void replaces_one_on_a_fifo(void **state)
{
	struct inspector *inspector = inspector_new(&service);
	char path[] = "/tmp/memprobe-fifo-XXXXXX", fifo[64];
	struct inspect_answer answer;

	assert_non_null(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(inspector_ask(inspector, HANG, fifo, sizeof(fifo), &answer), -ETIME);
	inspect_answer_clear(&answer);
	assert_int_equal(ask(inspector, COUNT), -1);
	unlink(fifo);
	rmdir(path);
	inspector_free(inspector);
}

/* Killed from outside, or stopped. */
static void survives_signals_to_it(void **state)
{
	struct inspector *inspector = inspector_new(&service);

	kill(inspector_pid(inspector), SIGKILL);
	while (waitid(P_PID, inspector_pid(inspector), &(siginfo_t){ 0 }, WEXITED | WNOWAIT))
		;
	assert_int_equal(ask(inspector, COUNT), -1);
	kill(inspector_pid(inspector), SIGSTOP);
	assert_int_equal(ask(inspector, COUNT), -ETIME);
	assert_int_equal(ask(inspector, COUNT), -1);
	inspector_free(inspector);
}

static void note_gave_up(void *context, const char *what)
{
	*(const char **)context = what;
}

static void gives_up_one_kind(void **state)
{
	struct inspector *inspector = inspector_new(&service);
	const char *what = NULL;
	const struct inspector_listener listener = { .context = &what, .gave_up = note_gave_up };

	inspector_listen(inspector, &listener);
	for (int i = 0; i < 3; i++) {
		assert_null(what);
		assert_int_equal(ask(inspector, DIE), -EPIPE);
	}
	assert_string_equal(what, "dying ones");
	assert_int_equal(ask(inspector, DIE), -EDQUOT);
	assert_int_equal(ask(inspector, COUNT), -1);
	inspector_free(inspector);
}

/* Somebody who asks for an end through a pipe. */
struct asker {
	int ends[2];
	bool is_urgent;
};

static bool hear_asker(void *context)
{
	struct asker *asker = context;
	char byte;

	if (read(asker->ends[0], &byte, 1) == 1)
		asker->is_urgent = true;
	return asker->is_urgent;
}

static struct inspector *new_heard(struct asker *asker)
{
	struct inspector *inspector = inspector_new(&service);
	struct inspector_listener listener = { .context = asker, .is_urgent = hear_asker };

	*asker = (struct asker){ 0 };
	assert_int_equal(pipe2(asker->ends, O_NONBLOCK | O_CLOEXEC), 0);
	listener.fd = asker->ends[0];
	inspector_listen(inspector, &listener);
	return inspector;
}

static void close_heard(struct inspector *inspector, struct asker *asker)
{
	inspector_free(inspector);
	close(asker->ends[0]);
	close(asker->ends[1]);
}

/* An answer that would come is waited for, but not by who is to end. */
static void hurries(void **state)
{
	struct asker asker;
	struct inspector *inspector = new_heard(&asker);

	assert_int_equal(ask_slow(inspector, ANSWER_MS), -ENOENT);
	assert_int_equal(write(asker.ends[1], "", 1), 1);
	assert_int_equal(ask_slow(inspector, FOREVER_MS), -ETIME);
	assert_true(asker.is_urgent);
	asker.is_urgent = false;
	assert_int_equal(ask(inspector, COUNT), -1);
	close_heard(inspector, &asker);
}

/* Once the time is used up nothing is asked, until there is time again. No kind is given up. */
static void hurries_in_all(void **state)
{
	struct asker asker;
	struct inspector *inspector = new_heard(&asker);
	int status = -ETIME;

	asker.is_urgent = true;
	for (int i = 0; i < 100 && status == -ETIME; i++)
		status = ask(inspector, STOP);
	assert_int_equal(status, -EDQUOT);
	assert_int_equal(ask(inspector, COUNT), -EDQUOT);
	asker.is_urgent = false;
	assert_int_equal(ask(inspector, COUNT), -1);
	assert_int_equal(ask(inspector, STOP), -ETIME);
	close_heard(inspector, &asker);
}

/* It is heard while an answer is waited for. */
static void hears_meanwhile(void **state)
{
	struct asker asker;
	struct inspector *inspector = new_heard(&asker);
	pid_t writer = fork();

	if (!writer) {
		/* The process that answers is at it, when it has used CPU time. */
		clockid_t clock = 0;
		struct timespec used = { 0 };

		clock_getcpuclockid(inspector_pid(inspector), &clock);
		for (; !used.tv_sec && used.tv_nsec < 20000000; poll(NULL, 0, 1))
			clock_gettime(clock, &used);
		_exit(write(asker.ends[1], "", 1) != 1);
	}
	assert_int_equal(ask_slow(inspector, FOREVER_MS), -ETIME);
	assert_true(asker.is_urgent);
	while (waitpid(writer, NULL, 0) < 0)
		;
	close_heard(inspector, &asker);
}

static void cannot_act_on_others(void **state)
{
	struct inspector *inspector = inspector_new(&service);
	struct inspect_answer answer;
	pid_t self = getpid();
	int errors[8];

	assert_int_equal(inspector_ask(inspector, FORBIDDEN, &self, sizeof(self), &answer), 0);
	assert_int_equal(answer.size, sizeof(errors));
	memcpy(errors, answer.bytes, sizeof(errors));
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		assert_int_equal(errors[i], ENOSYS);
	inspect_answer_clear(&answer);
	inspector_free(inspector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(answers_in_parts),
		cmocka_unit_test(passes_descriptors),
		cmocka_unit_test(replaces_one_that_sleeps),
		cmocka_unit_test(replaces_one_that_ends),
		cmocka_unit_test(replaces_one_that_lies),
		cmocka_unit_test(replaces_one_that_eats),
		cmocka_unit_test(replaces_one_on_a_fifo),
		cmocka_unit_test(survives_signals_to_it),
		cmocka_unit_test(gives_up_one_kind),
		cmocka_unit_test(hurries),
		cmocka_unit_test(hurries_in_all),
		cmocka_unit_test(hears_meanwhile),
		cmocka_unit_test(cannot_act_on_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
