/* SPDX-License-Identifier: BSD-2-Clause */
/* See report_allocs.h. */
#include "report_allocs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"
#include "profile_allocs.h"
#include "report_number.h"
#include "report_path.h"

#define MAX_ROWS 10
#define NS_PER_SECOND 1e9

/* Of a path alone. No allocator's memory is of files or shared, so only anonymous pages stand
 * beside it. */
struct amounts_kept {
	int64_t bytes, blocks;
	int64_t touched;
};

struct kept_row {
	uint32_t node;
	struct amounts_kept kept;
};

/* Owns its rows. */
struct kept_block {
	struct kept_row *rows; /* those with the largest of either amount first */
	size_t count, nr_shown;
	struct amounts_kept sum;
};

static void add(struct amounts_kept *sum, const struct amounts_kept *more)
{
	sum->bytes += more->bytes;
	sum->blocks += more->blocks;
	sum->touched += more->touched;
}

static int64_t size_of(const struct amounts_kept *kept)
{
	return kept->bytes > kept->touched ? kept->bytes : kept->touched;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_sizes(const void *left, const void *right)
{
	const struct kept_row *a = left, *b = right;
	int order = COMPARE(size_of(&b->kept), size_of(&a->kept));

	return order ? order : COMPARE(a->node, b->node);
}

static int compare_kept(const void *left, const void *right)
{
	const struct kept_row *a = left, *b = right;
	int order = COMPARE(b->kept.bytes, a->kept.bytes);

	return order ? order : compare_sizes(left, right);
}

static struct amounts_kept kept_of(const struct calltree *tree, size_t node)
{
	const struct cost total = calltree_total(tree, (uint32_t)node);

	return (struct amounts_kept){ .bytes = total.alloc_end,
				      .blocks = total.alloc_blocks,
				      .touched = cost_growth_of(&total, KIND_ANON) };
}

/* What a node has by itself is its total less its children's. */
static struct kept_block collect(const struct calltree *tree)
{
	_cleanup_(freep) struct amounts_kept *selves = xcalloc(tree->nr_nodes, sizeof(*selves));
	struct kept_block block = { .rows = xcalloc(tree->nr_nodes, sizeof(*block.rows)) };

	for (size_t i = tree->nr_nodes; i--;) {
		const struct amounts_kept total = kept_of(tree, i);
		const struct amounts_kept less = { -total.bytes, -total.blocks, -total.touched };

		add(&selves[i], &total);
		if (tree->nodes[i].parent != NO_NODE)
			add(&selves[tree->nodes[i].parent], &less);
	}
	for (uint32_t i = 0; i < tree->nr_nodes; i++) {
		add(&block.sum, &selves[i]);
		if (selves[i].bytes || selves[i].blocks || selves[i].touched > 0)
			block.rows[block.count++] = (struct kept_row){ i, selves[i] };
	}
	qsort(block.rows, block.count, sizeof(*block.rows), compare_sizes);
	block.nr_shown = block.count < MAX_ROWS ? block.count : MAX_ROWS;
	qsort(block.rows, block.nr_shown, sizeof(*block.rows), compare_kept);
	return block;
}

static void write_amounts(const struct kept_block *block, const struct amounts_kept *kept,
			  struct sink *sink)
{
	report_mb_share(sink, kept->bytes, block->sum.bytes);
	sink_printf(sink, "%10" PRId64 "  ", kept->blocks);
	report_mb(sink, 10, kept->touched);
	sink_text(sink, " MB  ");
}

static void write_rest(const struct kept_block *block, struct sink *sink)
{
	struct amounts_kept rest = { 0 };
	size_t count = block->count - block->nr_shown;

	for (size_t i = block->nr_shown; i < block->count; i++)
		add(&rest, &block->rows[i].kept);
	if (!count)
		return;
	write_amounts(block, &rest, sink);
	sink_printf(sink, "%zu other %s\n", count, count == 1 ? "path" : "paths");
}

void report_least_block(const struct report *report, struct sink *sink)
{
	uint64_t least = allocs_least_block(&report->profile->meta);

	if (least > 1)
		sink_printf(sink, " of %" PRIu64 " bytes or more", least);
}

/* Blocks from before the attach are in no row; where frees may have been missed too it is no bound.
 */
static const char *bound_of(const struct process *process)
{
	if (allocs_are_whole(process))
		return "";
	return process->losses[LOSS_main_ended].events || process->losses[LOSS_blocks_missed].events
		       ? "about "
		       : "≥";
}

static void write_head(const struct report *report, const struct process *process,
		       const struct kept_block *block, struct sink *sink)
{
	const char *bound = bound_of(process);

	sink_printf(sink, "Kept at the end, %s", bound);
	report_mb(sink, 0, block->sum.bytes);
	sink_printf(sink, " MB in %s%" PRId64 " %s", bound, block->sum.blocks,
		    block->sum.blocks == 1 ? "block" : "blocks");
	report_least_block(report, sink);
	if (process->allocs_since_ns)
		sink_printf(sink, " (followed since %.2f s)",
			    (double)process->allocs_since_ns / NS_PER_SECOND);
	sink_printf(sink, ":\n%12s%20s%15s\n", "kept", "blocks", "first touched");
}

void report_allocs_write(const struct report *report, const struct calltree *tree,
			 struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];
	struct kept_block block;

	if (!process->has_allocs)
		return;
	block = collect(tree);
	write_head(report, process, &block, sink);
	for (size_t i = 0; i < block.nr_shown; i++) {
		write_amounts(&block, &block.rows[i].kept, sink);
		report_path(report, tree, block.rows[i].node, sink);
		sink_text(sink, "\n");
	}
	write_rest(&block, sink);
	free(block.rows);
}
