/* SPDX-License-Identifier: BSD-2-Clause */
/* The line; see progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sink.h"

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

/* A line that is as wide as the terminal, or wider, would scroll it each time. */
struct line {
	char text[160];
	size_t used, columns; /* columns: less than this; 0: any number */
	bool is_full;
};

/* Adds a part and all later ones only as long as there is room for them. */
__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	size_t room = line->columns && line->columns < sizeof(line->text) ? line->columns
									  : sizeof(line->text);
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->used, sizeof(line->text) - line->used, format,
			   arguments);
	va_end(arguments);
	line->is_full |= length < 0 || line->used + (size_t)length >= room;
	if (line->is_full)
		line->text[line->used] = '\0';
	else
		line->used += (size_t)length;
}

static void show(void *context, struct profile *profile, uint64_t now_ns)
{
	struct progress *progress = context;
	struct figures sum = sum_up(profile);
	uint64_t events = drain_events(progress->drain);
	double seconds = (double)(now_ns - progress->last_ns) / NS_PER_S;
	double rate = seconds > 0 ? (double)(events - progress->last_events) / seconds : 0;
	struct line line = { .columns = sink_terminal_columns(STDERR_FILENO) };

	add(&line, "memprobe: %.0f s", (double)now_ns / NS_PER_S);
	add(&line, ", %zu %s", sum.nr_processes, sum.nr_processes == 1 ? "process" : "processes");
	add(&line, ", RSS %.1f MB", (double)sum.rss / BYTES_PER_MB);
	add(&line, ", grown %.1f MB", (double)sum.grown / BYTES_PER_MB);
	add(&line, ", %.0f events/s", rate);
	add(&line, ", %" PRIu64 " lost", sum.lost);
	log_passing(line.text);
	progress->last_events = events;
	progress->last_ns = now_ns;
}

struct flush_listener progress_hear_flush(struct progress *progress)
{
	return (struct flush_listener){ .context = progress, .flush = show };
}
