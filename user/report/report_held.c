/* SPDX-License-Identifier: BSD-2-Clause */
/* Who held the memory at the highest moment; see report_held.h. */
#include "report_held.h"

#include <stdlib.h>

#include "memory.h"
#include "report_number.h"
#include "report_path.h"

#define MAX_ROWS 10
#define NS_PER_SECOND 1e9

/* Rows that are no path of the program stand by themselves, below the paths. */
static const struct {
	enum tree_kind kind;
	const char *label;
} others[] = {
	{ TREE_NATIVE, "[native threads]" }, { TREE_INHERITED, "[inherited]" },
	{ TREE_BEFORE, "[before attach]" },  { TREE_KERNEL, "[kernel]" },
	{ TREE_FREE, "[free in malloc]" },   { TREE_UNOWNED, "[unowned]" },
};

struct held_row {
	uint32_t node;
	int64_t bytes;
};

/* Owns its rows. */
struct held_block {
	const struct report *report;
	const struct calltree *tree;
	struct held_row *rows; /* of paths, the largest first */
	size_t nr_rows;
	int64_t others[ARRAY_SIZE(others)];
	int64_t sum;
};

static int64_t peak_of(const struct calltree *tree, size_t node)
{
	const struct cost total = calltree_total(tree, node);

	return cost_peak(&total);
}

static bool add_other(struct held_block *block, const struct tree_node *node, int64_t bytes)
{
	if (node->is_inferred)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (others[i].kind != node->kind)
			continue;
		block->others[i] += bytes;
		return true;
	}
	return false;
}

static int compare_rows(const void *a, const void *b)
{
	const struct held_row *first = a, *second = b;

	if (first->bytes != second->bytes)
		return first->bytes < second->bytes ? 1 : -1;
	return (first->node > second->node) - (first->node < second->node);
}

/* What a node holds by itself is its total less its children's. */
static void collect(struct held_block *block)
{
	const struct calltree *tree = block->tree;
	_cleanup_(freep) int64_t *selves = xcalloc(tree->nr_nodes, sizeof(*selves));

	for (size_t i = tree->nr_nodes; i--;) {
		int64_t total = peak_of(tree, i);

		selves[i] += total;
		if (tree->nodes[i].parent != NO_NODE)
			selves[tree->nodes[i].parent] -= total;
	}
	block->rows = xcalloc(tree->nr_nodes, sizeof(*block->rows));
	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		block->sum += selves[i];
		if (selves[i] && !add_other(block, &tree->nodes[i], selves[i]))
			block->rows[block->nr_rows++] = (struct held_row){ .node = i,
									   .bytes = selves[i] };
	}
	qsort(block->rows, block->nr_rows, sizeof(*block->rows), compare_rows);
}

static void write_rest(const struct held_block *block, struct sink *sink)
{
	size_t count = block->nr_rows > MAX_ROWS ? block->nr_rows - MAX_ROWS : 0;
	int64_t bytes = 0;

	if (!count)
		return;
	for (size_t i = MAX_ROWS; i < block->nr_rows; i++)
		bytes += block->rows[i].bytes;
	report_mb_share(sink, bytes, block->sum);
	sink_printf(sink, "%zu other %s\n", count, count == 1 ? "path" : "paths");
}

static void write_rows(const struct held_block *block, struct sink *sink)
{
	for (size_t i = 0; i < block->nr_rows && i < MAX_ROWS; i++) {
		report_mb_share(sink, block->rows[i].bytes, block->sum);
		report_path(block->report, block->tree, block->rows[i].node, sink);
		sink_text(sink, "\n");
	}
	write_rest(block, sink);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!block->others[i])
			continue;
		report_mb_share(sink, block->others[i], block->sum);
		sink_printf(sink, "%s\n", others[i].label);
	}
}

void report_held_write(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];
	struct held_block block = { .report = report, .tree = tree };

	if (!process->has_owners)
		return;
	collect(&block);
	sink_text(sink, "Held at the peak, ");
	report_mb(sink, 0, block.sum);
	sink_text(sink, " MB");
	if (process->nr_members > 1)
		sink_text(sink, ", sums of what each had at its own peak");
	else if (process->peak_time_ns)
		sink_printf(sink, " at %.2f s", (double)process->peak_time_ns / NS_PER_SECOND);
	sink_text(sink, ":\n");
	write_rows(&block, sink);
	free(block.rows);
}
