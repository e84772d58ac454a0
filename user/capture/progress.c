/* SPDX-License-Identifier: BSD-2-Clause */
/* The line; see progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define NS_PER_S 1e9
#define BYTES_PER_MB 1048576.0

struct figures {
	size_t nr_processes; /* running */
	int64_t rss;	     /* of these */
	int64_t grown;	     /* by all there were */
	uint64_t lost;	     /* events */
};

bool progress_is_wanted(void)
{
	const char *terminal = getenv("TERM");

	return log_level() >= LOG_NORMAL && isatty(STDERR_FILENO) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static uint64_t lost_events(const struct loss_count losses[NR_LOSSES])
{
	uint64_t events = 0;

	for (int loss = 0; loss < NR_LOSSES; loss++)
		events += losses[loss].events;
	return events;
}

static struct figures sum_up(const struct profile *profile)
{
	struct figures sum = { .lost = lost_events(profile->losses) };

	for (size_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];
		int64_t rss = rss_of(process->books);

		sum.grown += rss - rss_of(process->opening);
		sum.lost += lost_events(process->losses);
		if (process->end != END_RUNNING)
			continue;
		sum.nr_processes++;
		sum.rss += rss;
	}
	return sum;
}

static void show(void *context, struct profile *profile, uint64_t now_ns)
{
	struct progress *progress = context;
	struct figures sum = sum_up(profile);
	uint64_t events = drain_events(progress->drain);
	double seconds = (double)(now_ns - progress->last_ns) / NS_PER_S;
	double rate = seconds > 0 ? (double)(events - progress->last_events) / seconds : 0;
	char line[160];

	snprintf(line, sizeof(line),
		 "memprobe: %.0f s, %zu %s, RSS %.1f MB, grown %.1f MB, %.0f events/s, %" PRIu64
		 " lost",
		 (double)now_ns / NS_PER_S, sum.nr_processes,
		 sum.nr_processes == 1 ? "process" : "processes", (double)sum.rss / BYTES_PER_MB,
		 (double)sum.grown / BYTES_PER_MB, rate, sum.lost);
	log_passing(line);
	progress->last_events = events;
	progress->last_ns = now_ns;
}

struct flush_listener progress_hear_flush(struct progress *progress)
{
	return (struct flush_listener){ .context = progress, .flush = show };
}
