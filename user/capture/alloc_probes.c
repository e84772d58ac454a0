/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which functions are probed in which order, and the thread; see alloc_probes.h.
 *
 * Entries are probed before returns, frees and reallocs first of all: a block is put into the table
 * at a return, and from the first of them on no end of one may go unseen. (In the other order 37
 * stale blocks were left where four threads allocated.) They are taken away in the reverse order.
 * Where one program has entry and return of a function (6.13), reallocs come right after frees.
 */
#include "alloc_probes.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "helper_thread.h"
#include "memory.h"
#include "memprobe.skel.h"

struct alloc_attacher {
	const struct loader *loader;
	struct closer *closer;
	pthread_t thread;
	bool has_thread;
	struct alloc_probes *left; /* while they were being attached */
	pthread_mutex_t lock;	   /* what follows, and is_done of all probes */
	pthread_cond_t is_wanted;
	bool is_over;
	struct alloc_probes *queue;
};

/* ---- One process and file ---- */

/* What takes a block out of the table: the first to be probed. */
static unsigned int rank_of(uint32_t call)
{
	if (call == ALLOC_FREE)
		return 0;
	return call == ALLOC_REALLOC || call == ALLOC_REALLOCARRAY || call == ALLOC_RESIZE ? 1 : 2;
}

struct places {
	uint64_t offsets[MAX_MALLOC_SITES], cookies[MAX_MALLOC_SITES];
	struct cookie_sites sites;
};

/* A session has the entries of what returns something, too. */
static bool is_wanted(const struct cookie_sites *sites, const struct malloc_site *site)
{
	if (sites->is_return)
		return site->has_return;
	return !sites->is_session || !site->has_return;
}

static void add_places(const struct alloc_probes *probes, unsigned int rank, struct places *ret)
{
	const struct malloc_plan *plan = &probes->found->plan;
	uint64_t allocator = (uint64_t)probes->allocator << ALLOC_CALL_BITS;

	for (size_t i = 0; i < plan->nr_sites; i++) {
		const struct malloc_site *site = &plan->sites[i];

		if (rank_of(site->call) != rank || !is_wanted(&ret->sites, site))
			continue;
		ret->offsets[ret->sites.count] = site->offset;
		ret->cookies[ret->sites.count++] = allocator | site->call |
						   (site->has_context ? ALLOC_HAS_CONTEXT : 0) |
						   (site->is_unfollowed ? ALLOC_UNFOLLOWED : 0);
	}
}

static const struct bpf_program *choose_program(const struct loader *loader, bool is_return)
{
	if (!is_return)
		return loader->skeleton->progs.alloc_entry;
	return loader->features.has_uprobe_session ? loader->skeleton->progs.alloc_session
						   : loader->skeleton->progs.alloc_return;
}

static int attach_at(const struct loader *loader, const struct alloc_probes *probes,
		     const char *path, bool is_return, struct call_probe *ret)
{
	struct places places = { .sites = { .offsets = places.offsets,
					    .cookies = places.cookies,
					    .changed_ns = probes->changed_ns,
					    .is_return = is_return } };
	const struct bpf_program *program = choose_program(loader, is_return);

	places.sites.is_session = loader->features.has_uprobe_session;
	for (unsigned int rank = 0; rank <= 2; rank++)
		add_places(probes, rank, &places);
	places.sites.is_session &= is_return;
	return call_probe_attach_cookies(ret, bpf_program__fd(program), probes->tgid, path,
					 &places.sites);
}

/* The kernel takes paths only: that of our own descriptor leads to the file itself. */
static int attach_both(const struct loader *loader, struct alloc_probes *probes)
{
	_cleanup_(freep) char *path = probes->fd < 0 ? xstrdup(probes->found->path)
						     : xasprintf("/proc/self/fd/%d", probes->fd);
	int error = attach_at(loader, probes, path, false, &probes->entries);

	if (error)
		return error;
	probes->since_ns = clock_ns();
	error = attach_at(loader, probes, path, true, &probes->returns);
	if (!error)
		probes->since_ns = clock_ns();
	return error;
}

static void attach(const struct loader *loader, struct alloc_probes *probes)
{
	uint64_t begin_ns = clock_ns();

	probes->error = attach_both(loader, probes);
	probes->took_ns = clock_ns() - begin_ns;
}

static void detach(struct alloc_attacher *attacher, struct alloc_probes *probes)
{
	closer_leave(attacher->closer, &probes->returns);
	closer_leave(attacher->closer, &probes->entries);
	free(probes);
}

/* ---- The thread ---- */

struct alloc_attacher *alloc_attacher_new(const struct loader *loader, struct closer *closer)
{
	struct alloc_attacher *attacher = xcalloc(1, sizeof(*attacher));

	attacher->loader = loader;
	attacher->closer = closer;
	pthread_mutex_init(&attacher->lock, NULL);
	pthread_cond_init(&attacher->is_wanted, NULL);
	return attacher;
}

/* Called and left with the lock held. */
static void attach_next(struct alloc_attacher *attacher)
{
	struct alloc_probes *probes = attacher->queue;

	attacher->queue = probes->next;
	pthread_mutex_unlock(&attacher->lock);
	attach(attacher->loader, probes);
	pthread_mutex_lock(&attacher->lock);
	probes->is_done = true;
}

static void *run(void *context)
{
	struct alloc_attacher *attacher = context;

	pthread_mutex_lock(&attacher->lock);
	while (!attacher->is_over) {
		if (attacher->queue)
			attach_next(attacher);
		else
			pthread_cond_wait(&attacher->is_wanted, &attacher->lock);
	}
	pthread_mutex_unlock(&attacher->lock);
	return NULL;
}

void alloc_attacher_free(struct alloc_attacher *attacher)
{
	if (!attacher)
		return;
	pthread_mutex_lock(&attacher->lock);
	attacher->is_over = true;
	pthread_cond_signal(&attacher->is_wanted);
	pthread_mutex_unlock(&attacher->lock);
	if (attacher->has_thread)
		pthread_join(attacher->thread, NULL);
	alloc_attacher_reap(attacher);
	pthread_mutex_destroy(&attacher->lock);
	pthread_cond_destroy(&attacher->is_wanted);
	free(attacher);
}

struct alloc_probes *alloc_probes_new(uint32_t tgid, const struct malloc_file *found, int fd)
{
	struct alloc_probes *probes = xcalloc(1, sizeof(*probes));

	probes->tgid = tgid;
	probes->found = found;
	probes->fd = fd;
	probes->changed_ns = found->changed_ns;
	probes->entries = probes->returns = (struct call_probe){ .multi = -1 };
	return probes;
}

void alloc_attacher_attach(struct alloc_attacher *attacher, struct alloc_probes *probes)
{
	attach(attacher->loader, probes);
	probes->is_done = true;
}

static bool begin(struct alloc_attacher *attacher)
{
	if (!attacher->has_thread)
		attacher->has_thread = !helper_thread_begin(&attacher->thread, run, attacher);
	return attacher->has_thread;
}

void alloc_attacher_queue(struct alloc_attacher *attacher, struct alloc_probes *probes)
{
	struct alloc_probes **end = &attacher->queue;

	if (!begin(attacher)) {
		alloc_attacher_attach(attacher, probes);
		return;
	}
	pthread_mutex_lock(&attacher->lock);
	while (*end)
		end = &(*end)->next;
	*end = probes;
	pthread_cond_signal(&attacher->is_wanted);
	pthread_mutex_unlock(&attacher->lock);
}

bool alloc_attacher_is_done(struct alloc_attacher *attacher, const struct alloc_probes *probes)
{
	bool is_done;

	pthread_mutex_lock(&attacher->lock);
	is_done = probes->is_done;
	pthread_mutex_unlock(&attacher->lock);
	return is_done;
}

/* One that still waits is not begun any more. Returns whether it is done. */
static bool unqueue(struct alloc_attacher *attacher, struct alloc_probes *probes)
{
	struct alloc_probes **at = &attacher->queue;
	bool is_done;

	pthread_mutex_lock(&attacher->lock);
	while (*at && *at != probes)
		at = &(*at)->next;
	probes->is_done |= *at != NULL;
	is_done = probes->is_done;
	if (*at)
		*at = probes->next;
	pthread_mutex_unlock(&attacher->lock);
	return is_done;
}

void alloc_attacher_leave(struct alloc_attacher *attacher, struct alloc_probes *probes)
{
	if (unqueue(attacher, probes)) {
		detach(attacher, probes);
		return;
	}
	probes->next = attacher->left;
	attacher->left = probes;
}

void alloc_attacher_reap(struct alloc_attacher *attacher)
{
	struct alloc_probes **at = &attacher->left;

	while (*at) {
		struct alloc_probes *probes = *at;

		if (alloc_attacher_is_done(attacher, probes)) {
			*at = probes->next;
			detach(attacher, probes);
		} else {
			at = &probes->next;
		}
	}
}
