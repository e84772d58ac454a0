/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a node; see json_fields.h. */
#include "json_fields.h"

#include "memory.h"

static void write_kinds(struct json_writer *json, const struct process *process,
			enum tree_metric metric, const struct cost *cost)
{
	const int64_t *amounts;

	if (!calltree_has_metric(process, metric)) {
		json_writer_member_null(json, metrics[metric].name);
		return;
	}
	amounts = metrics[metric].by_kind(cost);
	json_writer_key(json, metrics[metric].name);
	json_writer_begin_object(json);
	json_writer_member_integer(json, "anon", amounts[KIND_ANON]);
	json_writer_member_integer(json, "file", amounts[KIND_FILE]);
	json_writer_member_integer(json, "shmem", amounts[KIND_SHMEM]);
	json_writer_member_integer(json, "swap", amounts[KIND_SWAP]);
	json_writer_end_object(json);
}

/* What was allocated has more than one number. */
static void write_allocated(struct json_writer *json, const struct process *process,
			    const struct cost *cost)
{
	if (!calltree_has_metric(process, METRIC_ALLOCATED)) {
		json_writer_member_null(json, metrics[METRIC_ALLOCATED].name);
		return;
	}
	json_writer_key(json, metrics[METRIC_ALLOCATED].name);
	json_writer_begin_object(json);
	json_writer_member_integer(json, "peak", cost->alloc_peak);
	json_writer_member_integer(json, "end", cost->alloc_end);
	json_writer_member_integer(json, "blocks", cost->alloc_blocks);
	json_writer_member_integer(json, "taken", cost->alloc_taken);
	json_writer_member_integer(json, "taken_blocks", cost->alloc_taken_blocks);
	json_writer_member_integer(json, "freed_blocks", cost->alloc_freed_blocks);
	json_writer_end_object(json);
}

/* A row's bytes; numbers of things, as calls are, stand beside them. */
static void write_cost(struct json_writer *json, const struct process *process, const char *key,
		       const struct cost *cost)
{
	static const enum tree_metric by_kind[] = { METRIC_GROWN, METRIC_RELEASED, METRIC_LIVE,
						    METRIC_PEAK };

	json_writer_key(json, key);
	json_writer_begin_object(json);
	for (size_t i = 0; i < NR_METRICS; i++) {
		if (metrics[i].unit != UNIT_BYTES || i == METRIC_ALLOCATED)
			continue;
		if (calltree_has_metric(process, i))
			json_writer_member_integer(json, metrics[i].name, metrics[i].amount(cost));
		else
			json_writer_member_null(json, metrics[i].name);
	}
	write_allocated(json, process, cost);
	json_writer_key(json, "by_kind");
	json_writer_begin_object(json);
	for (size_t i = 0; i < ARRAY_SIZE(by_kind); i++)
		write_kinds(json, process, by_kind[i], cost);
	json_writer_end_object(json);
	json_writer_end_object(json);
}

static void write_site(struct json_writer *json, const struct calltree *tree,
		       const struct tree_node *node)
{
	const struct tree_place place = calltree_place(tree, node);

	json_writer_member_name(json, "function", place.function);
	json_writer_member_name(json, "file", node->kind == TREE_C ? NULL : place.file);
	if (place.has_line)
		json_writer_member_integer(json, "line", place.line);
	else
		json_writer_member_null(json, "line");
}

/* Of a function that is no Python; empty and 0 where C frames were not followed. Rolled up a row is
 * of all that its library has. */
static void write_library(struct json_writer *json, const struct calltree *tree,
			  const struct tree_node *node)
{
	if (node->kind != TREE_C)
		return;
	json_writer_member_name(json, "library", calltree_place(tree, node).file);
	if (tree->groups)
		json_writer_member_null(json, "offset");
	else
		json_writer_member_unsigned(json, "offset",
					    tree->profile->sites[node->site].offset);
}

static void write_object(struct json_writer *json, const struct calltree *tree,
			 const struct object *object)
{
	const char *pathname = NULL;

	if (object && object->pathname)
		pathname = profile_string(tree->profile, object->pathname - 1);
	if (object && object->instance != OTHER_INSTANCES)
		json_writer_member_integer(json, "instance", object->instance);
	else
		json_writer_member_null(json, "instance");
	json_writer_member_name(json, "pathname", pathname);
}

/* What a method ran on, and the line that is executed. */
static void write_objects(struct json_writer *json, const struct calltree *tree,
			  const struct tree_node *node)
{
	int32_t at = calltree_place(tree, node).at;

	json_writer_member_name(json, "class", label_class(tree, node));
	write_object(json, tree, label_object(tree, node));
	if (node->nr_objects)
		json_writer_member_integer(json, "objects", node->nr_objects);
	else
		json_writer_member_null(json, "objects");
	if (at)
		json_writer_member_integer(json, "at", at);
	else
		json_writer_member_null(json, "at");
}

static void write_node_calls(struct json_writer *json, const struct calltree *tree,
			     const struct tree_node *node)
{
	enum tree_calls calls = calltree_calls(tree, node);

	if (calls == CALLS_UNKNOWN)
		json_writer_member_null(json, "calls");
	else
		json_writer_member_integer(json, "calls", node->calls);
	json_writer_key(json, "calls_exact");
	json_writer_bool(json, calls == CALLS_EXACT);
}

void json_fields_node(struct json_writer *json, const struct report *report,
		      const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];
	const struct process *process = &tree->profile->processes[tree->process];
	const struct cost self = calltree_self(tree, index), total = calltree_total(tree, index);
	_cleanup_(freep) char *label = label_text(&report->labels, tree, index);

	json_writer_member_string(json, "kind", calltree_kind_name(node->kind));
	write_site(json, tree, node);
	write_library(json, tree, node);
	write_objects(json, tree, node);
	json_writer_member_name(json, "thread",
				label_has_thread(node) ? label_thread(tree, node) : NULL);
	if (node->is_inferred) {
		json_writer_key(json, "inferred");
		json_writer_bool(json, true);
	}
	json_writer_member_name(json, "label", label);
	write_cost(json, process, "self", &self);
	write_cost(json, process, "total", &total);
	write_node_calls(json, tree, node);
	if (report->options->tree.is_difference)
		json_writer_member_string(json, "change", calltree_change(tree, node));
}
