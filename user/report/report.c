/* SPDX-License-Identifier: BSD-2-Clause */
/* What the formats share; see report.h. */
#include "report.h"

#include <string.h>

#include "code_path.h"
#include "leak_nodes.h"
#include "memory.h"
#include "profile_own.h"
#include "terminal.h"
#include "text_columns.h"

#define DEFAULT_MIN_BYTES (1 << 20)

static int64_t default_minimum(const struct report_options *options)
{
	return metrics[options->tree.metric].unit == UNIT_COUNT ? 1 : DEFAULT_MIN_BYTES;
}

static bool is_viewed(const struct tree_view *view)
{
	return view->threads || view->focus || view->ignore || view->kinds || view->depth ||
	       view->by != TREE_BY_PATH || view->imports || view->is_inverted;
}

bool report_may_group(const struct report_options *options)
{
	return !options->nr_pids && !options->leaks && !options->tree.is_difference;
}

static bool wants_groups(const struct reporter *reporter, const struct report_options *options)
{
	return reporter->write_rows && !options->by_process && report_may_group(options);
}

uint32_t report_origin(const struct report *report, uint32_t process)
{
	return report->groups ? report->groups->origins[process] : process;
}

uint32_t report_group(const struct report *report, uint32_t original)
{
	return report->groups ? report->groups->processes[original] : original;
}

/* So that a difference has the same amounts whichever side is the first. */
static bool is_by_peak(const struct report *report)
{
	bool is_any_killed = false;

	if (!report->options->tree.is_difference || report->options->has_metric)
		return false;
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		const struct process *process = &report->profile->processes[i];

		if (!report_includes(report, i))
			continue;
		if (!process->has_owners)
			return false;
		is_any_killed |= profile_is_killed(process) || process->is_other_killed;
	}
	return is_any_killed;
}

struct report_remarks report_write(const struct reporter *reporter, const struct profile *profile,
				   const struct report_options *options, struct sink *sink)
{
	struct report_remarks remarks = { 0 };
	_cleanup_(freep) bool *only = options->leaks ? leak_nodes(profile) : NULL;
	struct tree_options tree = options->tree;
	_cleanup_(profile_groups_freep) struct profile_groups *groups =
		wants_groups(reporter, options) ? profile_group(profile) : NULL;
	struct tree_source *source;
	struct report report = {
		.remarks = &remarks,
		.write_rows = reporter->write_rows,
		.profile = groups ? groups->profile : profile,
		.original = profile,
		.groups = groups,
		.only = only,
		.options = options,
		.has_min = options->has_min || reporter->has_min,
		.minimum = options->has_min ? options->minimum : default_minimum(options),
	};

	report.is_by_peak = is_by_peak(&report);
	tree.only = only;
	tree.import_frames |= options->view.imports;
	tree.folds = reporter->folds && !options->full && !is_viewed(&options->view);
	source = calltree_source_new(report.profile, &tree);
	report.source = source;
	label_style_init(&report.labels, report.profile, options->directory, options->full_paths);
	if (is_viewed(&options->view))
		report.viewer = tree_viewer_new(report.profile, &options->view, &report.labels);
	reporter->write(&report, sink);
	tree_viewer_free(report.viewer);
	calltree_source_free(source);
	return remarks;
}

size_t report_plain_length(const char *text)
{
	const char *end = text;

	while (*end >= ' ' && *end <= '~')
		end++;
	return (size_t)(end - text);
}

static char *escape(const char *text)
{
	size_t size = REPORT_ESCAPED_BYTES * strlen(text) + 1;
	char *escaped = xmalloc(size);

	terminal_escape(text, escaped, size);
	return escaped;
}

void report_escaped(struct sink *sink, const char *text)
{
	size_t plain = report_plain_length(text);
	_cleanup_(freep) char *escaped = NULL;

	if (!text[plain]) {
		sink_bytes(sink, text, plain);
		return;
	}
	escaped = escape(text);
	sink_text(sink, escaped);
}

void report_shortened(struct sink *sink, const char *text, size_t columns)
{
	_cleanup_(freep) char *escaped = escape(text);
	_cleanup_(freep) char *shortened = text_shorten(escaped, columns);

	sink_text(sink, shortened);
}

bool report_is_own(const struct calltree *tree, const struct tree_node *node)
{
	const char *file = calltree_place(tree, node).file;

	return node->kind == TREE_PYTHON && file && code_path_origin(file) == CODE_OWN;
}

struct calltree *report_whole_tree_of(const struct report *report, uint32_t process)
{
	const struct process *entry = &report->profile->processes[process];
	const struct report_options *options = report->options;
	bool is_killed = profile_is_killed(entry) && entry->has_owners && !options->has_metric;

	if (options->tree.is_difference ? report->is_by_peak : is_killed)
		return calltree_new_by(report->source, process, METRIC_PEAK);
	return calltree_new(report->source, process);
}

struct calltree *report_view(const struct report *report, struct calltree *tree)
{
	return report->viewer ? tree_viewer_apply(report->viewer, tree) : tree;
}

struct calltree *report_tree_of(const struct report *report, uint32_t process)
{
	return report_view(report, report_whole_tree_of(report, process));
}

struct calltree *report_view_of(const struct report *report, uint32_t process,
				enum tree_metric metric)
{
	return report_view(report, calltree_new_by(report->source, process, metric));
}

bool report_includes(const struct report *report, uint32_t process)
{
	const struct report_options *options = report->options;

	for (size_t i = 0; i < options->nr_pids; i++) {
		if (options->pids[i] == report->original->processes[process].pid)
			return true;
	}
	return !options->nr_pids;
}

uint32_t report_highest(const struct report *report, const struct profile *profile,
			size_t *ret_count)
{
	const struct process *processes = profile->processes;
	uint32_t highest = NO_PROCESS;
	size_t count = 0;

	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		if (!report_includes(report, i))
			continue;
		count++;
		if (highest == NO_PROCESS || processes[i].peak > processes[highest].peak)
			highest = i;
	}
	*ret_count = count;
	return highest;
}

const char *report_calls_reason(const struct profile *profile, const struct process *process)
{
	return profile_is_uncounted(profile, process)
		       ? CALLS_OFF_REASON
		       : profile_string(profile, process->calls_reason);
}

bool report_has_pid(const struct profile *profile, uint32_t pid)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (profile->processes[i].pid == pid)
			return true;
	}
	return false;
}

struct report_balance report_balance(const struct calltree *tree)
{
	const struct process *process = &tree->profile->processes[tree->process];
	struct report_balance balance = {
		.start = rss_of(process->opening),
		.growth = calltree_growth(tree),
		.kernel_end = rss_of(process->kernel),
	};

	balance.end = balance.start + balance.growth;
	balance.unexplained = balance.kernel_end - balance.end;
	return balance;
}
