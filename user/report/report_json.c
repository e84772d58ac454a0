/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON, version 1: one document, nodes within nodes. Written as it comes, a node a line. */
#include "json_fields.h"
#include "report_export.h"

static void begin_node(struct json_writer *json, const struct report *report,
		       const struct calltree *tree, uint32_t index)
{
	json_writer_line(json);
	json_writer_begin_object(json);
	json_fields_node(json, report, tree, index);
	json_writer_key(json, "children");
	json_writer_begin_array(json);
}

static void write_nodes(struct json_writer *json, const struct report *report,
			const struct calltree *tree)
{
	json_writer_key(json, "tree");
	json_writer_begin_array(json);
	for (struct tree_walk walk = calltree_walk(tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (!walk.is_leaving) {
			begin_node(json, report, tree, walk.node);
			continue;
		}
		json_writer_end_array(json);
		json_writer_end_object(json);
	}
	json_writer_end_array(json);
}

static void write_process(struct json_writer *json, const struct report *report, uint32_t index)
{
	struct calltree *tree = report_data_tree(report, index);

	json_writer_line(json);
	json_writer_begin_object(json);
	json_fields_process(json, tree);
	write_nodes(json, report, tree);
	json_writer_end_object(json);
	calltree_free(tree);
}

static void write_json(const struct report *report, struct sink *sink)
{
	struct json_writer json;

	json_writer_init(&json, sink);
	json_writer_begin_object(&json);
	json_fields_format(&json);
	json_writer_key(&json, "meta");
	json_writer_begin_object(&json);
	json_fields_meta(&json, report->profile);
	json_writer_end_object(&json);
	json_writer_key(&json, "processes");
	json_writer_begin_array(&json);
	for (uint32_t i = 0; i < report->profile->nr_processes; i++) {
		if (report_includes(report, i))
			write_process(&json, report, i);
	}
	json_writer_end_array(&json);
	json_writer_end_object(&json);
	sink_text(sink, "\n");
	report->remarks->nesting = json.deepest;
	report->remarks->nr_cut = json.nr_cut;
}

const struct reporter report_json = {
	.name = "json",
	.write = write_json,
};
