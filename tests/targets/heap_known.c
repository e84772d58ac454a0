/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_known CASE: a heap of glibc's malloc at rest, and what mallinfo2() says of it, to the byte:
 * nothing is allocated between its answer and the end. A line on its input makes it call
 * malloc_trim and say so. Or one that threads change without rest.
 *
 *     small N    N blocks of many sizes, a third stays
 *     usable N   the same, with what malloc_usable_size() says of those that stay: of any allocator
 *     threads N  the same in four threads
 *     fast N     blocks that lie in fast bins, a third stays between them
 *     freed N    the same, of which few stay: whole pages of them are free
 *     freed_threads N  the same in four threads
 *     joined N   as freed, with larger ones between them
 *     foreign N  as small, twice, and between them memory from sbrk that is not malloc's
 *     mapped N   blocks with mappings of their own
 *     churn S    four threads allocate as fast as they can, for S seconds
 */
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NR_THREADS 4
#define CHURNED 20000
#define FEW 500 /* one in so many stays */

static pthread_barrier_t barrier;
static unsigned int count;
static size_t usable; /* of the blocks that stay */

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1103515245U + 12345U;
	return *state >> 8;
}

static size_t draw_size(uint32_t *state, unsigned int i)
{
	return 16 + draw(state) % (i % 50 ? 600 : 20000);
}

static void make_blocks(uint32_t seed)
{
	void **blocks = calloc(count, sizeof(*blocks));

	for (unsigned int i = 0; i < count; i++) {
		size_t size = draw_size(&seed, i);

		blocks[i] = malloc(size);
		memset(blocks[i], 1, size);
	}
	for (unsigned int i = 0; i < count; i++)
		if (draw(&seed) % 3)
			free(blocks[i]);
		else
			__atomic_add_fetch(&usable, malloc_usable_size(blocks[i]),
					   __ATOMIC_RELAXED);
	free(blocks);
}

/* One in so many stays. A thread's own cache takes the first seven of a size. */
static void make_fast(unsigned int share, bool has_larger)
{
	void **blocks = calloc(count, sizeof(*blocks));

	for (unsigned int i = 0; i < count; i++)
		blocks[i] = malloc(has_larger && i % 5 == 0 ? 1000 : 24 + i % 6 * 16);
	for (unsigned int i = 0; i < count; i++)
		if (i % share)
			free(blocks[i]);
}

static void *run_thread(void *seed)
{
	make_blocks((uint32_t)(uintptr_t)seed);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void *run_thread_freed(void *seed)
{
	make_fast(FEW, (uintptr_t)seed % 2 == 0);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void begin_threads(void *(*run)(void *))
{
	pthread_t thread;

	for (uintptr_t i = 0; i < NR_THREADS; i++)
		pthread_create(&thread, NULL, run, (void *)(i + 1));
	pthread_barrier_wait(&barrier);
}

static void make_mapped(void)
{
	for (unsigned int i = 0; i < count; i++) {
		char *block = malloc(1000000);

		block[i] = 1;
	}
}

static void *churn(void *seed)
{
	uint32_t state = (uint32_t)(uintptr_t)seed;
	void **blocks = calloc(CHURNED, sizeof(*blocks));

	for (unsigned int i = 0; i < CHURNED; i++)
		blocks[i] = malloc(draw_size(&state, i));
	pthread_barrier_wait(&barrier);
	for (;;) {
		unsigned int i = draw(&state) % CHURNED;

		free(blocks[i]);
		blocks[i] = malloc(draw_size(&state, i));
	}
	return NULL;
}

static void say(bool by_usable)
{
	struct mallinfo2 info = mallinfo2();
	char line[256];
	int size = snprintf(line, sizeof(line), "pid %d malloc %zu %zu %zu\n", getpid(),
			    by_usable ? usable : info.uordblks, info.fordblks, info.hblkhd);

	if (write(STDOUT_FILENO, line, (size_t)size) != size)
		exit(1);
}

int main(int argc, char **argv)
{
	const char *what = argc == 3 ? argv[1] : "";
	char byte;

	pthread_barrier_init(&barrier, NULL, NR_THREADS + 1);
	count = argc == 3 ? (unsigned int)strtoul(argv[2], NULL, 10) : 0;
	if (!strcmp(what, "small") || !strcmp(what, "usable") || !strcmp(what, "foreign"))
		make_blocks(7);
	if (!strcmp(what, "foreign") && sbrk(100000) != (void *)-1)
		make_blocks(8);
	if (!strcmp(what, "threads"))
		begin_threads(run_thread);
	else if (!strcmp(what, "fast"))
		make_fast(3, false);
	else if (!strcmp(what, "freed") || !strcmp(what, "joined"))
		make_fast(FEW, !strcmp(what, "joined"));
	else if (!strcmp(what, "freed_threads"))
		begin_threads(run_thread_freed);
	else if (!strcmp(what, "mapped"))
		make_mapped();
	else if (!strcmp(what, "churn"))
		begin_threads(churn);
	say(!strcmp(what, "usable"));
	if (!strcmp(what, "churn"))
		alarm(count);
	if (read(STDIN_FILENO, &byte, 1) == 1 && malloc_trim(0) >= 0 &&
	    write(STDOUT_FILENO, "trimmed\n", 8) != 8)
		return 1;
	return read(STDIN_FILENO, &byte, 1) < 0;
}
