/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread, begun when something is wanted first, that takes a step at a time; see cow_worker.h. */
#include "cow_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "helper_thread.h"
#include "loader_second.h"
#include "memory.h"

struct cow_worker {
	const struct loader *loader;
	struct loader_second programs; /* the thread's */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t is_changed;
	bool is_over;
	enum cow_stage wanted;
	struct cow_reached reached;
};

struct cow_worker *cow_worker_new(const struct loader *loader)
{
	struct cow_worker *worker = xcalloc(1, sizeof(*worker));

	worker->loader = loader;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->is_changed, NULL);
	return worker;
}

/* Once loaded they stay so. */
static bool is_done(const struct cow_worker *worker)
{
	const struct cow_reached *reached = &worker->reached;

	return reached->error || reached->stage == worker->wanted ||
	       (worker->wanted == COW_NOTHING && reached->stage == COW_LOADED);
}

/* One step up or down from a stage. */
static int step(struct cow_worker *worker, enum cow_stage from)
{
	switch (from) {
	case COW_NOTHING:
		return loader_second_load(worker->loader, &second_cow, &worker->programs);
	case COW_LOADED:
		return loader_second_attach(&worker->programs);
	case COW_ATTACHED:
		loader_second_detach(&worker->programs);
	}
	return 0;
}

/* Called and left with the lock held. */
static void take_step(struct cow_worker *worker)
{
	enum cow_stage from = worker->reached.stage;
	int error;

	pthread_mutex_unlock(&worker->lock);
	error = step(worker, from);
	pthread_mutex_lock(&worker->lock);
	worker->reached.error = error;
	if (error)
		return;
	worker->reached.stage = from == COW_NOTHING    ? COW_LOADED
				: from == COW_ATTACHED ? COW_LOADED
						       : COW_ATTACHED;
	if (from == COW_LOADED)
		worker->reached.attached_ns = clock_ns();
}

static void *run(void *context)
{
	struct cow_worker *worker = context;

	pthread_mutex_lock(&worker->lock);
	while (!worker->is_over) {
		if (is_done(worker)) {
			pthread_cond_broadcast(&worker->is_changed);
			pthread_cond_wait(&worker->is_changed, &worker->lock);
		} else {
			take_step(worker);
		}
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static int begin(struct cow_worker *worker)
{
	int error;

	if (worker->has_thread)
		return 0;
	error = helper_thread_begin(&worker->thread, run, worker);
	worker->has_thread = !error;
	return error;
}

void cow_worker_want(struct cow_worker *worker, enum cow_stage stage)
{
	int error = stage == COW_NOTHING ? 0 : begin(worker);

	pthread_mutex_lock(&worker->lock);
	if (error)
		worker->reached.error = error;
	worker->wanted = stage;
	pthread_cond_broadcast(&worker->is_changed);
	pthread_mutex_unlock(&worker->lock);
}

struct cow_reached cow_worker_look(struct cow_worker *worker)
{
	struct cow_reached reached;

	pthread_mutex_lock(&worker->lock);
	reached = worker->reached;
	pthread_mutex_unlock(&worker->lock);
	return reached;
}

struct cow_reached cow_worker_wait(struct cow_worker *worker)
{
	struct cow_reached reached;

	pthread_mutex_lock(&worker->lock);
	while (!is_done(worker))
		pthread_cond_wait(&worker->is_changed, &worker->lock);
	reached = worker->reached;
	pthread_mutex_unlock(&worker->lock);
	return reached;
}

void cow_worker_free(struct cow_worker *worker)
{
	if (!worker)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->is_over = true;
	pthread_cond_broadcast(&worker->is_changed);
	pthread_mutex_unlock(&worker->lock);
	if (worker->has_thread)
		pthread_join(worker->thread, NULL);
	loader_second_close(&worker->programs);
	pthread_mutex_destroy(&worker->lock);
	pthread_cond_destroy(&worker->is_changed);
	free(worker);
}
