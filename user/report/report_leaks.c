/* SPDX-License-Identifier: BSD-2-Clause */
/* What kept growing; see report_leaks.h. */
#include "report_leaks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"
#include "profile_history.h"
#include "report_allocs.h"
#include "report_number.h"
#include "report_path.h"

#define MAX_ROWS 10
#define BYTES_PER_MB 1048576.0
#define NS_PER_SECOND 1e9
#define NS_PER_HOUR 3.6e12
#define PERCENT 100.0

/* Blocks before pages, which are told apart. What is held most comes first: that which grows
 * fastest may have begun late. */
static int compare_leaks(const void *left, const void *right)
{
	const struct leak *a = left, *b = right;

	if (a->is_allocated != b->is_allocated)
		return a->is_allocated ? -1 : 1;
	if (a->live != b->live)
		return a->live > b->live ? -1 : 1;
	return (a->node > b->node) - (a->node < b->node);
}

static void write_rate(const struct leak *leak, struct sink *sink)
{
	double hours = (double)(leak->end_ns - leak->since_ns) / NS_PER_HOUR;

	if (leak->end_ns > leak->since_ns)
		sink_printf(sink, "  %9.2f MB an hour", (double)leak->grown / BYTES_PER_MB / hours);
}

/* Of bounds a share would be wrong by as much as they are. What a call keeps of blocks may be a few
 * bytes. */
static void write_share(const struct calltree *tree, uint32_t row, const struct leak *leak,
			struct sink *sink)
{
	uint64_t calls = tree->profile->nodes[leak->node].calls;

	if (!calls || calltree_calls(tree, &tree->nodes[row]) != CALLS_EXACT)
		return;
	if (leak->is_allocated)
		sink_printf(sink, "  %9.0f bytes a call", (double)leak->live / (double)calls);
	else
		sink_printf(sink, "  %7.3f MB a call",
			    (double)leak->live / BYTES_PER_MB / (double)calls);
}

static void write_blocks(const struct calltree *tree, const struct leak *leak, struct sink *sink)
{
	const struct cost cost = profile_cost(tree->profile, leak->node);

	sink_printf(sink, "  %8" PRId64 " %-6s", cost.alloc_blocks,
		    cost.alloc_blocks == 1 ? "block" : "blocks");
}

/* That the next block will not be freed, by Laplace's rule of succession: of as many as were
 * allocated so many were freed. Scalene shows it, too. */
static void write_chance(const struct calltree *tree, const struct leak *leak, struct sink *sink)
{
	const struct cost cost = profile_cost(tree->profile, leak->node);
	double freed = (double)cost.alloc_freed_blocks, taken = (double)cost.alloc_taken_blocks;

	if (freed >= 0 && taken >= freed)
		sink_printf(sink, "  chance %4.1f %%", PERCENT * (1 - (freed + 1) / (taken + 2)));
}

/* A third of the process's life. Where a path gives nothing back both bounds are the same. */
static void write_age(const struct leak *leak, struct sink *sink)
{
	sink_text(sink, "  ");
	if (leak->older_most - leak->older_least > leak->older_most / 100) {
		report_mb(sink, 7, leak->older_least);
		sink_text(sink, " to ");
	}
	report_mb(sink, 7, leak->older_most);
	sink_printf(sink, " MB older than %.1f s", (double)leak->older_ns / NS_PER_SECOND);
}

static void write_leak(const struct report *report, const struct calltree *tree,
		       const struct leak *leak, struct sink *sink)
{
	uint32_t row = calltree_row_of(report->source, leak->node);

	sink_text(sink, "  ");
	report_mb_colored(sink, COLOR_MAX, 7, leak->live);
	sink_text(sink, " MB");
	if (leak->is_allocated)
		write_blocks(tree, leak, sink);
	write_rate(leak, sink);
	write_share(tree, row, leak, sink);
	if (leak->is_allocated) {
		write_chance(tree, leak, sink);
		write_age(leak, sink);
	}
	sink_printf(sink, "  %.1f s to %.1f s  ", (double)leak->first_ns / NS_PER_SECOND,
		    (double)leak->last_ns / NS_PER_SECOND);
	report_path(report, tree, row, sink);
	sink_text(sink, leak->is_heap ? " *\n" : "\n");
}

static void write_rest(const struct leak *leaks, size_t count, struct sink *sink)
{
	int64_t bytes = 0;

	if (count <= MAX_ROWS)
		return;
	for (size_t i = MAX_ROWS; i < count; i++)
		bytes += leaks[i].live;
	sink_text(sink, "  ");
	report_mb_colored(sink, COLOR_MAX, 7, bytes);
	sink_printf(sink, " MB  %zu other %s\n", count - MAX_ROWS,
		    count - MAX_ROWS == 1 ? "path" : "paths");
}

static void write_head(const struct report *report, const struct process *process,
		       const struct leak *leaks, size_t count, struct sink *sink)
{
	bool is_allocated = leaks->is_allocated;
	int64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += leaks[i].live;
	sink_text(sink, is_allocated ? "Kept growing in blocks" : "Kept growing");
	if (is_allocated)
		report_least_block(report, sink);
	sink_text(sink, ", ");
	report_mb(sink, 0, bytes);
	sink_text(sink, " MB of ");
	report_mb(sink, 0, is_allocated ? process->alloc_end : rss_of(process->live));
	sink_text(sink, is_allocated ? " MB allocated at the end:\n" : " MB at the end:\n");
}

static void write_heap_note(const struct process *process, const struct leak *leaks, size_t count,
			    struct sink *sink)
{
	for (size_t i = 0; i < count && i < MAX_ROWS; i++) {
		if (!leaks[i].is_heap)
			continue;
		sink_text(sink,
			  process->has_allocs
				  ? "  * first touched here; another may keep it, in no block\n"
				  : "  * first touched here; --allocs tells who keeps it\n");
		return;
	}
}

/* Those of blocks, or those of pages. */
static void write_group(const struct report *report, const struct calltree *tree,
			const struct leak *leaks, size_t count, struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];

	if (!count)
		return;
	write_head(report, process, leaks, count, sink);
	for (size_t i = 0; i < count && i < MAX_ROWS; i++)
		write_leak(report, tree, &leaks[i], sink);
	write_rest(leaks, count, sink);
	write_heap_note(process, leaks, count, sink);
}

void report_leaks_write(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	size_t count, of_blocks = 0;
	_cleanup_(freep) struct leak *leaks = profile_leaks(report->profile, tree->process, &count);

	if (!count) {
		sink_text(sink, "No path was seen to grow all through the last third of the run; "
				"of a run of less than 3 s, and of a merge, nobody can tell\n");
		return;
	}
	qsort(leaks, count, sizeof(*leaks), compare_leaks);
	while (of_blocks < count && leaks[of_blocks].is_allocated)
		of_blocks++;
	write_group(report, tree, leaks, of_blocks, sink);
	write_group(report, tree, leaks + of_blocks, count - of_blocks, sink);
}
