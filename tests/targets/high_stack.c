/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A signal's handler that allocates, on a stack of its own above that of the thread, while the
 * thread is in posix_memalign: where that puts the block may not be written until the handler has
 * run.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096
#define STACK_BYTES (256UL << 10)
#define HANDLER_BYTES 5000
#define OUTER_BYTES 7000
#define MAX_BLOCKS 1000

static char *page;
void *kept[2 * MAX_BLOCKS]; /* for anybody to read, or the compiler leaves malloc out */
static size_t nr_kept;

static void on_fault(int number)
{
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	kept[nr_kept++] = malloc(HANDLER_BYTES);
}

struct work {
	char *alternate_stack;
	size_t count;
};

static void *run(void *context)
{
	const struct work *work = context;
	stack_t alternate = { .ss_sp = work->alternate_stack, .ss_size = STACK_BYTES };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK };

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (size_t i = 0; i < work->count; i++) {
		mprotect(page, PAGE, PROT_READ);
		if (!posix_memalign((void **)page, 64, OUTER_BYTES))
			kept[nr_kept++] = *(void **)page;
	}
	return NULL;
}

/* Returns how many blocks there are: two a round. */
size_t high_stack_take(size_t count)
{
	char *stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct work work = { stacks + STACK_BYTES, count < MAX_BLOCKS ? count : MAX_BLOCKS };
	pthread_attr_t attributes;
	pthread_t thread;

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stacks, STACK_BYTES);
	if (pthread_create(&thread, &attributes, run, &work))
		return 0;
	pthread_join(thread, NULL);
	return nr_kept;
}
