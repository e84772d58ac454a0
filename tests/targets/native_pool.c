// SPDX-License-Identifier: BSD-2-Clause
/*
 * A pool of native threads with one queue, as a library that Python calls by ctypes. Each job takes
 * memory that nobody else takes: it is mapped and touched by the thread that runs the job.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_THREADS 16
#define MAX_JOBS 65536

/* What a call waits for: so many of its jobs are left. */
struct batch {
	unsigned left;
};

struct job {
	struct batch *batch; /* NULL: nobody waits */
	size_t bytes;
	unsigned splits; /* jobs that it puts into the queue itself, of the same size */
	unsigned delay_us;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_jobs = PTHREAD_COND_INITIALIZER;
static pthread_cond_t has_ended = PTHREAD_COND_INITIALIZER;
static struct job queue[MAX_JOBS];
static size_t begin, end;
static void *blocks[MAX_JOBS];
static size_t block_bytes[MAX_JOBS];
static size_t nr_blocks;

static void *take(size_t bytes)
{
	char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		abort();
	madvise(block, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += 4096)
		block[i] = 1;
	return block;
}

/* The lock is held. */
static void push(struct job job)
{
	queue[end++ % MAX_JOBS] = job;
	pthread_cond_signal(&has_jobs);
}

static void run(struct job job)
{
	void *block;

	usleep(job.delay_us);
	block = take(job.bytes);
	pthread_mutex_lock(&lock);
	blocks[nr_blocks] = block;
	block_bytes[nr_blocks++] = job.bytes;
	for (unsigned i = 0; i < job.splits; i++)
		push((struct job){ .batch = job.batch, .bytes = job.bytes });
	if (job.batch && !--job.batch->left)
		pthread_cond_broadcast(&has_ended);
	pthread_mutex_unlock(&lock);
}

static void *work(void *number)
{
	char name[16];

	snprintf(name, sizeof(name), "pool-%d", (int)(size_t)number);
	prctl(PR_SET_NAME, name);
	pthread_mutex_lock(&lock);
	for (;;) {
		struct job job;

		while (begin == end)
			pthread_cond_wait(&has_jobs, &lock);
		job = queue[begin++ % MAX_JOBS];
		pthread_mutex_unlock(&lock);
		run(job);
		pthread_mutex_lock(&lock);
	}
	return NULL;
}

void pool_start(int threads)
{
	pthread_t thread;

	for (int i = 0; i < threads && i < MAX_THREADS; i++) {
		if (pthread_create(&thread, NULL, work, (void *)(size_t)i))
			abort();
	}
}

/* So many jobs, of which each takes so much, and so many more that the jobs split off. Waits. */
void pool_run(unsigned jobs, size_t bytes, unsigned splits)
{
	struct batch batch = { jobs + jobs * splits };

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < jobs; i++)
		push((struct job){ .batch = &batch, .bytes = bytes, .splits = splits });
	while (batch.left)
		pthread_cond_wait(&has_ended, &lock);
	pthread_mutex_unlock(&lock);
}

/* Returns at once: a job takes its memory after the call. */
void pool_later(size_t bytes, unsigned delay_us)
{
	pthread_mutex_lock(&lock);
	push((struct job){ .bytes = bytes, .delay_us = delay_us });
	pthread_mutex_unlock(&lock);
}

/* How many blocks there are. */
size_t pool_blocks(void)
{
	size_t count;

	pthread_mutex_lock(&lock);
	count = nr_blocks;
	pthread_mutex_unlock(&lock);
	return count;
}

/* Gives back the blocks from `first` on, in the calling thread. */
void pool_free(size_t first)
{
	pthread_mutex_lock(&lock);
	for (size_t i = first; i < nr_blocks; i++)
		munmap(blocks[i], block_bytes[i]);
	nr_blocks = first;
	pthread_mutex_unlock(&lock);
}

static void *free_later(void *first)
{
	prctl(PR_SET_NAME, "sweeper");
	pool_free((size_t)first);
	return NULL;
}

/* The same in a thread of its own, which is waited for. */
void pool_free_elsewhere(size_t first)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, free_later, (void *)first))
		abort();
	pthread_join(thread, NULL);
}
