/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums over the running processes, and their PSS; see moment.h. */
#include "moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "memory.h"
#include "process_task.h"

#define BYTES_PER_KB 1024
#define PAGE_BYTES 4096
/* What a sample of the books can be short of, a process: SAMPLE_PAGES (bpf/book.h). */
#define SLACK_BYTES (1 << 20)
/* One part of the time may go into asking while memory grows; ten times as much when it has stopped
 * growing, for that is the height that lasts. */
#define GROWING_PARTS 200
#define STANDING_PARTS 20

struct share {
	int64_t rss, anon, inherited;
	bool is_running;
};

struct moments {
	struct share *shares; /* by process */
	size_t nr_shares, capacity;
	uint32_t nr_running;
	int64_t rss, owned;		  /* sums over those that run */
	struct moment highest;		  /* so far; rss_most with it */
	bool was_shared;		  /* two ran at once */
	int64_t last_rss;		  /* at the last flush */
	uint64_t growing_ns, standing_ns; /* asking is allowed from then on */
};

struct moments *moments_new(void)
{
	return xcalloc(1, sizeof(struct moments));
}

void moments_free(struct moments *moments)
{
	if (!moments)
		return;
	free(moments->shares);
	free(moments);
}

/* Anonymous bytes that no other process has. */
static int64_t owned(const struct share *share)
{
	return share->anon > share->inherited ? share->anon - share->inherited : 0;
}

/* The least that all have together: what each owns and, of one that shares no anonymous pages with
 * a parent, its other pages too; or all that a single one has. */
static int64_t least(const struct moments *moments)
{
	int64_t others = 0, alone = 0;

	for (size_t i = 0; i < moments->nr_shares; i++) {
		const struct share *share = &moments->shares[i];

		if (!share->is_running)
			continue;
		if (!share->inherited && share->rss - share->anon > others)
			others = share->rss - share->anon;
		if (share->rss > alone)
			alone = share->rss;
	}
	return moments->owned + others > alone ? moments->owned + others : alone;
}

static void keep(struct moments *moments, const struct moment *moment)
{
	int64_t rss_most = moments->highest.rss_most;

	if (moment->bytes <= moments->highest.bytes)
		return;
	moments->highest = *moment;
	moments->highest.rss_most = rss_most;
}

/* Looks whether this is a new height. `least` costs a look at each process, so it is asked only
 * where it can be one. */
static void look_at_books(struct moments *moments, uint64_t time_ns)
{
	struct moment moment = {
		.time_ns = time_ns,
		.rss = moments->rss,
		.nr_processes = moments->nr_running,
	};

	if (moments->rss > moments->highest.rss_most)
		moments->highest.rss_most = moments->rss;
	if (moments->rss <= moments->highest.bytes)
		return;
	moment.bytes = least(moments);
	keep(moments, &moment);
}

static void set_share(struct moments *moments, struct share *share, const struct share *value)
{
	moments->rss += value->rss - share->rss;
	moments->owned += owned(value) - owned(share);
	moments->nr_running += value->is_running - share->is_running;
	*share = *value;
}

void moments_note(struct moments *moments, uint32_t process, const struct rss_sample *sample)
{
	const struct share now = {
		.rss = sample->rss,
		.anon = sample->anon,
		.inherited = sample->inherited,
		.is_running = true,
	};

	if (process >= moments->nr_shares) {
		moments->shares = array_reserve(moments->shares, &moments->capacity,
						(size_t)process + 1, sizeof(*moments->shares));
		memset(&moments->shares[moments->nr_shares], 0,
		       (process + 1 - moments->nr_shares) * sizeof(*moments->shares));
		moments->nr_shares = (size_t)process + 1;
	}
	set_share(moments, &moments->shares[process], &now);
	moments->was_shared |= moments->nr_running > 1;
	look_at_books(moments, sample->time_ns);
}

void moments_end(struct moments *moments, uint32_t process)
{
	const struct share nothing = { 0 };

	if (process < moments->nr_shares)
		set_share(moments, &moments->shares[process], &nothing);
}

/* What stands in a line of smaps_rollup behind this name is added. Returns whether it does. */
static bool add_line(const char *line, const char *name, int64_t *sum)
{
	size_t length = strlen(name);
	int64_t kilobytes = 0;

	if (strncmp(line, name, length) != 0 ||
	    sscanf(line + length, ": %" SCNd64 " kB", &kilobytes) != 1)
		return false;
	*sum += kilobytes * BYTES_PER_KB;
	return true;
}

/* smaps_rollup: Linux 4.14. False when the process has gone. */
static bool read_rollup(uint32_t pid, struct shares *ret)
{
	char path[64], line[128];
	int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)process_task((pid_t)pid));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		found += add_line(line, "Rss", &ret->rss);
		found += add_line(line, "Pss", &ret->pss);
		found += add_line(line, "Private_Clean", &ret->uss);
		found += add_line(line, "Private_Dirty", &ret->uss);
	}
	if (file)
		fclose(file);
	return found == 4;
}

static void keep_shares(struct process *process, const struct shares *shares)
{
	if (shares->pss <= process->shares.pss)
		return;
	process->shares = *shares;
	process->is_dirty = true;
}

/* RSS by the counters, which may be short of some pages; 0 when the process has gone. */
static int64_t read_rss(uint32_t pid)
{
	char path[64];
	int64_t pages = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)process_task((pid_t)pid));
	file = fopen(path, "re");
	if (file && fscanf(file, "%*d %" SCNd64, &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * PAGE_BYTES;
}

/* A reading takes a while. What a process has given back since its own turn was not there together
 * with what others took meanwhile, and is left out. */
static void read_all(const struct moments *moments, struct profile *profile, struct moment *ret)
{
	_cleanup_(freep) int64_t *rss = xcalloc(moments->nr_shares, sizeof(*rss));

	for (size_t i = 0; i < moments->nr_shares; i++) {
		struct shares shares = { .time_ns = ret->time_ns };

		if (!moments->shares[i].is_running ||
		    !read_rollup(profile->processes[i].pid, &shares))
			continue;
		keep_shares(&profile->processes[i], &shares);
		rss[i] = shares.rss;
		ret->bytes += shares.pss;
		ret->rss += shares.rss;
		ret->nr_processes++;
	}
	for (size_t i = 0; i < moments->nr_shares; i++) {
		int64_t now = rss[i] ? read_rss(profile->processes[i].pid) : 0;

		if (rss[i] - now > SLACK_BYTES)
			ret->bytes -= rss[i] - now;
	}
}

static void ask(struct moments *moments, struct profile *profile, uint64_t now_ns)
{
	struct moment moment = { .time_ns = now_ns };
	uint64_t begin = clock_ns(), cost;

	read_all(moments, profile, &moment);
	cost = clock_ns() - begin;
	moments->growing_ns = begin + cost + GROWING_PARTS * cost;
	moments->standing_ns = begin + cost + STANDING_PARTS * cost;
	keep(moments, &moment);
	if (moment.rss > moments->highest.rss_most)
		moments->highest.rss_most = moment.rss;
}

/* The peaks are exact to the page, samples are not. */
static void raise_to_peaks(struct moments *moments, const struct profile *profile)
{
	struct moment *highest = &moments->highest;

	for (size_t i = 0; i < moments->nr_shares; i++) {
		if (profile->processes[i].peak > highest->bytes)
			highest->bytes = profile->processes[i].peak;
	}
	if (highest->rss < highest->bytes)
		highest->rss = highest->bytes;
	if (highest->rss_most < highest->rss)
		highest->rss_most = highest->rss;
}

void moments_look(struct moments *moments, struct profile *profile, uint64_t now_ns)
{
	bool is_growing = moments->rss > moments->last_rss + SLACK_BYTES;
	uint64_t allowed_ns = is_growing ? moments->growing_ns : moments->standing_ns;

	moments->last_rss = moments->rss;
	if (moments->nr_running > 1 && moments->rss > moments->highest.bytes + SLACK_BYTES &&
	    clock_ns() >= allowed_ns)
		ask(moments, profile, now_ns);
	if (!moments->was_shared)
		return;
	raise_to_peaks(moments, profile);
	moments->highest.is_bound = moments->highest.rss_most - moments->highest.bytes >
				    (int64_t)SLACK_BYTES * moments->highest.nr_processes;
	profile->highest = moments->highest;
}

static void on_rss_changed(void *context, uint32_t process, const struct rss_sample *sample)
{
	moments_note(context, process, sample);
}

static void on_image_ended(void *context, uint32_t process)
{
	moments_end(context, process);
}

struct drain_listener moments_hear_drain(struct moments *moments)
{
	return (struct drain_listener){
		.context = moments,
		.rss_changed = on_rss_changed,
		.image_ended = on_image_ended,
	};
}

static void on_flush(void *context, struct profile *profile, uint64_t now_ns)
{
	moments_look(context, profile, now_ns);
}

struct flush_listener moments_hear_flush(struct moments *moments)
{
	return (struct flush_listener){ moments, on_flush, on_flush };
}
