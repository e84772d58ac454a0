/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread, begun with the first probe, and a queue; see closer.h. It touches nothing but the
 * probes that it is given, so the rest of the program needs to know nothing of threads.
 */
#include "closer.h"

#include <pthread.h>
#include <signal.h>

#include "memory.h"

struct closer {
	pthread_mutex_t lock;
	pthread_cond_t is_wanted;
	pthread_t thread;
	bool has_thread, is_over;
	struct call_probe *queue;
	size_t nr_queued, capacity;
	size_t nr_closing; /* taken out of the queue */
};

struct closer *closer_new(void)
{
	struct closer *closer = xcalloc(1, sizeof(*closer));

	pthread_mutex_init(&closer->lock, NULL);
	pthread_cond_init(&closer->is_wanted, NULL);
	return closer;
}

/* All that there is; called and left with the lock held. */
static void close_queued(struct closer *closer)
{
	struct call_probe *probes = TAKE(closer->queue);
	size_t count = closer->nr_queued;

	closer->nr_queued = closer->capacity = 0;
	closer->nr_closing = count;
	while (closer->nr_closing) {
		pthread_mutex_unlock(&closer->lock);
		call_probe_detach(&probes[count - closer->nr_closing]);
		pthread_mutex_lock(&closer->lock);
		closer->nr_closing--;
	}
	free(probes);
}

static void *run(void *context)
{
	struct closer *closer = context;

	pthread_mutex_lock(&closer->lock);
	while (closer->nr_queued || !closer->is_over) {
		if (closer->nr_queued)
			close_queued(closer);
		else
			pthread_cond_wait(&closer->is_wanted, &closer->lock);
	}
	pthread_mutex_unlock(&closer->lock);
	return NULL;
}

/* Signals are the loop's. */
static bool begin(struct closer *closer)
{
	sigset_t all, before;

	if (closer->has_thread)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	closer->has_thread = !pthread_create(&closer->thread, NULL, run, closer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return closer->has_thread;
}

void closer_take(struct closer *closer, struct call_probe *probe)
{
	if (call_probe_is_empty(probe))
		return;
	if (!begin(closer)) {
		call_probe_detach(probe);
		return;
	}
	pthread_mutex_lock(&closer->lock);
	closer->queue = array_reserve(closer->queue, &closer->capacity, closer->nr_queued + 1,
				      sizeof(*closer->queue));
	closer->queue[closer->nr_queued++] = *probe;
	pthread_cond_signal(&closer->is_wanted);
	pthread_mutex_unlock(&closer->lock);
	*probe = (struct call_probe){ .multi = -1 };
}

size_t closer_count(struct closer *closer)
{
	size_t count;

	pthread_mutex_lock(&closer->lock);
	count = closer->nr_queued + closer->nr_closing;
	pthread_mutex_unlock(&closer->lock);
	return count;
}

void closer_free(struct closer *closer)
{
	if (!closer)
		return;
	pthread_mutex_lock(&closer->lock);
	closer->is_over = true;
	pthread_cond_signal(&closer->is_wanted);
	pthread_mutex_unlock(&closer->lock);
	if (closer->has_thread)
		pthread_join(closer->thread, NULL);
	pthread_mutex_destroy(&closer->lock);
	pthread_cond_destroy(&closer->is_wanted);
	free(closer);
}
