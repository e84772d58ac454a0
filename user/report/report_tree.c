/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the tree for people, in the look of `openmdao mem`: label, MB, calls; siblings in
 * order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "report_blocks.h"
#include "report_imports.h"
#include "report_number.h"
#include "report_spread.h"
#include "text_columns.h"

#define INDENT 2
/* Of a terminal's line: what an amount and calls mostly take; the least of a label. */
#define AMOUNT_COLUMNS 26
#define MIN_LABEL_COLUMNS 16
#define BOTH_MIN_BYTES (1 << 20)
#define SHARE_MIN_BYTES (1 << 20)
/* Deeper rows, which only a forged dump has, stand below each other: a chain of a million rows
 * would else be 10^12 blanks. */
#define MAX_INDENT (INDENT * (MAX_FRAMES + 16))

/* On a terminal the half of a line at most is left blank: deeper rows begin with their level.
 * Returns the columns that are taken. */
static size_t write_indent(struct sink *sink, uint32_t depth)
{
	char level[16];
	size_t blanks = depth < MAX_INDENT / INDENT ? INDENT * depth : MAX_INDENT;

	if (!sink->columns || blanks <= sink->columns / 2) {
		sink_fill(sink, ' ', blanks);
		return blanks;
	}
	sink_fill(sink, ' ', sink->columns / 2);
	snprintf(level, sizeof(level), "%" PRIu32 "› ", depth);
	sink_text(sink, level);
	return sink->columns / 2 + text_columns(level, strlen(level));
}

#define SHARE_BYTES 24

/* For who reads a terminal: of what the row grew, where that is not what a program allocates:
 * files' pages and shared memory, when they are most of it. A script finds all kinds in JSON. */
static void find_share(const struct report *report, const struct calltree *tree, uint32_t index,
		       const struct sink *sink, char ret[static SHARE_BYTES])
{
	static const char *const names[NR_KINDS] = { [KIND_FILE] = "file", [KIND_SHMEM] = "shmem" };
	struct cost total;
	int64_t all;

	*ret = '\0';
	if (!sink->columns || tree->metric != METRIC_GROWTH || report->options->tree.is_difference)
		return;
	total = calltree_total(tree, index);
	if (llabs(cost_growth(&total)) < SHARE_MIN_BYTES)
		return;
	all = llabs(cost_growth_of(&total, KIND_ANON)) + llabs(cost_growth_of(&total, KIND_FILE)) +
	      llabs(cost_growth_of(&total, KIND_SHMEM));
	for (int kind = 0; kind < NR_KINDS; kind++) {
		int64_t amount = names[kind] ? llabs(cost_growth_of(&total, kind)) : 0;

		if (amount > all / 2)
			snprintf(ret, SHARE_BYTES, "  %.0f %% %s",
				 100.0 * (double)amount / (double)all, names[kind]);
	}
}

/* A label leaves room for MB and calls in its line. The program's own stand out. */
static void write_label(const struct report *report, const struct calltree *tree, uint32_t index,
			size_t taken, struct sink *sink)
{
	_cleanup_(freep) char *label = label_text(&report->labels, tree, index);
	bool is_bold = sink->use_color && report_is_own(tree, &tree->nodes[index]);
	size_t room = taken + AMOUNT_COLUMNS < sink->columns
			      ? sink->columns - taken - AMOUNT_COLUMNS
			      : 0;

	if (is_bold)
		sink_text(sink, COLOR_OWN);
	if (sink->columns)
		report_shortened(sink, label, room > MIN_LABEL_COLUMNS ? room : MIN_LABEL_COLUMNS);
	else
		report_escaped(sink, label);
	if (is_bold)
		sink_text(sink, COLOR_OFF);
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

/* Both, where they move more than they leave: a small balance may stand below large rows. */
static void write_both(const struct calltree *tree, uint32_t index, struct sink *sink)
{
	const struct cost total = calltree_total(tree, index);
	int64_t grown = cost_grown(&total), released = cost_released(&total);
	int64_t less = grown < released ? grown : released;

	if (tree->metric != METRIC_GROWTH || less < BOTH_MIN_BYTES ||
	    less < llabs(grown - released))
		return;
	sink_text(sink, "  (+");
	report_mb(sink, 0, grown);
	sink_text(sink, " −");
	report_mb(sink, 0, released);
	sink_text(sink, ")");
}

static void write_spread(const struct spread *spread, struct sink *sink)
{
	sink_text(sink, "  each ");
	report_mb(sink, 0, spread->least);
	sink_text(sink, " to ");
	report_mb(sink, 0, spread->most);
	sink_text(sink, ", median ");
	report_mb(sink, 0, spread->median);
}

/* How many frames below each other the row is. */
static void write_folded(const struct tree_node *node, struct sink *sink)
{
	if (node->nr_folded && node->has_recursed)
		sink_printf(sink, " × %" PRIu32, node->nr_folded + 1);
	else if (node->nr_folded)
		sink_printf(sink, " (%" PRIu32 " more)", node->nr_folded);
}

static int64_t peak_of(const struct calltree *tree)
{
	return tree->profile->processes[tree->process].peak;
}

/* `spread` is NULL where the row is of one process. */
static void write_row(const struct report *report, const struct calltree *tree, uint32_t index,
		      const struct spread *spread, struct sink *sink)
{
	const struct tree_node *node = &tree->nodes[index];
	char share[SHARE_BYTES];

	find_share(report, tree, index, sink, share);
	write_label(report, tree, index, write_indent(sink, node->depth) + strlen(share), sink);
	write_folded(node, sink);
	sink_text(sink, "   ");
	report_mb_sized(sink, calltree_shown_bytes(tree, node), peak_of(tree));
	sink_text(sink, " MB");
	write_both(tree, index, sink);
	write_calls(tree, node, sink);
	sink_text(sink, share);
	if (spread && node->kind != TREE_INHERITED && node->kind != TREE_BEFORE)
		write_spread(spread, sink);
	if (report->options->tree.is_difference && node->is_own != node->is_other)
		sink_printf(sink, "  %s", calltree_change(tree, node));
	sink_text(sink, "\n");
}

static void write_imports(const struct report *report, const struct calltree *tree, uint32_t row,
			  const struct import_group *group, struct sink *sink)
{
	if (llabs(group->bytes) <= report->minimum)
		return;
	write_indent(sink, tree->nodes[row].depth);
	sink_printf(sink, "imports (%" PRIu32 " modules)   ", group->nr_modules);
	report_mb_sized(sink, group->bytes, peak_of(tree));
	sink_text(sink, " MB\n");
}

/* Rows of a tree that is being written; owns its arrays. */
struct rows {
	uint8_t *shown;		      /* by row: enum tree_row */
	struct spread *spreads;	      /* by row; NULL: the process is no group */
	struct import_group *imports; /* by row; NULL: each stands by itself */
	bool after_dots;
};

/* One line for a hidden row that has shown ones below, none for the next when it follows at once.
 */
static void write_shown(const struct report *report, const struct calltree *tree, uint32_t row,
			struct rows *rows, struct sink *sink)
{
	if (rows->shown[row] == ROW_SHOWN) {
		write_row(report, tree, row, rows->spreads ? &rows->spreads[row] : NULL, sink);
	} else if (!rows->after_dots) {
		write_indent(sink, tree->nodes[row].depth);
		sink_text(sink, "…\n");
	}
	rows->after_dots = rows->shown[row] != ROW_SHOWN;
}

static void write_rows(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	_cleanup_(freep) uint8_t *shown = calltree_rows(tree, report->minimum);
	_cleanup_(freep) struct spread *spreads = report_spreads(report, tree, shown);
	_cleanup_(freep) struct import_group *imports =
		report->options->full || report->viewer || metrics[tree->metric].unit == UNIT_COUNT
			? NULL
			: report_imports(tree);
	struct rows rows = { .shown = shown, .spreads = spreads, .imports = imports };

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		uint32_t row = walk.node;

		if (walk.is_leaving)
			continue;
		if (imports && imports[row].first != NO_NODE) {
			if (imports[row].first == row)
				write_imports(report, tree, row, &imports[row], sink);
			calltree_walk_skip(&walk);
			continue;
		}
		/* What --leaks leaves out is told below the rows. */
		if (shown[row] == ROW_HIDDEN ||
		    (report->options->leaks && tree->nodes[row].kind == TREE_CUT)) {
			calltree_walk_skip(&walk);
			continue;
		}
		write_shown(report, tree, row, &rows, sink);
	}
}

const struct reporter report_tree = {
	.name = "tree",
	.has_min = true,
	.folds = true,
	.write_rows = write_rows,
	.write = report_blocks_write,
};
