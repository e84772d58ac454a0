/* SPDX-License-Identifier: BSD-2-Clause */
/* Below the rows of a process; see report_summary.h. */
#include "memory.h"
#include "report_summary.h"

#include <inttypes.h>
#include <math.h>

#include "profile_calls.h"
#include "report_allocs.h"
#include "report_copied.h"
#include "report_held.h"
#include "report_census.h"
#include "report_inside.h"
#include "report_leaks.h"
#include "report_members.h"
#include "report_number.h"
#include "report_processes.h"
#include "report_series.h"

#define HALF_A_HUNDREDTH 0.005
#define NS_PER_SECOND 1e9

static const char *choose_noun(enum wire_loss loss, uint64_t number)
{
	if (loss_is_process(loss))
		return number == 1 ? "process" : "processes";
	return number == 1 ? "event" : "events";
}

/* Where no MB were measured that is not the same as none. What was grown and what was released
 * stand apart: their sum is more than a process may ever have had. */
static void write_amount(enum wire_loss loss, const struct loss_count *lost, struct sink *sink)
{
	sink_printf(sink, "%" PRIu64 " %s, ", lost->events, choose_noun(loss, lost->events));
	if (loss_is_unmeasured(loss) && !lost->bytes) {
		sink_text(sink, "MB unknown");
		return;
	}
	report_mb(sink, 0, (int64_t)(lost->bytes - lost->released));
	sink_text(sink, " MB");
	if (!lost->released)
		return;
	sink_text(sink, " grown, ");
	report_mb(sink, 0, (int64_t)lost->released);
	sink_text(sink, " MB released");
}

/* An attached process runs on while its interpreter is looked for: to begin it in another way is no
 * remedy for who attaches. Calls that have not even a [deeper] row lack the same as those on one.
 */
static const char *choose_hint(const struct report *report,
			       const struct loss_count losses[NR_LOSSES], enum wire_loss loss)
{
	bool is_attached = !report->profile->meta.command;

	if (loss == LOSS_calls_unplaced || loss == LOSS_calls_lost)
		return losses_ask_for_rows(losses) ? loss_hint(LOSS_calls_unplaced) : NULL;
	return is_attached && loss == LOSS_found_late ? NULL : loss_hint(loss);
}

void report_losses(const struct report *report, const struct loss_count losses[NR_LOSSES],
		   struct sink *sink)
{
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		const char *hint = choose_hint(report, losses, loss);

		if (!losses[loss].events && !losses[loss].bytes)
			continue;
		if (sink->use_color)
			sink_text(sink, COLOR_LOSS);
		sink_printf(sink, "Lost: %s, ", loss_sentence(loss));
		write_amount(loss, &losses[loss], sink);
		if (hint)
			sink_printf(sink, "  (hint: %s)", hint);
		if (sink->use_color)
			sink_text(sink, COLOR_OFF);
		sink_text(sink, "\n");
	}
}

static void write_signal(const struct process *process, struct sink *sink)
{
	char end[PROCESS_END_BYTES];

	report_process_end(process, end);
	sink_printf(sink, "Ended by %s at ", end);
	report_mb(sink, 0, rss_of(process->kernel));
	sink_text(sink, " MB");
}

/* Nothing of one that still runs, or ended with status 0; of a difference only what its rows are,
 * for one of the two may have ended otherwise. */
static void write_end(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];
	bool is_difference = report->options->tree.is_difference;
	bool is_of_peak = tree->metric != report->options->tree.metric;

	if (process->nr_members > 1)
		return;
	if (is_difference) {
		if (is_of_peak)
			sink_text(sink, "The rows above are what was held at its highest moment\n");
		return;
	}
	if (process->end == END_EXEC)
		sink_text(sink, "Ended by exec\n");
	if (process->end == END_EXIT && process->exit_code)
		sink_printf(sink, "Ended with status %d\n", process->exit_code);
	if (process->end != END_SIGNAL)
		return;
	write_signal(process, sink);
	sink_text(sink,
		  is_of_peak ? ": the rows above are what was held at its highest moment\n" : "\n");
}

/* Is a number of calls that stands in a row a bound? */
static bool shows_bounds(const struct report *report, const struct calltree *tree)
{
	_cleanup_(freep) uint8_t *rows = calltree_rows(tree, report->minimum);

	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		const struct tree_node *node = &tree->nodes[i];

		if (rows[i] == ROW_SHOWN && node->calls &&
		    calltree_calls(tree, node) == CALLS_BOUND)
			return true;
	}
	return false;
}

/* Whoever asks for calls is told of those that are in no row, too; nobody else is told that there
 * are none as asked for. */
static bool has_calls_note(const struct report *report, const struct calltree *tree)
{
	const struct profile *profile = report->profile;
	const struct process *process = &profile->processes[tree->process];
	bool is_asked_for = report->options->tree.metric == METRIC_CALLS;

	if (process->calls_method != CALLS_BY_NOTHING)
		return (is_asked_for && process->calls_seen == CALLS_SEEN_SOME) ||
		       shows_bounds(report, tree);
	return *profile_string(profile, process->python) &&
	       (is_asked_for || (profile->meta.calls_mode != CALLS_MODE_OFF &&
				 !report->options->tree.is_difference));
}

/* Why a process that runs Python has no calls, or bounds. */
static void write_calls_note(const struct report *report, const struct calltree *tree,
			     struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];
	const char *reason = report_calls_reason(report->profile, process);
	bool is_counted = process->calls_method != CALLS_BY_NOTHING;

	if (!has_calls_note(report, tree))
		return;
	sink_text(sink, is_counted ? "Calls: ≥" : "Calls: not counted");
	if (*reason) {
		sink_text(sink, ", ");
		report_escaped(sink, reason);
	}
	sink_text(sink, "\n");
}

static void write_balance(const struct process *process, const struct calltree *tree,
			  struct sink *sink)
{
	struct report_balance balance = report_balance(tree);
	double percent = 0;

	if (balance.unexplained)
		percent = 100.0 * (double)balance.unexplained /
			  (double)(balance.kernel_end ? balance.kernel_end : balance.end);
	sink_text(sink, "Balance: ");
	report_mb(sink, 0, balance.start);
	sink_text(sink, " MB at start + ");
	report_mb(sink, 0, balance.growth);
	sink_text(sink, " MB grown = ");
	report_mb(sink, 0, balance.end);
	sink_text(sink, " MB at end (kernel: ");
	report_mb(sink, 0, balance.kernel_end);
	sink_printf(sink, " MB, difference %.2f %%)%s\n",
		    fabs(percent) < HALF_A_HUNDREDTH ? 0.0 : percent,
		    process->nr_members > 1 ? ", sums of all" : "");
}

/* Of what has ended the last reading before its end is told, and how long before that was. */
static void write_inside(const struct process *process, struct sink *sink)
{
	uint64_t end_ns = process->end_ns > process->inside_ns ? process->end_ns : 0;

	report_inside_write(&process->inside, sink);
	report_parts_write(&process->inside, process->census, sink);
	if (process->end == END_RUNNING || !end_ns)
		return;
	sink_printf(sink, "  Read at %.2f s, %.2f s before its end\n",
		    (double)process->inside_ns / NS_PER_SECOND,
		    (double)(end_ns - process->inside_ns) / NS_PER_SECOND);
}

static void write_objects_growth(const struct process *process, struct sink *sink)
{
	struct census_diff diff;

	census_diff_make(process->census_before, process->census, &diff);
	if (diff.nr_types || diff.nr_holders)
		report_census_diff_write(&diff, sink);
	census_diff_free(&diff);
}

static void write_census(const struct process *process, struct sink *sink)
{
	if (process->census_before) {
		write_objects_growth(process, sink);
		return;
	}
	report_census_write(process->census, sink);
	if (process->end_ns > process->census_ns)
		sink_printf(sink, "  Counted at %.2f s\n",
			    (double)process->census_ns / NS_PER_SECOND);
}

static void write_lists(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	if (report->options->leaks) {
		report_leaks_write(report, tree, sink);
		return;
	}
	if (report->options->tree.is_difference)
		return;
	report_held_write(report, tree, sink);
	report_allocs_write(report, tree, sink);
	report_copied_write(report, tree, sink);
}

/* Filters change the rows alone: what is told below them is of the process as it is. */
static void write_own_tree(const struct report *report, const struct calltree *tree,
			   struct sink *sink)
{
	_cleanup_(calltree_freep) struct calltree *own = calltree_new_by(
		report->source, tree->process, tree->metric);

	write_lists(report, own, sink);
}

/* What the processes of one tree had at their own peaks was not there at once. */
static void write_members(const struct report *report, uint32_t index, struct sink *sink)
{
	const struct process *process = &report->profile->processes[index];
	const struct members_height height = report_members_height(report, index);

	report_mb_colored(sink, COLOR_MAX, 0, height.highest);
	sink_printf(sink, " MB in the highest of %" PRIu32 " processes", process->nr_members);
	if (height.together) {
		sink_text(sink, ", never above ");
		report_mb(sink, 0, height.together);
		sink_text(sink, " MB together");
	}
	sink_text(sink, "; each one's own, summed: ");
	report_mb(sink, 0, process->peak);
	sink_text(sink, " MB\n");
}

static void write_highest(const struct report *report, uint32_t index, struct sink *sink)
{
	const struct process *process = &report->profile->processes[index];

	sink_text(sink, "Max mem usage: ");
	if (process->nr_members > 1) {
		write_members(report, index, sink);
		return;
	}
	report_mb_colored(sink, COLOR_MAX, 0, process->peak);
	sink_text(sink, " MB\n");
}

void report_summary(const struct report *report, const struct calltree *tree,
		    const struct loss_count losses[NR_LOSSES], struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];

	sink_text(sink, "\n");
	if (report->viewer)
		write_own_tree(report, tree, sink);
	else
		write_lists(report, tree, sink);
	if (process->has_inside)
		write_inside(process, sink);
	if (process->census)
		write_census(process, sink);
	report_series_write(process, sink);
	write_calls_note(report, tree, sink);
	write_highest(report, tree->process, sink);
	write_end(report, tree, sink);
	report_losses(report, losses, sink);
	write_balance(process, tree, sink);
}
