/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the tree for people, in the look of `openmdao mem`: label, MB, calls; siblings in
 * order.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"
#include "report_blocks.h"
#include "report_number.h"
#include "report_spread.h"

#define INDENT 2
#define BOTH_MIN_BYTES (1 << 20)
/* Deeper rows, which only a forged dump has, stand below each other: a chain of a million rows
 * would else be 10^12 blanks. */
#define MAX_INDENT (INDENT * (MAX_FRAMES + 16))

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

/* `spread` is NULL where the row is of one process. */
static void write_row(const struct report *report, const struct calltree *tree, uint32_t index,
		      const struct spread *spread, struct sink *sink)
{
	const struct tree_node *node = &tree->nodes[index];
	_cleanup_(freep) char *label = label_text(&report->labels, tree, index);

	write_indent(sink, node->depth);
	report_escaped(sink, label);
	sink_text(sink, "   ");
	report_mb_colored(sink, COLOR_NUMBER, 7, calltree_shown_bytes(tree, node));
	sink_text(sink, " MB");
	write_both(tree, index, sink);
	write_calls(tree, node, sink);
	if (spread && node->kind != TREE_INHERITED && node->kind != TREE_BEFORE)
		write_spread(spread, sink);
	if (report->options->tree.is_difference && node->is_own != node->is_other)
		sink_printf(sink, "  %s", calltree_change(tree, node));
	sink_text(sink, "\n");
}

/* One line for a hidden row that has shown ones below, none for the next when it follows at once.
 */
static void write_rows(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	_cleanup_(freep) uint8_t *rows = calltree_rows(tree, report->minimum);
	_cleanup_(freep) struct spread *spreads = report_spreads(report, tree, rows);
	bool after_dots = false;

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (walk.is_leaving)
			continue;
		/* What --leaks leaves out is told below the rows. */
		if (rows[walk.node] == ROW_HIDDEN ||
		    (report->options->leaks && tree->nodes[walk.node].kind == TREE_CUT)) {
			calltree_walk_skip(&walk);
			continue;
		}
		if (rows[walk.node] == ROW_SHOWN) {
			write_row(report, tree, walk.node, spreads ? &spreads[walk.node] : NULL,
				  sink);
		} else if (!after_dots) {
			write_indent(sink, tree->nodes[walk.node].depth);
			sink_text(sink, "…\n");
		}
		after_dots = rows[walk.node] != ROW_SHOWN;
	}
}

const struct reporter report_tree = {
	.name = "tree",
	.has_min = true,
	.write_rows = write_rows,
	.write = report_blocks_write,
};
