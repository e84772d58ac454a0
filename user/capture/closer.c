/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread, begun with the first probe, and a queue; see closer.h. It touches nothing but the
 * probes that it is given, so the rest of the program needs to know nothing of threads.
 */
#include "closer.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper_thread.h"
#include "late_close.h"
#include "memory.h"

/* What to close, or with a file what to sweep first. */
struct job {
	struct call_probe probe;
	struct probe_plan plan;
	int program;
	int file; /* owned, -1 */
};

struct closer {
	pthread_mutex_t lock;
	pthread_cond_t is_wanted;
	pthread_t thread;
	bool has_thread, is_over;
	struct job *queue;
	size_t nr_queued, capacity;
	size_t nr_closing; /* taken out of the queue */
	int bpffs;	   /* for late_close, -1 */
};

struct closer *closer_new(void)
{
	struct closer *closer = xcalloc(1, sizeof(*closer));

	pthread_mutex_init(&closer->lock, NULL);
	pthread_cond_init(&closer->is_wanted, NULL);
	closer->bpffs = late_close_open();
	return closer;
}

static void sweep(struct job *job)
{
	_cleanup_(freep) char *path = xasprintf("/proc/self/fd/%d", job->file);
	const struct call_place place = { (uint32_t)getpid(), path, &job->plan, 0 };

	call_probe_attach_multi(&job->probe, job->program, &place);
	closep(&job->file);
}

static void work_on(struct job *job)
{
	if (job->file >= 0)
		sweep(job);
	call_probe_detach(&job->probe);
}

/* All that there is; called and left with the lock held. */
static void work_on_queued(struct closer *closer)
{
	struct job *jobs = TAKE(closer->queue);
	size_t count = closer->nr_queued;

	closer->nr_queued = closer->capacity = 0;
	closer->nr_closing = count;
	while (closer->nr_closing) {
		pthread_mutex_unlock(&closer->lock);
		work_on(&jobs[count - closer->nr_closing]);
		pthread_mutex_lock(&closer->lock);
		closer->nr_closing--;
	}
	free(jobs);
}

static void *run(void *context)
{
	struct closer *closer = context;

	pthread_mutex_lock(&closer->lock);
	while (closer->nr_queued || !closer->is_over) {
		if (closer->nr_queued)
			work_on_queued(closer);
		else
			pthread_cond_wait(&closer->is_wanted, &closer->lock);
	}
	pthread_mutex_unlock(&closer->lock);
	return NULL;
}

static bool begin(struct closer *closer)
{
	if (!closer->has_thread)
		closer->has_thread = !helper_thread_begin(&closer->thread, run, closer);
	return closer->has_thread;
}

static void queue_job(struct closer *closer, struct job *job)
{
	if (!begin(closer)) {
		work_on(job);
		return;
	}
	pthread_mutex_lock(&closer->lock);
	closer->queue = array_reserve(closer->queue, &closer->capacity, closer->nr_queued + 1,
				      sizeof(*closer->queue));
	closer->queue[closer->nr_queued++] = *job;
	pthread_cond_signal(&closer->is_wanted);
	pthread_mutex_unlock(&closer->lock);
}

void closer_take(struct closer *closer, struct call_probe *probe)
{
	struct job job = { .probe = *probe, .file = -1 };

	if (call_probe_is_empty(probe))
		return;
	*probe = (struct call_probe){ .multi = -1 };
	queue_job(closer, &job);
}

static bool leave_to_kernel(const struct closer *closer, struct call_probe *probe)
{
	return probe->multi >= 0 && late_close_link(closer->bpffs, &probe->multi);
}

void closer_leave(struct closer *closer, struct call_probe *probe)
{
	if (!leave_to_kernel(closer, probe))
		closer_take(closer, probe);
}

static bool is_same_file(int a, int b)
{
	struct stat first, second;

	return !fstat(a, &first) && !fstat(b, &second) && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

static bool has_same_sites(const struct probe_plan *a, const struct probe_plan *b)
{
	for (size_t i = 0; i < a->nr_sites && i < b->nr_sites; i++) {
		if (a->sites[i].offset != b->sites[i].offset)
			return false;
	}
	return a->nr_sites == b->nr_sites;
}

/* One that waits will do for what was forked since as well. */
static bool has_sweep(struct closer *closer, int file, const struct probe_plan *plan)
{
	bool found = false;

	pthread_mutex_lock(&closer->lock);
	for (size_t i = 0; i < closer->nr_queued && !found; i++)
		found = closer->queue[i].file >= 0 && is_same_file(closer->queue[i].file, file) &&
			has_same_sites(&closer->queue[i].plan, plan);
	pthread_mutex_unlock(&closer->lock);
	return found;
}

void closer_sweep(struct closer *closer, int program, int file, const struct probe_plan *plan)
{
	struct job job = { .probe.multi = -1, .plan = *plan, .program = program };

	if (has_sweep(closer, file, plan))
		return;
	job.file = fcntl(file, F_DUPFD_CLOEXEC, 0);
	if (job.file >= 0)
		queue_job(closer, &job);
}

size_t closer_count(struct closer *closer)
{
	size_t count;

	pthread_mutex_lock(&closer->lock);
	count = closer->nr_queued + closer->nr_closing;
	pthread_mutex_unlock(&closer->lock);
	return count;
}

/* The queue, with the lock held. Sweeps are not needed: all links end, and each end sweeps. */
static void leave_queued(struct closer *closer)
{
	size_t left = 0;

	for (size_t i = 0; i < closer->nr_queued; i++) {
		struct job *job = &closer->queue[i];

		closep(&job->file);
		if (!call_probe_is_empty(&job->probe) && !leave_to_kernel(closer, &job->probe))
			closer->queue[left++] = *job;
	}
	closer->nr_queued = left;
}

void closer_free(struct closer *closer)
{
	if (!closer)
		return;
	pthread_mutex_lock(&closer->lock);
	closer->is_over = true;
	leave_queued(closer);
	pthread_cond_signal(&closer->is_wanted);
	pthread_mutex_unlock(&closer->lock);
	if (closer->has_thread)
		pthread_join(closer->thread, NULL);
	pthread_mutex_destroy(&closer->lock);
	pthread_cond_destroy(&closer->is_wanted);
	closep(&closer->bpffs);
	free(closer->queue);
	free(closer);
}
