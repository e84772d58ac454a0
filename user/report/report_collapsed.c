/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collapsed stacks, as flamegraph.pl, inferno and speedscope read them: a line for each path that
 * has something by itself, its rows from the root on parted by `;`, and whole bytes, or calls, of
 * one metric. Of several processes each begins with a frame of its own.
 */
#include <string.h>

#include "decimal.h"
#include "memory.h"
#include "report_export.h"

/* The path from the root to the current node, as text. */
struct path {
	const struct report *report;
	const struct calltree *tree;
	char *text;
	size_t length, capacity;
	int64_t deeper;			     /* what rows have that are below the end of any path */
	size_t ends[REPORT_STACK_DEPTH + 1]; /* [depth]: how long the path above that depth is */
};

/* What parts frames must not be in them. */
static void replace_semicolons(char *text)
{
	for (text = strchr(text, ';'); text; text = strchr(text, ';'))
		*text = ':';
}

static void append_frame(struct path *path, const char *label)
{
	char *frame;
	size_t length;

	path->text = array_reserve(path->text, &path->capacity,
				   path->length + 1 + REPORT_NAME_BYTES, 1);
	frame = path->text + path->length;
	if (path->length)
		*frame++ = ';';
	length = report_name(path->report, label, frame);
	replace_semicolons(frame);
	path->length = (size_t)(frame - path->text) + length;
}

static void enter(struct path *path, uint32_t node)
{
	uint32_t depth = path->tree->nodes[node].depth;
	_cleanup_(freep) char *label = NULL;

	if (depth >= REPORT_STACK_DEPTH)
		return;
	label = label_text(&path->report->labels, path->tree, node);
	path->length = path->ends[depth];
	append_frame(path, label);
	path->ends[depth + 1] = path->length;
}

static void write_stack(const struct path *path, int64_t value, struct sink *sink)
{
	sink_bytes(sink, path->text, path->length);
	sink_fill(sink, ' ', 1);
	sink_take(sink, decimal_write(sink_room(sink, DECIMAL_BYTES), value));
	sink_fill(sink, '\n', 1);
}

/* What is deeper than stacks go is written when the last row that is in them has been left. */
static void leave(struct path *path, uint32_t depth, struct sink *sink)
{
	if (depth >= REPORT_STACK_DEPTH)
		return;
	if (depth == REPORT_STACK_DEPTH - 1 && path->deeper)
		write_stack(path, path->deeper, sink);
	path->deeper = 0;
	path->length = path->ends[depth];
}

static void write_tree(struct path *path, struct sink *sink)
{
	enum tree_metric metric = path->report->options->tree.metric;

	for (struct tree_walk walk = calltree_walk(path->tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		uint32_t depth = path->tree->nodes[walk.node].depth;
		struct cost self;
		int64_t value;

		if (walk.is_leaving) {
			leave(path, depth, sink);
			continue;
		}
		enter(path, walk.node);
		self = calltree_self(path->tree, walk.node);
		value = report_stack_value(path->report, path->tree, walk.node, &self, metric);
		if (depth >= REPORT_STACK_DEPTH - 1)
			path->deeper += value;
		else if (value)
			write_stack(path, value, sink);
	}
}

static void write_process(const struct report *report, uint32_t index, struct sink *sink)
{
	_cleanup_(calltree_freep) struct calltree *tree = report_data_tree(report, index);
	_cleanup_(freep) char *title = report_process_title(report, index);
	_cleanup_(freep) struct path *path = xcalloc(1, sizeof(*path));

	path->report = report;
	path->tree = tree;
	if (report->profile->nr_processes > 1)
		append_frame(path, title);
	path->ends[0] = path->length;
	write_tree(path, sink);
	free(path->text);
}

static void write_collapsed(const struct report *report, struct sink *sink)
{
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (report_includes(report, i) &&
		    calltree_has_metric(&report->profile->processes[i],
					report->options->tree.metric))
			write_process(report, i, sink);
	}
}

const struct reporter report_collapsed = {
	.name = "collapsed",
	.write = write_collapsed,
};
