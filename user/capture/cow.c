/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts forked processes that live; see cow.h. */
#include "cow.h"

#include <stdlib.h>
#include <string.h>

#include "cow_worker.h"
#include "memory.h"
#include "process_stat.h"
#include "tell.h"

/* A bare Python has 10 MB, of which a child copies 2. */
#define WORTH_BYTES (64 << 20)
/* Flushes without a forked process before the programs are detached: who forks once, forks again.
 */
#define QUIET_FLUSHES 4

#define NEVER UINT64_MAX

struct sharer {
	bool has_ended;
	bool is_forked;	    /* it counts among those */
	uint64_t shares_ns; /* the first fork, or attach, since when copies were not seen; NEVER:
			       they are */
};

struct cow {
	const struct capture_base *base;
	struct cow_worker *worker;
	bool is_from_start;
	bool is_told; /* that it cannot be */
	bool is_worth;
	struct sharer *sharers; /* by process */
	size_t nr_sharers, capacity;
	uint32_t nr_forked; /* that live */
	uint32_t nr_quiet;
};

struct cow *cow_new(const struct capture_base *base, bool is_from_start)
{
	struct cow *cow;

	if (!loader_has_owners(base->loader))
		return NULL;
	cow = xcalloc(1, sizeof(*cow));
	cow->base = base;
	cow->worker = cow_worker_new(base->loader);
	cow->is_from_start = is_from_start;
	return cow;
}

void cow_free(struct cow *cow)
{
	if (!cow)
		return;
	cow_worker_free(cow->worker);
	free(cow->sharers);
	free(cow);
}

static struct process *entry_of(const struct cow *cow, uint32_t process)
{
	return &cow->base->profile->processes[process];
}

static void tell(struct cow *cow, int error)
{
	if (!error || cow->is_told)
		return;
	cow->is_told = true;
	TELL_MISSING(cow->base->waits,
		     "cannot follow 'copies of shared pages': %s, continuing without",
		     strerror(-error));
}

void cow_begin(struct cow *cow)
{
	if (!cow || !cow->is_from_start)
		return;
	cow_worker_want(cow->worker, COW_ATTACHED);
	tell(cow, cow_worker_wait(cow->worker).error);
}

/* ---- What each process's figures say ---- */

/* Copies of a process are followed now; or were at its end. */
static void mark(struct cow *cow, uint32_t process, uint64_t attached_ns)
{
	struct sharer *sharer = &cow->sharers[process];
	struct process *entry = entry_of(cow, process);

	if (entry->has_unshared && sharer->shares_ns == NEVER)
		return;
	if (sharer->shares_ns < attached_ns)
		entry->unshared_late_ns += attached_ns - sharer->shares_ns;
	sharer->shares_ns = NEVER;
	entry->has_unshared = true;
	entry->is_dirty = true;
}

static bool is_attached(struct cow *cow, uint64_t *ret_ns)
{
	struct cow_reached reached = cow_worker_look(cow->worker);

	tell(cow, reached.error);
	*ret_ns = drain_time(cow->base->drain, reached.attached_ns);
	return reached.stage == COW_ATTACHED;
}

static void mark_all(struct cow *cow)
{
	uint64_t attached_ns;

	if (!is_attached(cow, &attached_ns))
		return;
	for (uint32_t process = 0; process < cow->nr_sharers; process++) {
		if (!cow->sharers[process].has_ended)
			mark(cow, process, attached_ns);
	}
}

/* ---- Who shares pages with whom ---- */

static void note_sharing(struct cow *cow, uint32_t process, uint64_t time_ns)
{
	if (cow->sharers[process].shares_ns > time_ns)
		cow->sharers[process].shares_ns = time_ns;
}

static void note_fork(struct cow *cow, uint32_t parent, uint32_t child, uint64_t time_ns)
{
	note_sharing(cow, child, time_ns);
	if (parent != NO_PROCESS)
		note_sharing(cow, parent, time_ns);
	if (cow->sharers[child].is_forked)
		return;
	cow->sharers[child].is_forked = true;
	cow->nr_forked++;
	cow->nr_quiet = 0;
	if (cow->is_worth)
		cow_worker_want(cow->worker, COW_ATTACHED);
}

/* Of those before the child. */
static uint32_t find_parent(const struct cow *cow, uint32_t child)
{
	uint32_t process = child;

	while (process-- > 0) {
		if (entry_of(cow, process)->pid == entry_of(cow, child)->ppid)
			return process;
	}
	return NO_PROCESS;
}

static bool runs_what_it_was_forked_with(const struct process *entry)
{
	struct process_stat stat;

	return !process_stat_read((pid_t)entry->pid, &stat) && stat.flags & PF_FORKNOEXEC;
}

/* The later one comes now. */
static void note_kin(struct cow *cow, uint32_t parent, uint32_t child, uint64_t time_ns)
{
	const struct process *entry = entry_of(cow, child);

	if (entry->begin == BEGAN_ATTACH && entry->ppid == entry_of(cow, parent)->pid &&
	    !cow->sharers[parent].has_ended && !cow->sharers[child].has_ended &&
	    runs_what_it_was_forked_with(entry))
		note_fork(cow, parent, child, time_ns);
}

/* Its parent and its children come in no order. */
static void note_attached(struct cow *cow, uint32_t process)
{
	uint64_t time_ns = entry_of(cow, process)->start_ns;

	for (uint32_t other = 0; other < process; other++) {
		note_kin(cow, other, process, time_ns);
		note_kin(cow, process, other, time_ns);
	}
}

static void meet(struct cow *cow, uint32_t process)
{
	const struct process *entry = entry_of(cow, process);

	cow->sharers = array_reserve(cow->sharers, &cow->capacity, (size_t)process + 1,
				     sizeof(*cow->sharers));
	cow->sharers[cow->nr_sharers++] = (struct sharer){ .shares_ns = NEVER };
	if (entry->begin == BEGAN_FORK)
		note_fork(cow, find_parent(cow, process), process, entry->start_ns);
	else if (entry->begin == BEGAN_ATTACH)
		note_attached(cow, process);
}

static void on_rss_changed(void *context, uint32_t process, const struct rss_sample *sample)
{
	struct cow *cow = context;

	while (cow->nr_sharers <= process)
		meet(cow, (uint32_t)cow->nr_sharers);
	if (cow->is_from_start || cow->is_worth || sample->rss < WORTH_BYTES)
		return;
	cow->is_worth = true;
	cow_worker_want(cow->worker, cow->nr_forked ? COW_ATTACHED : COW_LOADED);
}

static void on_image_ended(void *context, uint32_t process)
{
	struct cow *cow = context;
	uint64_t attached_ns;

	if (process >= cow->nr_sharers || cow->sharers[process].has_ended)
		return;
	if (is_attached(cow, &attached_ns) && entry_of(cow, process)->end_ns > attached_ns)
		mark(cow, process, attached_ns);
	cow->sharers[process].has_ended = true;
	cow->nr_forked -= cow->sharers[process].is_forked;
}

struct drain_listener cow_hear_drain(struct cow *cow)
{
	if (!cow)
		return (struct drain_listener){ 0 };
	return (struct drain_listener){
		.context = cow,
		.rss_changed = on_rss_changed,
		.image_ended = on_image_ended,
	};
}

static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	struct cow *cow = context;

	mark_all(cow);
	if (cow->is_from_start)
		return;
	if (cow->nr_forked)
		cow_worker_want(cow->worker, COW_ATTACHED);
	else if (++cow->nr_quiet == QUIET_FLUSHES)
		cow_worker_want(cow->worker, cow->is_worth ? COW_LOADED : COW_NOTHING);
}

static void on_end(void *context, struct profile *profile, uint64_t now_ns)
{
	mark_all(context);
}

struct flush_listener cow_hear_flush(struct cow *cow)
{
	if (!cow)
		return (struct flush_listener){ 0 };
	return (struct flush_listener){ cow, on_flush, on_end };
}
