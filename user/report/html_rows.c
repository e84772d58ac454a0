/* SPDX-License-Identifier: BSD-2-Clause */
/* See html_rows.h. */
#include "html_rows.h"

#include "memory.h"
#include "report_export.h"

#define KEY_SHIFT 32 /* of keys of two numbers of 32 bits */

void html_rows_init(struct html_rows *ret, const struct report *report)
{
	*ret = (struct html_rows){
		.report = report,
		.modules = code_grouping_new(report->profile, TREE_BY_MODULE),
		.packages = code_grouping_new(report->profile, TREE_BY_PACKAGE),
		.functions = { .names = { "name", "file", "line", "kind", "module", "package" },
			       .is_step = { true, true, false, false, true },
			       .nr_columns = 6 },
		.labels = { .names = { "function", "objects" },
			    .is_step = { true },
			    .nr_columns = 2 },
	};
	string_pool_init(&ret->strings);
}

void html_rows_free(struct html_rows *rows)
{
	code_grouping_free(rows->modules);
	code_grouping_free(rows->packages);
	string_pool_free(&rows->strings);
	html_table_free(&rows->functions);
	html_table_free(&rows->labels);
	hash_table_free(&rows->by_site);
	hash_table_free(&rows->by_name);
	hash_table_free(&rows->by_label);
}

/* Inert, as in all texts. */
static uint32_t add_string(struct html_rows *rows, const char *text)
{
	char name[REPORT_NAME_BYTES];

	if (!text)
		return 0;
	report_name(rows->report, text, name);
	return string_pool_add(&rows->strings, name);
}

static uint32_t group_name(struct html_rows *rows, const struct code_groups *groups, uint32_t site)
{
	if (groups->is_callers[site])
		return 0;
	return add_string(rows, code_groups_name(groups, groups->sites[site]));
}

/* Of a row that no site stands for. */
static uint32_t named_function(struct html_rows *rows, const char *name, uint32_t kind)
{
	uint32_t string = add_string(rows, name), function;
	uint64_t key = (uint64_t)kind << KEY_SHIFT | string;

	if (hash_table_get(&rows->by_name, key, &function))
		return function;
	function = html_table_add(&rows->functions, (int64_t[]){ string, 0, 0, kind, 0, 0 });
	hash_table_put(&rows->by_name, key, function);
	return function;
}

static uint32_t code_function(struct html_rows *rows, const struct calltree *tree, uint32_t index)
{
	const struct tree_node *node = &tree->nodes[index];
	const struct tree_place place = calltree_place(tree, node);
	uint32_t program = code_grouping_program(rows->modules,
						 &tree->profile->processes[tree->process]);
	uint64_t key = (uint64_t)program << KEY_SHIFT | node->site;
	_cleanup_(freep) char *name = NULL;
	uint32_t function;

	if (hash_table_get(&rows->by_site, key, &function))
		return function;
	name = label_name(&rows->report->labels, tree, index);
	function = html_table_add(
		&rows->functions,
		(int64_t[]){ add_string(rows, name), add_string(rows, place.file),
			     place.at ? place.at : place.line, node->kind,
			     group_name(rows, &rows->modules->groups[program], node->site),
			     group_name(rows, &rows->packages->groups[program], node->site) });
	hash_table_put(&rows->by_site, key, function);
	return function;
}

static uint32_t function_of(struct html_rows *rows, const struct calltree *tree, uint32_t index)
{
	_cleanup_(freep) char *name = NULL;

	if (tree->nodes[index].kind == TREE_PYTHON || tree->nodes[index].kind == TREE_C)
		return code_function(rows, tree, index);
	name = label_text(&rows->report->labels, tree, index);
	return named_function(rows, name, tree->nodes[index].kind);
}

static uint32_t add_label(struct html_rows *rows, uint32_t function, uint32_t objects)
{
	uint64_t key = (uint64_t)function << KEY_SHIFT | objects;
	uint32_t label;

	if (hash_table_get(&rows->by_label, key, &label))
		return label;
	label = html_table_add(&rows->labels, (int64_t[]){ function, objects });
	hash_table_put(&rows->by_label, key, label);
	return label;
}

uint32_t html_rows_label(struct html_rows *rows, const struct calltree *tree, uint32_t node)
{
	_cleanup_(freep) char *objects = label_objects(tree, node);

	return add_label(rows, function_of(rows, tree, node), add_string(rows, objects));
}

uint32_t html_rows_merged(struct html_rows *rows)
{
	return add_label(rows, named_function(rows, "…", HTML_MERGED), 0);
}

static void write_kinds(struct json_writer *json)
{
	json_writer_key(json, "kinds");
	json_writer_begin_array(json);
	for (int kind = 0; kind < NR_TREE_KINDS; kind++)
		json_writer_string(json, calltree_kind_name(kind));
	json_writer_string(json, "merged");
	json_writer_end_array(json);
}

void html_rows_describe(const struct html_rows *rows, struct json_writer *json)
{
	write_kinds(json);
	json_writer_key(json, "strings");
	json_writer_begin_array(json);
	for (size_t i = 0; i < rows->strings.count; i++)
		json_writer_string(json, string_pool_get(&rows->strings, (uint32_t)i));
	json_writer_end_array(json);
	html_table_describe(&rows->functions, "functions", json);
	html_table_describe(&rows->labels, "labels", json);
}
