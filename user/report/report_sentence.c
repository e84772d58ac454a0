/* SPDX-License-Identifier: BSD-2-Clause */
/* The first line of a report for people; see report_sentence.h. */
#include "report_sentence.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "report_growth.h"
#include "report_number.h"
#include "report_processes.h"
#include "terminal.h"

#define NS_PER_S 1e9
#define COMMAND_BYTES 61 /* escaped; what does not fit ends with … */

static void write_words(const char *const *words, struct sink *sink)
{
	char text[COMMAND_BYTES];
	const char *name = strrchr(words[0], '/');
	size_t left = sizeof(text) - 1;

	for (size_t i = 0; words[i]; i++) {
		size_t length = terminal_escape(i || !name ? words[i] : name + 1, text, left + 1);

		if (i)
			sink_text(sink, " ");
		sink_bytes(sink, text, length);
		left -= length < left ? length : left;
		if (left < sizeof("…") && words[i + 1]) {
			sink_text(sink, " …");
			return;
		}
	}
}

/* The command of a capture as it was given, its program without the folder; of a process that was
 * attached to, its own. */
static void write_command(const struct report *report, uint32_t process, struct sink *sink)
{
	const struct profile *profile = report->profile;
	const char *const own[] = { profile_string(profile, profile->processes[process].command),
				    NULL };
	char text[COMMAND_BYTES];

	if (profile->meta.command && profile->meta.command[0]) {
		write_words((const char *const *)profile->meta.command, sink);
		return;
	}
	if (terminal_escape(own[0], text, sizeof(text)) + sizeof("…") < sizeof(text))
		sink_text(sink, text);
	else
		sink_printf(sink, "%s…", text);
}

static bool is_module(const struct calltree *tree, uint32_t node)
{
	const char *function = calltree_place(tree, &tree->nodes[node]).function;

	return function && !strcmp(function, "<module>");
}

static void write_name(const struct report *report, const struct calltree *tree, uint32_t node,
		       struct sink *sink)
{
	_cleanup_(freep) char *name = label_name(&report->labels, tree, node);

	report_escaped(sink, name);
}

static void write_most(const struct report *report, const struct calltree *tree,
		       const struct growth *growth, struct sink *sink)
{
	sink_text(sink, "; ");
	if (growth->own != NO_NODE && !is_module(tree, growth->own)) {
		write_name(report, tree, growth->own, sink);
		sink_text(sink, " › ");
	}
	write_name(report, tree, growth->node, sink);
	sink_text(sink, tree->metric == METRIC_GROWTH ? " grew most: " : " has most: ");
	report_mb(sink, 0, growth->amount);
	sink_text(sink, " MB");
}

/* The process with the function that has most; NO_PROCESS: nothing grew. *ret_rival is what one of
 * another process has. */
static uint32_t find_process(const struct report *report, int64_t *ret_rival)
{
	uint32_t process = NO_PROCESS;
	int64_t most = 0;

	*ret_rival = 0;
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		_cleanup_(calltree_freep) struct calltree *tree = NULL;
		int64_t largest;

		if (!report_includes(report, i))
			continue;
		tree = report_whole_tree_of(report, i);
		largest = report_growth_largest(tree);
		if (largest > most) {
			*ret_rival = most;
			most = largest;
			process = i;
		} else if (largest > *ret_rival) {
			*ret_rival = largest;
		}
	}
	return process;
}

static void write_largest(const struct report *report, struct sink *sink)
{
	_cleanup_(calltree_freep) struct calltree *tree = NULL;
	struct growth growth;
	int64_t rival;
	uint32_t process = find_process(report, &rival);

	if (process == NO_PROCESS)
		return;
	tree = report_whole_tree_of(report, process);
	growth = report_growth_find(tree, rival);
	write_most(report, tree, &growth, sink);
}

/* The same in all views of a dump: of processes that do the same as one, and without what is folded
 * for people. */
static void write_growth(const struct report *report, struct sink *sink)
{
	const struct report_options *options = report->options;
	const struct tree_options tree = { .metric = options->tree.metric,
					   .is_difference = options->tree.is_difference,
					   .only = report->only };
	_cleanup_(profile_groups_freep) struct profile_groups *groups =
		report_may_group(options) && !report->groups ? profile_group(report->original)
							     : NULL;
	struct report whole = *report;
	struct tree_source *source;

	if (groups) {
		whole.groups = groups;
		whole.profile = groups->profile;
	}
	source = calltree_source_new(whole.profile, &tree);
	whole.source = source;
	label_style_init(&whole.labels, whole.profile, options->directory, options->full_paths);
	write_largest(&whole, sink);
	calltree_source_free(source);
}

static void write_highest(const struct report *report, const struct process *process, size_t count,
			  struct sink *sink)
{
	const struct moment *moment = &report->profile->highest;
	bool is_of_all = count > 1 && moment->bytes && !report->options->nr_pids;
	bool is_bound = is_of_all && moment->is_bound;
	uint64_t time_ns = is_of_all ? moment->time_ns : process->peak_time_ns;

	sink_text(sink, is_bound ? "≥" : "");
	report_mb(sink, 0, is_of_all ? moment->bytes : process->peak);
	sink_text(sink, is_bound ? " MB at the highest moment" : " MB at most");
	if (time_ns)
		sink_printf(sink, " (at %.2f s)", (double)time_ns / NS_PER_S);
	if (is_of_all)
		sink_printf(sink, " in %" PRIu32 " %s", moment->nr_processes,
			    moment->nr_processes == 1 ? "process" : "processes");
	else if (count > 1)
		sink_printf(sink, " in the highest of %zu processes", count);
}

/* Of the only process, which may have been several images. */
static void write_end(const struct report *report, struct sink *sink)
{
	uint32_t last = (uint32_t)report->original->nr_processes;

	while (last-- && !report_includes(report, last))
		;
	sink_text(sink, ", ");
	report_mb(sink, 0, rss_of(report->original->processes[last].books));
	sink_text(sink, " MB at the end");
}

/* Where the sum of all is told no process is the highest: the first stands for the program. */
static uint32_t named_process(const struct report *report, uint32_t highest)
{
	uint32_t first = 0;

	if (!report->options->tree.is_difference)
		return highest;
	while (!report_includes(report, first))
		first++;
	return first;
}

/* Of what the rows tell: what was held at the highest moments, or else what grew. */
static void write_difference(const struct report *report, size_t count, enum tree_metric metric,
			     struct sink *sink)
{
	const struct profile *profile = report->original;
	const char *moments = count > 1 ? " at the highest moments" : " at the highest moment";
	int64_t sum = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (report_includes(report, i))
			sum += metric == METRIC_PEAK ? process->peak
						     : report_process_growth(process);
	}
	report_mb(sink, 0, sum);
	sink_printf(sink, " MB difference%s", metric == METRIC_PEAK ? moments : "");
	if (count > 1)
		sink_printf(sink, " in %zu processes", count);
}

void report_sentence_write(const struct report *report, const struct calltree *tree,
			   struct sink *sink)
{
	size_t count, nr_images;
	uint32_t highest = report_highest(report, report->original, &nr_images);

	count = report_count_processes(report);
	write_command(report, named_process(report, tree->process), sink);
	sink_text(sink, ": ");
	if (report->options->tree.is_difference) {
		write_difference(report, count, tree->metric, sink);
	} else {
		write_highest(report, &report->original->processes[highest], count, sink);
		if (count == 1)
			write_end(report, sink);
	}
	if (metrics[tree->metric].unit != UNIT_COUNT)
		write_growth(report, sink);
	sink_text(sink, "\n");
}
