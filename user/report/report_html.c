/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page to look at, for browsers: one file that asks nobody for anything (user/html). What was
 * measured stands in it packed (html_payload.h): a JSON text, a zero, and columns of numbers
 * (html_table.h).
 */
#include "html_payload.h"
#include "html_tree.h"
#include "json_fields.h"
#include "memory.h"
#include "packed_bytes.h"
#include "page.h"
#include "report_export.h"
#include "report_processes.h"
#include "report_sentence.h"

#define HTML_VERSION 1

static void take_text(void *context, const void *bytes, size_t size)
{
	packed_bytes_put(context, bytes, size);
}

/* The first line of a report for people, of the highest process. */
static void write_sentence(const struct report *report, struct json_writer *json)
{
	struct packed_bytes text = { 0 };
	struct calltree *tree;
	struct sink sink;
	size_t count;
	uint32_t highest = report_highest(report, report->profile, &count);

	if (!count)
		return;
	tree = report_whole_tree_of(report, highest);
	sink_into(&sink, take_text, &text);
	report_sentence_write(report, tree, &sink);
	calltree_free(tree);
	sink_close(&sink);
	packed_bytes_put(&text, "", 1);
	json_writer_member_string(json, "sentence", (const char *)text.bytes);
	packed_bytes_free(&text);
}

static void write_metric(const struct report *report, enum tree_metric metric,
			 struct json_writer *json)
{
	if (!metrics[metric].title || !report_has_metric(report, metric))
		return;
	json_writer_begin_object(json);
	json_writer_member_string(json, "name", metrics[metric].name);
	json_writer_member_string(json, "title", metrics[metric].title);
	json_writer_key(json, "signed");
	json_writer_bool(json, metrics[metric].is_signed);
	json_writer_key(json, "count");
	json_writer_bool(json, metrics[metric].unit == UNIT_COUNT);
	json_writer_end_object(json);
}

/* Of one run: a sum or a difference of several has none. */
static void write_snapshots(const struct report *report, struct json_writer *json)
{
	const struct profile *profile = report->original;

	json_writer_key(json, "snapshots");
	json_writer_begin_array(json);
	for (size_t i = 0; i < profile->nr_snapshots; i++)
		json_writer_seconds(json, profile->snapshots[i]);
	json_writer_end_array(json);
}

static void write_head(const struct report *report, struct json_writer *json)
{
	enum tree_metric metric = report->is_by_peak ? METRIC_PEAK : report->options->tree.metric;

	json_writer_member_integer(json, "version", HTML_VERSION);
	write_sentence(report, json);
	json_writer_key(json, "difference");
	json_writer_bool(json, report->options->tree.is_difference);
	json_writer_key(json, "inverted");
	json_writer_bool(json, report->options->view.is_inverted);
	if (report->options->has_metric || report->is_by_peak)
		json_writer_member_string(json, "metric", metrics[metric].name);
	json_writer_member_integer(json, "process_count", (int64_t)report_count_processes(report));
	json_writer_member_string(json, "host", report->profile->meta.host);
	json_writer_member_string(json, "options", report->profile->meta.options);
	json_writer_key(json, "meta");
	json_writer_begin_object(json);
	json_fields_meta(json, report->profile);
	json_writer_end_object(json);
	write_snapshots(report, json);
	json_writer_key(json, "metrics");
	json_writer_begin_array(json);
	for (int i = 0; i < NR_METRICS; i++)
		write_metric(report, i, json);
	json_writer_end_array(json);
}

static void write_process(struct html_page *page, uint32_t index, struct json_writer *json)
{
	_cleanup_(calltree_freep) struct calltree *tree = report_data_tree(page->report, index);
	size_t before = page->columns.table.nr_rows;

	html_tree_add(page, tree);
	json_writer_begin_object(json);
	json_writer_member_integer(json, "rows", (int64_t)(page->columns.table.nr_rows - before));
	json_writer_member_seconds(json, "peak_time",
				   page->report->profile->processes[index].peak_time_ns);
	json_fields_process(json, tree);
	json_writer_end_object(json);
}

static void write_processes(struct html_page *page, struct json_writer *json)
{
	json_writer_key(json, "processes");
	json_writer_begin_array(json);
	for (uint32_t i = 0; i < page->report->profile->nr_processes; i++) {
		if (report_includes(page->report, i))
			write_process(page, i, json);
	}
	json_writer_end_array(json);
}

/* In parts of a billion of what all rows have. */
#define SHARES_OF 1e9

static void write_payload(struct html_page *page, struct sink *sink)
{
	struct json_writer json;

	json_writer_init(&json, sink);
	json_writer_begin_object(&json);
	write_head(page->report, &json);
	write_processes(page, &json);
	html_rows_describe(&page->rows, &json);
	html_table_describe(&page->columns.table, "tree", &json);
	json_writer_member_integer(&json, "merged_below", (int64_t)(page->cut.least * SHARES_OF));
	json_writer_end_object(&json);
	sink_bytes(sink, "", 1);
	html_table_write(&page->rows.functions, sink);
	html_table_write(&page->rows.labels, sink);
	html_table_write(&page->columns.table, sink);
	page->report->remarks->nr_cut += json.nr_cut;
}

static void write_html(const struct report *report, struct sink *sink)
{
	struct html_payload *payload = xmalloc(sizeof(*payload));
	struct html_page page = { .report = report };

	html_rows_init(&page.rows, report);
	html_columns_init(&page.columns, report);
	html_cut_init(&page.cut, report, page.columns.metrics, page.columns.nr_metrics);
	page_write(&page_head, sink);
	html_payload_begin(payload, sink);
	write_payload(&page, &payload->in);
	html_payload_end(payload);
	page_write(&page_tail, sink);
	html_columns_free(&page.columns);
	html_rows_free(&page.rows);
	free(payload);
}

static bool is_missing(void)
{
	return !page_is_there();
}

const struct reporter report_html = {
	.name = "html",
	.is_missing = is_missing,
	.write = write_html,
};
