/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_stacks.h. */
#include "report_stacks.h"

#include "memory.h"

/* ---- Frames ---- */

void report_frames_init(struct report_frames *ret, const struct report *report)
{
	*ret = (struct report_frames){ .report = report };
	string_pool_init(&ret->names);
	ret->by_site = xcalloc(report->profile->nr_sites, sizeof(*ret->by_site));
}

void report_frames_free(struct report_frames *frames)
{
	free(frames->frames);
	free(frames->by_site);
	hash_table_free(&frames->by_name);
	string_pool_free(&frames->names);
}

static uint32_t add_frame(struct report_frames *frames, const struct calltree *tree,
			  const struct tree_node *node, uint32_t name)
{
	const struct tree_place place = calltree_place(tree, node);

	frames->frames = array_reserve(frames->frames, &frames->capacity, frames->count + 1,
				       sizeof(*frames->frames));
	frames->frames[frames->count] = (struct report_frame){
		.name = string_pool_get(&frames->names, name),
		.function = place.function ? place.function : "",
		.file = place.file ? place.file : "",
		.line = place.line,
		.at = place.at,
		.has_line = place.has_line,
	};
	return (uint32_t)frames->count++;
}

/* Rows that have no site of their own are one frame when they are called the same. */
static uint32_t frame_of_name(struct report_frames *frames, const struct calltree *tree,
			      uint32_t index)
{
	_cleanup_(freep) char *label = label_name(&frames->report->labels, tree, index);
	uint32_t name = string_pool_add(&frames->names, label), frame;

	if (hash_table_get(&frames->by_name, name, &frame))
		return frame;
	frame = add_frame(frames, tree, &tree->nodes[index], name);
	hash_table_put(&frames->by_name, name, frame);
	return frame;
}

static uint32_t frame_of(struct report_frames *frames, const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];
	_cleanup_(freep) char *label = NULL;
	uint32_t *frame;

	if (node->kind != TREE_PYTHON && node->kind != TREE_C)
		return frame_of_name(frames, tree, index);
	frame = &frames->by_site[node->site];
	if (*frame)
		return *frame - 1;
	label = label_name(&frames->report->labels, tree, index);
	*frame = add_frame(frames, tree, node, string_pool_add(&frames->names, label)) + 1;
	return *frame - 1;
}

/* ---- Stacks ---- */

/* Where a walk is. */
struct stacks {
	const struct report_stack_request *request;
	const struct report *report;
	struct report_stack stack;
	int64_t values[NR_METRICS], deeper[NR_METRICS];
	uint32_t frames[REPORT_STACK_DEPTH];
};

static bool find_values(struct stacks *stacks, uint32_t node)
{
	const struct cost self = calltree_self(stacks->stack.tree, node);
	bool is_any = false;

	for (size_t i = 0; i < stacks->request->nr_metrics; i++) {
		stacks->values[i] = report_stack_value(stacks->report, stacks->stack.tree, node,
						       &self, stacks->request->metrics[i]);
		is_any |= stacks->values[i] != 0;
	}
	return is_any;
}

static void write_stack(struct stacks *stacks, uint32_t node, const int64_t *values)
{
	stacks->stack.node = node;
	stacks->stack.frames = stacks->frames;
	stacks->stack.nr_frames = stacks->stack.tree->nodes[node].depth + 1;
	stacks->stack.values = values;
	stacks->request->write(stacks->request->context, &stacks->stack);
}

static void enter(struct stacks *stacks, struct report_frames *frames, uint32_t node)
{
	uint32_t depth = stacks->stack.tree->nodes[node].depth;
	bool is_any = find_values(stacks, node);

	if (depth < REPORT_STACK_DEPTH)
		stacks->frames[depth] = frame_of(frames, stacks->stack.tree, node);
	if (depth < REPORT_STACK_DEPTH - 1) {
		if (is_any)
			write_stack(stacks, node, stacks->values);
		return;
	}
	for (size_t i = 0; i < stacks->request->nr_metrics; i++)
		stacks->deeper[i] += stacks->values[i];
}

/* What is deeper than stacks go is told when the last row that is in them has been left. */
static void leave(struct stacks *stacks, uint32_t node)
{
	if (stacks->stack.tree->nodes[node].depth != REPORT_STACK_DEPTH - 1)
		return;
	write_stack(stacks, node, stacks->deeper);
	for (size_t i = 0; i < stacks->request->nr_metrics; i++)
		stacks->deeper[i] = 0;
}

void report_stacks(struct report_frames *frames, const struct calltree *tree,
		   const struct report_stack_request *request)
{
	_cleanup_(freep) struct stacks *stacks = xcalloc(1, sizeof(*stacks));

	stacks->request = request;
	stacks->report = frames->report;
	stacks->stack.tree = tree;
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (walk.is_leaving)
			leave(stacks, walk.node);
		else
			enter(stacks, frames, walk.node);
	}
}

/* ---- Metrics ---- */

size_t report_stack_metrics(const struct report *report, bool is_single,
			    enum tree_metric ret[NR_METRICS])
{
	static const enum tree_metric usual[] = { METRIC_GROWTH, METRIC_GROWN, METRIC_RELEASED,
						  METRIC_LIVE, METRIC_PEAK };
	const struct report_options *options = report->options;
	size_t count = 0;

	if (is_single && options->has_metric) {
		ret[0] = options->tree.metric;
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (report_has_metric(report, usual[i]))
			ret[count++] = usual[i];
	}
	return count;
}
