/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON lines: an object a line, for the capture, then for each process and its nodes. Nodes name
 * their process, counted from 0, and their parents, which come before them, so that nothing nests
 * and a reader needs one line at a time.
 */
#include "json_fields.h"
#include "report_export.h"

static void begin_line(struct json_writer *json, const char *type)
{
	json_writer_begin_object(json);
	json_writer_member_string(json, "type", type);
}

static void end_line(struct json_writer *json)
{
	json_writer_end_object(json);
	json_writer_end_line(json);
}

static void write_node(struct json_writer *json, const struct report *report,
		       const struct calltree *tree, uint32_t index)
{
	uint32_t parent = tree->nodes[index].parent;

	json_writer_member_integer(json, "id", index);
	if (parent == NO_NODE)
		json_writer_member_null(json, "parent");
	else
		json_writer_member_integer(json, "parent", parent);
	json_fields_node(json, report, tree, index);
	end_line(json);
}

static void write_process(struct json_writer *json, const struct report *report, uint32_t index,
			  uint32_t number)
{
	struct calltree *tree = report_data_tree(report, index);

	begin_line(json, "process");
	json_fields_process(json, tree);
	end_line(json);
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (walk.is_leaving)
			continue;
		begin_line(json, "node");
		json_writer_member_integer(json, "process", number);
		write_node(json, report, tree, walk.node);
	}
	calltree_free(tree);
}

static void write_jsonl(const struct report *report, struct sink *sink)
{
	struct json_writer json;
	uint32_t number = 0;

	json_writer_init(&json, sink);
	json.is_one_line = true;
	begin_line(&json, "meta");
	json_fields_format(&json);
	json_fields_meta(&json, report->profile);
	end_line(&json);
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (report_includes(report, i))
			write_process(&json, report, i, number++);
	}
	report->remarks->nesting = json.deepest;
	report->remarks->nr_cut = json.nr_cut;
}

const struct reporter report_jsonl = {
	.name = "jsonl",
	.write = write_jsonl,
};
