/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flat table. A row's self is what its function grew by itself on all paths; its total is what
 * grew below it, a recursion counted once. Where sites are split by line a row is a line, below its
 * file and with its text, as far as the file is still there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "report_blocks.h"
#include "report_number.h"

struct row {
	uint32_t node; /* the first of them, for the label */
	uint32_t open; /* while the tree is walked: of them above the current node */
	bool is_exact;
	int64_t self, total; /* bytes of the metric */
	int64_t calls;
	const struct site *site; /* NULL: no Python */
	int64_t file_largest;	 /* self of the row of its file that has most */
};

struct table {
	const struct report *report;
	const struct calltree *tree;
	struct row *rows;
	size_t nr_rows, capacity;
	struct hash_table row_ids; /* site, or kind, to row */
};

static uint64_t row_key(const struct tree_node *node)
{
	return node->site == NO_SITE ? 1ULL << 32 | node->kind : node->site;
}

/* Is a row a function or a line? */
static bool has_place(const struct calltree *tree)
{
	return !tree->groups || tree->groups->by == TREE_BY_LINE;
}

static struct row *find_row(struct table *table, uint32_t index)
{
	const struct tree_node *node = &table->tree->nodes[index];
	uint32_t row;

	if (hash_table_get(&table->row_ids, row_key(node), &row))
		return &table->rows[row];
	table->rows = array_reserve(table->rows, &table->capacity, table->nr_rows + 1,
				    sizeof(*table->rows));
	table->rows[table->nr_rows] = (struct row){ .node = index, .is_exact = true };
	if (node->kind == TREE_PYTHON && has_place(table->tree))
		table->rows[table->nr_rows].site = &table->tree->profile->sites[node->site];
	hash_table_put(&table->row_ids, row_key(node), table->nr_rows);
	return &table->rows[table->nr_rows++];
}

static void enter(struct table *table, uint32_t index)
{
	const struct tree_node *node = &table->tree->nodes[index];
	struct row *row = find_row(table, index);
	enum tree_calls calls = calltree_function_calls(table->tree, node);

	row->self += calltree_self_bytes(table->tree, node);
	if (!row->open++)
		row->total += calltree_shown_bytes(table->tree, node);
	if (calls == CALLS_UNKNOWN)
		return;
	row->calls += node->calls;
	row->is_exact &= calls == CALLS_EXACT;
}

static void sum_up(struct table *table)
{
	for (struct tree_walk walk = calltree_walk(table->tree); walk.node != NO_NODE;
	     calltree_walk_next(&walk)) {
		if (walk.is_leaving)
			find_row(table, walk.node)->open--;
		else
			enter(table, walk.node);
	}
}

/* ---- Order ---- */

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_totals(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	return first->total != second->total ? COMPARE(second->total, first->total)
					     : COMPARE(first->node, second->node);
}

static int compare_selves(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	return first->self != second->self ? COMPARE(second->self, first->self)
					   : compare_totals(a, b);
}

static int compare_calls(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	return first->calls != second->calls ? COMPARE(second->calls, first->calls)
					     : compare_totals(a, b);
}

/* Files by the line that has most, lines by number. */
static int compare_lines(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	if (!first->site || !second->site)
		return first->site || second->site ? COMPARE(!!first->site, !!second->site)
						   : compare_totals(a, b);
	if (first->file_largest != second->file_largest)
		return COMPARE(second->file_largest, first->file_largest);
	if (first->site->file != second->site->file)
		return COMPARE(first->site->file, second->site->file);
	return first->site->at != second->site->at ? COMPARE(first->site->at, second->site->at)
						   : COMPARE(first->node, second->node);
}

static void find_largest_of_files(struct table *table)
{
	struct hash_table files = { 0 };
	int64_t *largest = xcalloc(table->nr_rows + 1, sizeof(*largest));
	uint32_t count = 0, file;

	for (size_t i = 0; i < table->nr_rows; i++) {
		const struct row *row = &table->rows[i];

		if (!row->site)
			continue;
		if (!hash_table_get(&files, row->site->file, &file)) {
			file = count++;
			hash_table_put(&files, row->site->file, file);
			largest[file] = row->self;
		}
		if (row->self > largest[file])
			largest[file] = row->self;
	}
	for (size_t i = 0; i < table->nr_rows; i++) {
		if (table->rows[i].site && hash_table_get(&files, table->rows[i].site->file, &file))
			table->rows[i].file_largest = largest[file];
	}
	hash_table_free(&files);
	free(largest);
}

static bool has_lines(const struct table *table)
{
	for (size_t i = 0; i < table->nr_rows; i++) {
		if (table->rows[i].site && table->rows[i].site->at)
			return true;
	}
	return false;
}

static void sort(struct table *table, bool is_by_line)
{
	int (*const orders[])(const void *, const void *) = {
		[SORT_FIRST] = compare_totals,
		[SORT_TOTAL] = compare_totals,
		[SORT_SELF] = compare_selves,
		[SORT_CALLS] = compare_calls,
	};
	enum tree_sort wanted = table->report->options->tree.sort;

	if (!table->nr_rows)
		return;
	if (is_by_line)
		find_largest_of_files(table);
	qsort(table->rows, table->nr_rows, sizeof(*table->rows),
	      is_by_line ? compare_lines : orders[wanted]);
}

/* ---- Rows ---- */

static void write_calls(const struct row *row, struct sink *sink)
{
	char text[32] = "";

	if (row->calls)
		snprintf(text, sizeof(text), "%s%" PRId64, row->is_exact ? "" : ">=", row->calls);
	sink_printf(sink, "%12s", text);
}

static void write_amounts(const struct row *row, struct sink *sink)
{
	report_mb(sink, 10, row->self);
	sink_text(sink, "  ");
	report_mb(sink, 10, row->total);
	sink_text(sink, "  ");
	write_calls(row, sink);
	sink_text(sink, "  ");
}

static void write_function(const struct table *table, const struct row *row, struct sink *sink)
{
	_cleanup_(freep) char *label = label_function(&table->report->labels, table->tree,
						      row->node);

	write_amounts(row, sink);
	report_escaped(sink, label);
	sink_text(sink, "\n");
}

static bool is_wanted(const struct table *table, const struct row *row)
{
	bool is_calls = table->tree->metric == METRIC_CALLS;
	int64_t amount = is_calls ? row->calls : row->total;

	return !table->report->has_min || llabs(amount) > table->report->minimum;
}

/* ---- Lines of one file ---- */

/* Rows of one file stand together: the first that is not of it. */
static size_t end_of_file(const struct table *table, size_t first)
{
	size_t end = first + 1;

	while (end < table->nr_rows && table->rows[end].site &&
	       table->rows[end].site->file == table->rows[first].site->file)
		end++;
	return end;
}

/* The file is read once for all of its rows. */
static void read_texts(const struct table *table, const char *path, struct source_line *lines,
		       size_t count)
{
	const struct report_sources *sources = table->report->options->sources;

	if (sources && (path[0] == '/' || label_is_cell(path)))
		sources->read(sources->context, report_origin(table->report, table->tree->process),
			      path, lines, count);
}

static void write_line(const struct row *row, const struct source_line *line, struct sink *sink)
{
	write_amounts(row, sink);
	sink_printf(sink, "%6" PRId32 "  ", line->number);
	report_escaped(sink, line->text);
	sink_text(sink, "\n");
}

static void write_file(const struct table *table, size_t first, size_t end, struct sink *sink)
{
	const char *path = profile_string(table->tree->profile, table->rows[first].site->file);
	_cleanup_(freep) struct source_line *lines = xcalloc(end - first, sizeof(*lines));
	size_t count = 0, next = 0;

	for (size_t i = first; i < end; i++)
		if (is_wanted(table, &table->rows[i]))
			lines[count++].number = table->rows[i].site->at;
	if (!count)
		return;
	read_texts(table, path, lines, count);
	report_escaped(sink, path);
	sink_text(sink, "\n");
	for (size_t i = first; i < end; i++)
		if (is_wanted(table, &table->rows[i]))
			write_line(&table->rows[i], &lines[next++], sink);
}

/* What is no Python stands before the files. */
static void write_lines(const struct table *table, struct sink *sink)
{
	size_t end;

	for (size_t i = 0; i < table->nr_rows; i = end) {
		end = i + 1;
		if (table->rows[i].site) {
			end = end_of_file(table, i);
			write_file(table, i, end, sink);
		} else if (is_wanted(table, &table->rows[i])) {
			write_function(table, &table->rows[i], sink);
		}
	}
}

static void write_rows(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	struct table table = { .report = report, .tree = tree };
	bool is_by_line;

	sum_up(&table);
	is_by_line = has_lines(&table);
	sort(&table, is_by_line);
	sink_printf(sink, "   self MB    total MB         calls  %s\n",
		    is_by_line ? "  line  source" : "function");
	if (is_by_line)
		write_lines(&table, sink);
	for (size_t i = 0; !is_by_line && i < table.nr_rows; i++)
		if (is_wanted(&table, &table.rows[i]))
			write_function(&table, &table.rows[i], sink);
	hash_table_free(&table.row_ids);
	free(table.rows);
}

const struct reporter report_table = {
	.name = "table",
	.has_min = true,
	.write_rows = write_rows,
	.write = report_blocks_write,
};
