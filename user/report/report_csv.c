/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CSV as RFC 4180 has it, but with a bare newline at the end of a line: a row a node, parents
 * before their children. What was not measured is an empty field; a name that is empty is quoted.
 * Names are made inert, as in the other texts.
 */
#include <string.h>

#include "decimal.h"
#include "memory.h"
#include "report_export.h"

static const char header[] =
	"process,node,parent,depth,kind,pid,function,file,line,class,instance,pathname,calls,"
	"self_growth,self_grown,self_released,self_live,self_peak,"
	"total_growth,total_grown,total_released,total_live,total_peak\n";

static const enum tree_metric columns[] = { METRIC_GROWTH, METRIC_GROWN, METRIC_RELEASED,
					    METRIC_LIVE, METRIC_PEAK };

/* The field that comes next begins. */
static void next_field(struct sink *sink)
{
	sink_fill(sink, ',', 1);
}

static void write_number(struct sink *sink, int64_t value)
{
	sink_take(sink, decimal_write(sink_room(sink, DECIMAL_BYTES), value));
}

/* A quote within quotes is written twice. */
static void write_quoted(struct sink *sink, const char *text)
{
	sink_text(sink, "\"");
	for (const char *quote = strchr(text, '"'); quote; quote = strchr(text, '"')) {
		sink_bytes(sink, text, (size_t)(quote - text) + 1);
		sink_text(sink, "\"");
		text = quote + 1;
	}
	sink_text(sink, text);
	sink_text(sink, "\"");
}

/* NULL is no text at all. */
static void write_text(const struct report *report, struct sink *sink, const char *text)
{
	char name[REPORT_NAME_BYTES];

	if (!text)
		return;
	report_name(report, text, name);
	if (!*name || strpbrk(name, ",\""))
		write_quoted(sink, name);
	else
		sink_text(sink, name);
}

static void write_place(const struct report *report, const struct calltree *tree,
			const struct tree_node *node, struct sink *sink)
{
	const struct tree_place place = calltree_place(tree, node);

	next_field(sink);
	write_text(report, sink, place.function);
	next_field(sink);
	write_text(report, sink, place.file);
	next_field(sink);
	if (place.has_line)
		write_number(sink, place.line);
}

static void write_object(const struct report *report, const struct calltree *tree,
			 const struct tree_node *node, struct sink *sink)
{
	const struct object *object = label_object(tree, node);

	next_field(sink);
	write_text(report, sink, label_class(tree, node));
	next_field(sink);
	if (object && object->instance != OTHER_INSTANCES)
		write_number(sink, object->instance);
	next_field(sink);
	if (object && object->pathname)
		write_text(report, sink, profile_string(tree->profile, object->pathname - 1));
}

static void write_cost(const struct process *process, const struct cost *cost, struct sink *sink)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		next_field(sink);
		if (calltree_has_metric(process, columns[i]))
			write_number(sink, metrics[columns[i]].amount(cost));
	}
}

static void write_node(const struct report *report, const struct calltree *tree, uint32_t index,
		       struct sink *sink)
{
	const struct tree_node *node = &tree->nodes[index];
	const struct process *process = &tree->profile->processes[tree->process];
	const struct cost self = calltree_self(tree, index), total = calltree_total(tree, index);

	write_number(sink, index);
	next_field(sink);
	if (node->parent != NO_NODE)
		write_number(sink, node->parent);
	next_field(sink);
	write_number(sink, node->depth);
	next_field(sink);
	sink_text(sink, calltree_kind_name(node->kind));
	next_field(sink);
	write_number(sink, process->pid);
	write_place(report, tree, node, sink);
	write_object(report, tree, node, sink);
	next_field(sink);
	if (calltree_calls(tree, node) != CALLS_UNKNOWN)
		write_number(sink, node->calls);
	write_cost(process, &self, sink);
	write_cost(process, &total, sink);
	sink_text(sink, "\n");
}

static void write_process(const struct report *report, uint32_t index, uint32_t number,
			  struct sink *sink)
{
	_cleanup_(calltree_freep) struct calltree *tree = report_data_tree(report, index);

	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (walk.is_leaving)
			continue;
		write_number(sink, number);
		next_field(sink);
		write_node(report, tree, walk.node, sink);
	}
}

static bool has_column(enum tree_metric metric)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		if (columns[i] == metric)
			return true;
	}
	return metric == METRIC_CALLS;
}

static void write_csv(const struct report *report, struct sink *sink)
{
	uint32_t number = 0;

	report->remarks->lacks_metric = !has_column(report->options->tree.metric);
	sink_text(sink, header);
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (report_includes(report, i))
			write_process(report, i, number++, sink);
	}
}

const struct reporter report_csv = {
	.name = "csv",
	.write = write_csv,
};
