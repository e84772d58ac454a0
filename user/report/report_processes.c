/* SPDX-License-Identifier: BSD-2-Clause */
/* The block of all processes; see report_processes.h. */
#include "report_processes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "profile_group.h"
#include "report_number.h"
#include "terminal.h"

#define MAX_ROWS 20
#define NS_PER_S 1e9
#define COMMAND_BYTES 80 /* of a row, escaped */

void report_process_end(const struct process *process, char ret_text[PROCESS_END_BYTES])
{
	const char *name = sigabbrev_np(process->exit_signal);

	if (process->end == END_SIGNAL)
		snprintf(ret_text, PROCESS_END_BYTES, "signal %d%s%s%s", process->exit_signal,
			 name ? " (SIG" : "", name ? name : "", name ? ")" : "");
	else if (process->end == END_EXIT)
		snprintf(ret_text, PROCESS_END_BYTES, "exit %d", process->exit_code);
	else
		snprintf(ret_text, PROCESS_END_BYTES, "%s",
			 process->end == END_EXEC ? "exec" : "running");
}

size_t report_count_processes(const struct report *report)
{
	_cleanup_(freep) uint32_t *firsts = profile_first_images(report->original);
	size_t count = 0;

	for (uint32_t i = 0; i < report->original->nr_processes; i++)
		count += firsts[i] == i && report_includes(report, i);
	return count;
}

int64_t report_process_growth(const struct process *process)
{
	return rss_of(process->books) - rss_of(process->opening);
}

bool report_process_differs(const struct report *report, const struct process *process)
{
	return !report->options->tree.is_difference || process->peak ||
	       report_process_growth(process);
}

struct ranked {
	int64_t peak;
	uint32_t process;
};

static int compare_peaks(const void *a, const void *b)
{
	const struct ranked *first = a, *second = b;

	if (first->peak != second->peak)
		return first->peak < second->peak ? 1 : -1;
	return first->process < second->process ? -1 : 1;
}

static int compare_births(const void *a, const void *b)
{
	const struct ranked *first = a, *second = b;

	return first->process < second->process ? -1 : first->process > second->process;
}

/* The processes asked for. The first *ret_count are shown: the highest, in the order of their
 * births. */
static struct ranked *rank(const struct report *report, size_t *ret_count, size_t *ret_all)
{
	const struct profile *profile = report->profile;
	struct ranked *ranked = xcalloc(profile->nr_processes, sizeof(*ranked));
	size_t all = 0, count;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (report_includes(report, i) &&
		    report_process_differs(report, &profile->processes[i]))
			ranked[all++] = (struct ranked){ profile->processes[i].peak, i };
	}
	qsort(ranked, all, sizeof(*ranked), compare_peaks);
	count = all < MAX_ROWS ? all : MAX_ROWS;
	qsort(ranked, count, sizeof(*ranked), compare_births);
	*ret_count = count;
	*ret_all = all;
	return ranked;
}

/* Of the processes that are shown: was any asked what it shares? */
static bool has_shares(const struct report *report, const struct ranked *ranked, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (report->profile->processes[ranked[i].process].shares.rss)
			return true;
	}
	return false;
}

static void write_shares(const struct shares *shares, struct sink *sink)
{
	if (!shares->rss) {
		sink_fill(sink, ' ', 22);
		return;
	}
	sink_text(sink, "  ");
	report_mb(sink, 9, shares->uss);
	sink_text(sink, "  ");
	report_mb(sink, 9, shares->pss);
}

/* A difference has none: the two may have ended otherwise, or one was never there. */
static void write_how_ended(const struct process *process, struct sink *sink)
{
	char end[PROCESS_END_BYTES];

	report_process_end(process, end);
	sink_printf(sink, "  %-18s", end);
}

static void write_row(const struct report *report, const struct process *process,
		      bool is_with_shares, struct sink *sink)
{
	char command[COMMAND_BYTES];

	terminal_escape(profile_string(report->profile, process->command), command,
			sizeof(command));
	sink_printf(sink, "%7" PRIu32 "  ", process->pid);
	report_mb(sink, 9, process->peak);
	if (is_with_shares)
		write_shares(&process->shares, sink);
	sink_text(sink, "  ");
	report_mb(sink, 9, report_process_growth(process));
	if (!report->options->tree.is_difference)
		write_how_ended(process, sink);
	sink_printf(sink, "  %s\n", command);
}

/* Where only a part of the processes is asked for, that of all would mislead. */
static void write_moment(const struct report *report, struct sink *sink)
{
	const struct moment *highest = &report->profile->highest;

	if (!highest->bytes || report->options->nr_pids)
		return;
	sink_printf(sink, "Highest moment: %s", highest->is_bound ? "≥" : "");
	report_mb(sink, 0, highest->bytes);
	sink_printf(sink, " MB at %.2f s in %" PRIu32 " %s, shared pages counted once (sum of RSS ",
		    (double)highest->time_ns / NS_PER_S, highest->nr_processes,
		    highest->nr_processes == 1 ? "process" : "processes");
	report_mb(sink, 0, highest->rss);
	sink_text(sink, " MB");
	if (highest->is_bound) {
		sink_text(sink, ", never above ");
		report_mb(sink, 0, highest->rss_most);
		sink_text(sink, " MB");
	}
	sink_text(sink, ")\n");
}

void report_processes_write(const struct report *report, struct sink *sink)
{
	size_t count, all;
	_cleanup_(freep) struct ranked *ranked = rank(report, &count, &all);
	bool is_with_shares = has_shares(report, ranked, count);

	if (!all)
		return;
	sink_printf(sink, "\n    PID    peak MB  %sgrowth MB  %scommand\n",
		    is_with_shares ? "   USS MB     PSS MB  " : "",
		    report->options->tree.is_difference ? "" : "end                 ");
	for (size_t i = 0; i < count; i++)
		write_row(report, &report->profile->processes[ranked[i].process], is_with_shares,
			  sink);
	if (all > count)
		sink_printf(sink, "… %zu more\n", all - count);
	write_moment(report, sink);
}
