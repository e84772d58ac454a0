/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree for people, in the look of `openmdao mem`: a row is label, MB; siblings in order; then
 * `Max mem usage` and the balance. Everything that a target named is escaped.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "report_processes.h"
#include "report_table.h"

#define BYTES_PER_MB 1048576.0
#define HALF_A_HUNDREDTH 0.005
#define MIN_NATIVE_BYTES (10 << 20)
#define INDENT 2
/* Deeper rows, which only a forged dump has, stand below each other: a chain of a million rows
 * would else be 10^12 blanks. */
#define MAX_INDENT (INDENT * (MAX_FRAMES + 16))

#define COLOR_NUMBER "\033[1;32m"
#define COLOR_MAX "\033[1;31m"
#define COLOR_OFF "\033[0m"

/* ---- Pieces ---- */

static double megabytes(int64_t bytes)
{
	return (double)bytes / BYTES_PER_MB;
}

/* With two decimals; what rounds to nothing has no sign. */
static double rounded_megabytes(int64_t bytes)
{
	double value = megabytes(bytes);

	return fabs(value) < HALF_A_HUNDREDTH ? 0.0 : value;
}

static void write_number(struct sink *sink, const char *color, const char *format, int64_t bytes)
{
	char number[64];

	snprintf(number, sizeof(number), format, rounded_megabytes(bytes));
	if (sink->use_color)
		sink_text(sink, color);
	sink_text(sink, number);
	if (sink->use_color)
		sink_text(sink, COLOR_OFF);
}

/* ---- Rows ---- */

static void write_indent(struct sink *sink, uint32_t depth)
{
	sink_fill(sink, ' ', depth < MAX_INDENT / INDENT ? INDENT * depth : MAX_INDENT);
}

/* Nothing for 0 too: that was called before counting began, or not while it went on. */
static void write_calls(const struct calltree *tree, const struct tree_node *node,
			struct sink *sink)
{
	enum tree_calls calls = calltree_calls(tree, node);

	if (calls != CALLS_UNKNOWN && node->calls)
		sink_printf(sink, "  (%s%" PRId64 " calls)", calls == CALLS_EXACT ? "" : "≥",
			    node->calls);
}

static void write_row(const struct report *report, const struct calltree *tree, uint32_t index,
		      struct sink *sink)
{
	const struct tree_node *node = &tree->nodes[index];
	_cleanup_(freep) char *label = label_text(&report->labels, tree, index);

	write_indent(sink, node->depth);
	report_escaped(sink, label);
	sink_text(sink, "   ");
	write_number(sink, COLOR_NUMBER, "%7.2f", calltree_shown_bytes(tree, node));
	sink_text(sink, " MB");
	write_calls(tree, node, sink);
	sink_text(sink, "\n");
}

/* One line for a hidden row that has shown ones below, none for the next when it follows at once.
 */
static void write_rows(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	_cleanup_(freep) uint8_t *rows = calltree_rows(tree, report->minimum);
	bool after_dots = false;

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (walk.is_leaving)
			continue;
		if (rows[walk.node] == ROW_HIDDEN) {
			calltree_walk_skip(&walk);
			continue;
		}
		if (rows[walk.node] == ROW_SHOWN) {
			write_row(report, tree, walk.node, sink);
		} else if (!after_dots) {
			write_indent(sink, tree->nodes[walk.node].depth);
			sink_text(sink, "…\n");
		}
		after_dots = rows[walk.node] != ROW_SHOWN;
	}
}

/* ---- What follows the rows ---- */

/* Of whole processes no MB were measured, which is not the same as none. What was grown and what
 * was released stand apart: their sum is more than a process may ever have had. */
static void write_amount(enum wire_loss loss, const struct loss_count *lost, struct sink *sink)
{
	bool is_one = lost->events == 1;

	if (loss_is_process(loss) && !lost->bytes) {
		sink_printf(sink, "%" PRIu64 " %s, MB unknown", lost->events,
			    is_one ? "process" : "processes");
		return;
	}
	sink_printf(sink, "%" PRIu64 " %s, %.2f MB", lost->events, is_one ? "event" : "events",
		    (double)(lost->bytes - lost->released) / BYTES_PER_MB);
	if (lost->released)
		sink_printf(sink, " grown, %.2f MB released",
			    (double)lost->released / BYTES_PER_MB);
}

static void write_losses(const struct loss_count losses[NR_LOSSES], struct sink *sink)
{
	for (int loss = 0; loss < NR_LOSSES; loss++) {
		const char *hint = loss_hint(loss);

		if (!losses[loss].events && !losses[loss].bytes)
			continue;
		sink_printf(sink, "Lost: %s, ", loss_sentence(loss));
		write_amount(loss, &losses[loss], sink);
		if (hint)
			sink_printf(sink, "  (hint: %s)", hint);
		sink_text(sink, "\n");
	}
}

/* Nothing of one that still runs, or ended with status 0. */
static void write_end(const struct process *process, struct sink *sink)
{
	char end[PROCESS_END_BYTES];

	if (process->end == END_EXEC)
		sink_text(sink, "Ended by exec\n");
	if (process->end == END_EXIT && process->exit_code)
		sink_printf(sink, "Ended with status %d\n", process->exit_code);
	if (process->end != END_SIGNAL)
		return;
	report_process_end(process, end);
	sink_printf(sink, "Ended by %s at %.2f MB\n", end, megabytes(rss_of(process->kernel)));
}

/* Why a process that runs Python has no calls, or bounds: told who asks for calls. The capture said
 * so when it happened. */
static void write_calls_note(const struct report *report, const struct process *process,
			     struct sink *sink)
{
	const char *reason = report_calls_reason(report->profile, process);
	bool is_counted = process->calls_method != CALLS_BY_NOTHING;
	bool is_asked_for = report->options->tree.metric == METRIC_CALLS;

	if (!is_asked_for || (is_counted ? process->calls_seen != CALLS_SEEN_SOME
					 : !*profile_string(report->profile, process->python)))
		return;
	sink_text(sink, is_counted ? "Calls: ≥" : "Calls: not counted");
	if (*reason) {
		sink_text(sink, ", ");
		report_escaped(sink, reason);
	}
	sink_text(sink, "\n");
}

static void write_balance(const struct calltree *tree, struct sink *sink)
{
	struct report_balance balance = report_balance(tree);
	double percent = 0;

	if (balance.unexplained)
		percent = 100.0 * (double)balance.unexplained /
			  (double)(balance.kernel_end ? balance.kernel_end : balance.end);
	sink_printf(sink,
		    "Balance: %.2f MB at start + %.2f MB grown = %.2f MB at end "
		    "(kernel: %.2f MB, difference %.2f %%)\n",
		    rounded_megabytes(balance.start), rounded_megabytes(balance.growth),
		    rounded_megabytes(balance.end), rounded_megabytes(balance.kernel_end),
		    fabs(percent) < HALF_A_HUNDREDTH ? 0.0 : percent);
}

/* ---- Processes ---- */

static void write_head(const struct report *report, const struct process *process,
		       struct sink *sink)
{
	sink_printf(sink, "%" PRIu32 " ", process->pid);
	report_escaped(sink, profile_string(report->profile, process->command));
	sink_text(sink, "\n");
}

static void write_process(const struct report *report, const struct calltree *tree,
			  const struct loss_count losses[NR_LOSSES], struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];

	report->write_rows(report, tree, sink);
	sink_text(sink, "\nMax mem usage: ");
	write_number(sink, COLOR_MAX, "%.2f", process->peak);
	sink_text(sink, " MB\n");
	write_end(process, sink);
	write_losses(losses, sink);
	write_calls_note(report, process, sink);
	write_balance(tree, sink);
}

/* Those that have no block of their own. */
struct others {
	size_t count;
	int64_t highest;
	struct loss_count losses[NR_LOSSES];
};

static void sum_others(const struct report *report, const bool *has_block, struct others *ret)
{
	*ret = (struct others){ 0 };
	memcpy(ret->losses, report->profile->losses, sizeof(ret->losses));
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		const struct process *process = &report->profile->processes[i];

		if (has_block[i] || !report_includes(report, i))
			continue;
		if (!ret->count++ || process->peak > ret->highest)
			ret->highest = process->peak;
		losses_add(ret->losses, process->losses);
	}
}

static void write_others(const struct report *report, const bool *has_block, struct sink *sink)
{
	struct others others;

	sum_others(report, has_block, &others);
	if (!others.count && !losses_any(others.losses))
		return;
	sink_text(sink, "\n");
	write_losses(others.losses, sink);
	if (others.count)
		sink_printf(sink, "… %zu other %s, highest %.1f MB\n", others.count,
			    others.count == 1 ? "process" : "processes", megabytes(others.highest));
}

static bool has_python(const struct report *report, uint32_t process)
{
	uint32_t python = report->profile->processes[process].python;

	return *profile_string(report->profile, python) != '\0';
}

static bool is_any_python(const struct report *report)
{
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (report_includes(report, i) && has_python(report, i))
			return true;
	}
	return false;
}

/* What a process must have in a row for a block of its own. Without a minimum from the user, the
 * small programs that a Python run starts (a pyenv shim: 57 shells of 1 to 4 MB) do not bury it. */
static int64_t block_minimum(const struct report *report, bool is_beside_python, uint32_t process)
{
	if (report->options->has_min || !is_beside_python || has_python(report, process) ||
	    metrics[report->options->tree.metric].unit == UNIT_COUNT)
		return report->minimum;
	return MIN_NATIVE_BYTES;
}

/* The blocks that are wanted are those of processes with a row to show, `chosen` in any case. */
static size_t write_blocks(const struct report *report, uint32_t chosen, bool *has_block,
			   struct sink *sink)
{
	bool is_beside_python = is_any_python(report);
	size_t nr_blocks = 0;

	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		int64_t minimum = block_minimum(report, is_beside_python, i);
		_cleanup_(calltree_freep) struct calltree *tree = NULL;

		if (!report_includes(report, i))
			continue;
		tree = calltree_new(report->source, i);
		if (i != chosen && !calltree_has_row_above(tree, minimum))
			continue;
		has_block[i] = true;
		if (nr_blocks++)
			sink_text(sink, "\n");
		write_head(report, &report->profile->processes[i], sink);
		write_process(report, tree, report->profile->processes[i].losses, sink);
	}
	return nr_blocks;
}

static uint32_t find_highest(const struct report *report, size_t *ret_count)
{
	const struct process *processes = report->profile->processes;
	uint32_t highest = NO_PROCESS;
	size_t count = 0;

	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (!report_includes(report, i))
			continue;
		count++;
		if (highest == NO_PROCESS || processes[i].peak > processes[highest].peak)
			highest = i;
	}
	*ret_count = count;
	return highest;
}

/* The only process, with the losses that belong to none: its balance is the report's. */
static void write_single(const struct report *report, uint32_t process, struct sink *sink)
{
	_cleanup_(calltree_freep) struct calltree *tree = calltree_new(report->source, process);
	struct loss_count losses[NR_LOSSES];

	memcpy(losses, report->profile->losses, sizeof(losses));
	losses_add(losses, report->profile->processes[process].losses);
	write_process(report, tree, losses, sink);
}

/* A block a process with rows to show. Where none has any, the highest has one all the same: no
 * report is without a balance. */
static void write_blocks_of_all(const struct report *report, struct sink *sink)
{
	_cleanup_(freep) bool *has_block = xcalloc(report->profile->nr_processes,
						   sizeof(*has_block));
	size_t count;
	uint32_t highest = find_highest(report, &count);

	if (count == 1) {
		write_single(report, highest, sink);
		return;
	}
	if (!count)
		sink_text(sink, "No process was measured\n");
	else if (!write_blocks(report, NO_PROCESS, has_block, sink))
		write_blocks(report, highest, has_block, sink);
	write_others(report, has_block, sink);
	if (count)
		report_processes_write(report, sink);
}

const struct reporter report_tree = {
	.name = "tree",
	.has_min = true,
	.write_rows = write_rows,
	.write = write_blocks_of_all,
};

const struct reporter report_table = {
	.name = "table",
	.has_min = true,
	.write_rows = report_table_rows,
	.write = write_blocks_of_all,
};
