/* SPDX-License-Identifier: BSD-2-Clause */
/* PSS of the running processes; see moment.h. */
#include "moment.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"

#define BYTES_PER_KB 1024
#define MIN_RISE (1 << 20) /* bytes above the highest so far that are worth asking for */
#define MOMENT_PARTS 200   /* one part of the time may go into asking */

/* The process entry that a pid runs now is its newest. */
static bool is_running(const struct process *process)
{
	return process->end == END_RUNNING;
}

/* Bytes; 0 when it has gone. smaps_rollup: Linux 4.14. */
static int64_t read_pss(uint32_t pid)
{
	char path[64], line[128];
	int64_t kilobytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/smaps_rollup", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Pss: %" SCNd64 " kB", &kilobytes) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kilobytes * BYTES_PER_KB;
}

static struct moment sum_rss(const struct profile *profile)
{
	struct moment moment = { 0 };

	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (!is_running(&profile->processes[i]))
			continue;
		moment.rss += rss_of(profile->processes[i].books);
		moment.nr_processes++;
	}
	return moment;
}

static int64_t sum_pss(const struct profile *profile)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (is_running(&profile->processes[i]))
			bytes += read_pss(profile->processes[i].pid);
	}
	return bytes;
}

void moment_look(struct profile *profile, uint64_t now_ns, uint64_t *next_ns)
{
	struct moment moment = sum_rss(profile);
	uint64_t begin = clock_ns();

	if (moment.nr_processes < 2 || moment.rss < profile->highest.bytes + MIN_RISE ||
	    begin < *next_ns)
		return;
	moment.bytes = sum_pss(profile);
	moment.time_ns = now_ns;
	*next_ns = clock_ns() + MOMENT_PARTS * (clock_ns() - begin);
	if (moment.bytes > profile->highest.bytes)
		profile->highest = moment;
}
