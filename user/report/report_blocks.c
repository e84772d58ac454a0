/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes have a block, and what is said of the others; see report_blocks.h. */
#include "report_blocks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "profile_group.h"
#include "report_copied.h"
#include "report_processes.h"
#include "report_sentence.h"
#include "report_summary.h"

#define BYTES_PER_MB 1048576.0
#define MIN_NATIVE_BYTES (10 << 20)

static void write_head(const struct report *report, const struct process *process,
		       struct sink *sink)
{
	sink_printf(sink, "%" PRIu32 " ", process->pid);
	if (process->nr_members > 1)
		sink_printf(sink, "and %" PRIu32 " more, × %" PRIu32 " processes, sums of all: ",
			    process->nr_members - 1, process->nr_members);
	report_escaped(sink, profile_string(report->profile, process->command));
	sink_text(sink, "\n");
}

static void write_process(const struct report *report, const struct calltree *tree,
			  const struct loss_count losses[NR_LOSSES], struct sink *sink)
{
	report->write_rows(report, tree, sink);
	report_summary(report, tree, losses, sink);
}

/* What has no block of its own. */
struct others {
	size_t count; /* of processes: none of their images has one */
	int64_t highest;
	struct loss_count losses[NR_LOSSES];
};

static void sum_others(const struct report *report, const bool *has_block, struct others *ret)
{
	const struct profile *profile = report->original;
	_cleanup_(freep) uint32_t *firsts = profile_first_images(profile);
	_cleanup_(freep) bool *is_shown = xcalloc(profile->nr_processes, sizeof(*is_shown));

	*ret = (struct others){ 0 };
	memcpy(ret->losses, report->profile->losses, sizeof(ret->losses));
	for (uint32_t i = 0; i < profile->nr_processes; i++)
		is_shown[firsts[i]] |= has_block[report_group(report, i)];
	for (uint32_t i = 0; i < profile->nr_processes; i++) {
		const struct process *process = &profile->processes[i];

		if (has_block[report_group(report, i)] || !report_includes(report, i))
			continue;
		losses_add(ret->losses, process->losses);
		if (is_shown[firsts[i]] || !report_process_differs(report, process))
			continue;
		if (!ret->count || process->peak > ret->highest)
			ret->highest = process->peak;
		ret->count += firsts[i] == i;
	}
}

static void write_others(const struct report *report, const bool *has_block, struct sink *sink)
{
	struct others others;

	sum_others(report, has_block, &others);
	if (!others.count && !losses_any(others.losses))
		return;
	sink_text(sink, "\n");
	report_losses(report, others.losses, sink);
	if (others.count)
		sink_printf(sink, "… %zu other %s, highest %.1f MB\n", others.count,
			    others.count == 1 ? "process" : "processes",
			    (double)others.highest / BYTES_PER_MB);
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

/* Blocks that are being written. Of the highest process the tree is made first, for the sentence.
 */
struct blocks {
	const struct report *report;
	uint32_t highest;
	struct calltree *whole; /* of it, owned until its block takes it */
	bool *has_block;	/* by process; borrowed */
};

static struct calltree *take_tree(struct blocks *blocks, uint32_t process)
{
	if (process == blocks->highest && blocks->whole)
		return report_view(blocks->report, TAKE(blocks->whole));
	return report_tree_of(blocks->report, process);
}

/* What was copied is told below the rows, but not with --leaks nor of a difference; of no number of
 * calls can it be said to be above it. */
static bool has_copies_above(const struct report *report, uint32_t process, int64_t minimum)
{
	const struct report_options *options = report->options;
	_cleanup_(calltree_freep) struct calltree *own = NULL;

	if (!report->profile->processes[process].has_unshared || options->leaks ||
	    options->tree.is_difference || metrics[options->tree.metric].unit == UNIT_COUNT)
		return false;
	own = calltree_new(report->source, process);
	return report_copied_has_path_above(own, minimum);
}

static void write_block(struct blocks *blocks, const struct calltree *tree, struct sink *sink)
{
	const struct report *report = blocks->report;
	const struct process *process = &report->profile->processes[tree->process];

	blocks->has_block[tree->process] = true;
	sink_text(sink, "\n");
	write_head(report, process, sink);
	write_process(report, tree, process->losses, sink);
}

static int compare_peaks(const void *left, const void *right, void *context)
{
	const struct process *processes = context;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int64_t first = processes[a].peak, second = processes[b].peak;

	return first != second ? (first < second) - (first > second) : (a > b) - (a < b);
}

/* In the order of their births; where the largest row comes first the highest process does. */
static uint32_t *order_blocks(const struct report *report)
{
	const struct profile *profile = report->profile;
	uint32_t *order = xcalloc(profile->nr_processes, sizeof(*order));

	for (uint32_t i = 0; i < profile->nr_processes; i++)
		order[i] = i;
	if (report->options->tree.sort == SORT_TOTAL)
		qsort_r(order, profile->nr_processes, sizeof(*order), compare_peaks,
			profile->processes);
	return order;
}

/* A process has a block that has a row to show, the highest if none has. */
static void write_blocks(struct blocks *blocks, struct sink *sink)
{
	const struct report *report = blocks->report;
	bool is_beside_python = is_any_python(report), is_any = false;
	_cleanup_(freep) uint32_t *order = order_blocks(report);

	for (size_t number = 0; number < report->profile->nr_processes; number++) {
		uint32_t i = order[number];
		int64_t minimum = block_minimum(report, is_beside_python, i);
		_cleanup_(calltree_freep) struct calltree *tree = NULL;

		if (!report_includes(report, i))
			continue;
		tree = take_tree(blocks, i);
		if (!calltree_has_row_above(tree, minimum) && !has_copies_above(report, i, minimum))
			continue;
		is_any = true;
		write_block(blocks, tree, sink);
	}
	if (!is_any) {
		_cleanup_(calltree_freep) struct calltree *tree = take_tree(blocks,
									    blocks->highest);

		write_block(blocks, tree, sink);
	}
}

/* The only process, with the losses that belong to none: its balance is the report's. */
static void write_single(struct blocks *blocks, struct sink *sink)
{
	const struct report *report = blocks->report;
	_cleanup_(calltree_freep) struct calltree *tree = take_tree(blocks, blocks->highest);
	struct loss_count losses[NR_LOSSES];

	memcpy(losses, report->profile->losses, sizeof(losses));
	losses_add(losses, report->profile->processes[tree->process].losses);
	write_process(report, tree, losses, sink);
}

void report_blocks_write(const struct report *report, struct sink *sink)
{
	_cleanup_(freep) bool *has_block = xcalloc(report->profile->nr_processes,
						   sizeof(*has_block));
	struct blocks blocks = { .report = report, .has_block = has_block };
	struct report all = *report;
	size_t count;

	all.profile = report->original;
	blocks.highest = report_highest(report, report->profile, &count);
	if (!count) {
		sink_text(sink, "No process was measured\n");
		write_others(report, has_block, sink);
		return;
	}
	blocks.whole = report_whole_tree_of(report, blocks.highest);
	report_sentence_write(report, blocks.whole, sink);
	if (count == 1 && report->profile->processes[blocks.highest].nr_members < 2) {
		write_single(&blocks, sink);
		return;
	}
	write_blocks(&blocks, sink);
	write_others(report, has_block, sink);
	report_processes_write(&all, sink);
}
