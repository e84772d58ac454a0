/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_series.h. */
#include "report_series.h"

#include "memory.h"
#include "report_number.h"

#define COLUMNS 40
#define MIN_SAMPLES 8
#define NS_PER_SECOND 1e9

/* From the first sample on to the last. */
struct series {
	uint64_t begin_ns, end_ns;
	int64_t highest[COLUMNS]; /* in that part of the time */
};

static size_t column_of(const struct series *series, uint64_t time_ns)
{
	double part = (double)(time_ns - series->begin_ns) /
		      (double)(series->end_ns - series->begin_ns);
	size_t column = (size_t)(part * COLUMNS);

	return column < COLUMNS ? column : COLUMNS - 1;
}

static void note(struct series *series, size_t column, int64_t rss)
{
	if (rss > series->highest[column])
		series->highest[column] = rss;
}

/* A dump from elsewhere may have its peak outside of its samples. */
static bool is_within(const struct series *series, uint64_t time_ns)
{
	return time_ns >= series->begin_ns && time_ns <= series->end_ns;
}

/* Between two samples RSS is what it was at the first: a column begins with what the one before
 * has ended with. */
static void note_samples(struct series *series, const struct process *process)
{
	size_t column = 0;
	int64_t rss = 0;

	for (size_t i = 0; i < process->nr_samples; i++) {
		const struct sample sample = process->samples[i];

		if (!is_within(series, sample.time_ns))
			continue;
		while (column < column_of(series, sample.time_ns))
			note(series, ++column, rss);
		rss = sample.rss;
		note(series, column, rss);
	}
}

static struct series make_series(const struct process *process)
{
	struct series series = { .begin_ns = process->samples[0].time_ns,
				 .end_ns = process->samples[process->nr_samples - 1].time_ns };

	note_samples(&series, process);
	if (process->peak_time_ns && is_within(&series, process->peak_time_ns))
		note(&series, column_of(&series, process->peak_time_ns), process->peak);
	return series;
}

static void write_bars(const struct series *series, int64_t peak, struct sink *sink)
{
	static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	const int64_t top = ARRAY_SIZE(bars) - 1;

	for (size_t column = 0; column < COLUMNS; column++) {
		double part = peak > 0 ? (double)series->highest[column] / (double)peak : 0;

		sink_text(sink, bars[part >= 1 ? top : part > 0 ? (int64_t)(part * top + 0.5) : 0]);
	}
}

void report_series_write(const struct process *process, struct sink *sink)
{
	size_t count = process->nr_samples;
	struct series series;

	if (count < MIN_SAMPLES || (double)process->samples[count - 1].time_ns <
					   (double)process->samples[0].time_ns + NS_PER_SECOND)
		return;
	series = make_series(process);
	sink_text(sink, "RSS: ");
	write_bars(&series, process->peak, sink);
	sink_printf(sink, " from %.2f s to %.2f s", (double)series.begin_ns / NS_PER_SECOND,
		    (double)series.end_ns / NS_PER_SECOND);
	if (process->peak_time_ns) {
		sink_text(sink, ", ");
		report_mb(sink, 0, process->peak);
		sink_printf(sink, " MB at %.2f s", (double)process->peak_time_ns / NS_PER_SECOND);
	}
	sink_text(sink, "\n");
}
