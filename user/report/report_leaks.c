/* SPDX-License-Identifier: BSD-2-Clause */
/* What kept growing; see report_leaks.h. */
#include "report_leaks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"
#include "profile_allocs.h"
#include "profile_leaks.h"
#include "report_allocs.h"
#include "report_number.h"
#include "report_path.h"

#define MAX_ROWS 10
#define BYTES_PER_MB 1048576.0
#define NS_PER_SECOND 1e9
#define NS_PER_HOUR 3.6e12
#define PERCENT 100.0

/* In the order in which they are told. */
enum group {
	LEAKS_OF_BLOCKS,
	LEAKS_OF_PAGES,
	REPLACING_BLOCKS,
	REPLACING_PAGES,
	IN_BLOCKS,
	SLIGHT,
};

static enum group group_of(const struct leak *leak)
{
	if (leak->beside == LEAK_IN_BLOCKS)
		return IN_BLOCKS;
	if (leak->beside == LEAK_SLIGHT)
		return SLIGHT;
	if (leak->beside == LEAK_REPLACES)
		return leak->is_allocated ? REPLACING_BLOCKS : REPLACING_PAGES;
	return leak->is_allocated ? LEAKS_OF_BLOCKS : LEAKS_OF_PAGES;
}

/* What grew by most comes first: that which grows fastest may have begun late. */
static int compare_leaks(const void *left, const void *right)
{
	const struct leak *a = left, *b = right;

	if (group_of(a) != group_of(b))
		return group_of(a) < group_of(b) ? -1 : 1;
	if (a->risen != b->risen)
		return a->risen > b->risen ? -1 : 1;
	return (a->node > b->node) - (a->node < b->node);
}

static int64_t sum_of(const struct leak *leaks, size_t count)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += leaks[i].risen;
	return bytes;
}

static void write_rate(const struct leak *leak, struct sink *sink)
{
	double hours = (double)(leak->end_ns - leak->since_ns) / NS_PER_HOUR;

	if (leak->end_ns > leak->since_ns)
		sink_printf(sink, "  %9.2f MB an hour", (double)leak->grown / BYTES_PER_MB / hours);
}

/* Calls are of the whole life, and so are the bytes: what it grew by, as if it had always done so,
 * but no more than there is. */
static double risen_in_life(const struct process *process, const struct leak *leak)
{
	double life = (double)leak->end_ns - (double)process->start_ns;
	double time = (double)leak->end_ns - (double)leak->first_ns;
	double bytes = (double)leak->risen;

	if (life > time && time > 0)
		bytes *= life / time;
	return bytes < (double)leak->live ? bytes : (double)leak->live;
}

/* Calls are of functions of Python: of C those of who called it. */
static uint32_t called_node(const struct profile *profile, uint32_t node)
{
	while (profile->sites[profile->nodes[node].site].kind == SITE_C &&
	       profile->nodes[node].parent != NO_NODE)
		node = profile->nodes[node].parent;
	return node;
}

/* Of bounds a share would be wrong by as much as they are. What a call keeps of blocks may be a few
 * bytes. */
static void write_share(const struct report *report, const struct calltree *tree,
			const struct leak *leak, struct sink *sink)
{
	const struct process *process = &tree->profile->processes[tree->process];
	const uint32_t node = called_node(tree->profile, leak->node);
	const uint32_t row = calltree_row_of(report->source, node);
	uint64_t calls = tree->profile->nodes[node].calls;
	double bytes = risen_in_life(process, leak);

	if (!calls || calltree_calls(tree, &tree->nodes[row]) != CALLS_EXACT)
		return;
	if (leak->is_allocated)
		sink_printf(sink, "  %9.0f bytes a call", bytes / (double)calls);
	else
		sink_printf(sink, "  %7.3f MB a call", bytes / BYTES_PER_MB / (double)calls);
}

static void write_blocks(const struct calltree *tree, const struct leak *leak, struct sink *sink)
{
	const struct cost cost = profile_cost(tree->profile, leak->node);

	sink_printf(sink, "  %8" PRId64 " %-6s", cost.alloc_blocks,
		    cost.alloc_blocks == 1 ? "block" : "blocks");
}

/* In percent, that the next block will not be freed, by Laplace's rule of succession: of as many as
 * were allocated so many were freed. Scalene shows it, too. */
static double chance(double taken, double freed)
{
	return PERCENT * (1 - (freed + 1) / (taken + 2));
}

/* Blocks that nobody had followed may have been any path's. */
static void write_chance(const struct calltree *tree, const struct leak *leak, struct sink *sink)
{
	const struct process *process = &tree->profile->processes[tree->process];
	const struct cost cost = profile_cost(tree->profile, leak->node);
	double freed = (double)cost.alloc_freed_blocks, taken = (double)cost.alloc_taken_blocks;
	uint64_t unknown_frees = allocs_unknown_frees(process);
	double freed_most = freed + (double)unknown_frees;

	if (freed < 0 || taken < freed)
		return;
	sink_text(sink, "  chance ");
	if (unknown_frees)
		sink_printf(sink, "%4.1f to ",
			    chance(taken, freed_most < taken ? freed_most : taken));
	sink_printf(sink, "%4.1f %%", chance(taken, freed));
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

static bool is_doubtful(const struct leak *leak)
{
	return leak->beside == LEAK_BESIDE_FALL || leak->beside == LEAK_BESIDE_UNKNOWN;
}

/* What it grew by, and of how much where it held more before. */
static void write_risen(const struct leak *leak, struct sink *sink)
{
	report_mb_colored(sink, COLOR_MAX, 7, leak->risen);
	sink_text(sink, " MB");
	if (leak->live - leak->risen <= leak->live / 100)
		return;
	sink_text(sink, " of ");
	report_mb(sink, 7, leak->live);
	sink_text(sink, " MB");
}

static void write_leak(const struct report *report, const struct calltree *tree,
		       const struct leak *leak, struct sink *sink)
{
	uint32_t row = calltree_row_of(report->source, leak->node);

	sink_text(sink, "  ");
	write_risen(leak, sink);
	if (leak->is_allocated)
		write_blocks(tree, leak, sink);
	write_rate(leak, sink);
	write_share(report, tree, leak, sink);
	if (leak->is_allocated) {
		write_chance(tree, leak, sink);
		write_age(leak, sink);
	}
	sink_printf(sink, "  %.1f s to %.1f s  ", (double)leak->first_ns / NS_PER_SECOND,
		    (double)leak->last_ns / NS_PER_SECOND);
	report_path(report, tree, row, sink);
	sink_text(sink, leak->is_heap ? " *" : "");
	sink_text(sink, is_doubtful(leak) ? " +\n" : "\n");
}

static void write_rest(const struct leak *leaks, size_t count, struct sink *sink)
{
	if (count <= MAX_ROWS)
		return;
	sink_text(sink, "  ");
	report_mb_colored(sink, COLOR_MAX, 7, sum_of(leaks + MAX_ROWS, count - MAX_ROWS));
	sink_printf(sink, " MB  %zu other %s\n", count - MAX_ROWS,
		    count - MAX_ROWS == 1 ? "path" : "paths");
}

static void write_head(const struct report *report, const struct process *process,
		       const struct leak *leaks, size_t count, struct sink *sink)
{
	bool is_allocated = leaks->is_allocated, replaces = !leak_is_one(leaks);

	sink_text(sink, replaces ? "Took" : "Kept growing");
	sink_text(sink, is_allocated ? " in blocks" : "");
	if (is_allocated)
		report_least_block(report, sink);
	sink_text(sink, replaces ? " the place of what others gave back" : "");
	sink_text(sink, ", ");
	report_mb(sink, 0, sum_of(leaks, count));
	sink_text(sink, " MB of ");
	report_mb(sink, 0, is_allocated ? process->alloc_end : rss_of(process->live));
	sink_text(sink, is_allocated ? " MB allocated at the end" : " MB at the end");
	sink_text(sink, replaces ? ", as a full cache does:\n" : ":\n");
}

/* Blocks that were not followed, or too small for it, may lie there as well. */
static const char *find_heap_note(const struct report *report, const struct process *process)
{
	const struct profile_meta *meta = &report->profile->meta;

	if (process->has_allocs && allocs_are_whole(process) && !allocs_least_block(meta))
		return "another may keep it, perhaps in no block";
	if (process->has_allocs || process->losses[LOSS_allocs_unseen].events ||
	    process->losses[LOSS_mimalloc_unseen].events)
		return "another may keep it, in a block that was not followed or in none";
	if (allocs_were_asked_for(meta))
		return "another may keep it: no block of the process was seen";
	return "--allocs tells who keeps it";
}

static void write_doubt(const struct process *process, bool is_allocated, struct sink *sink)
{
	uint64_t unknown_frees = allocs_unknown_frees(process);

	sink_text(sink, "  + others gave back half as much or more meanwhile");
	if (is_allocated && unknown_frees)
		sink_printf(sink,
			    ", or it went in %" PRIu64 " frees of blocks that were not followed",
			    unknown_frees);
	sink_text(sink, ": it may have taken their place\n");
}

static void write_notes(const struct report *report, const struct process *process,
			const struct leak *leaks, size_t count, struct sink *sink)
{
	bool has_heap = false, has_doubt = false;

	for (size_t i = 0; i < count && i < MAX_ROWS; i++) {
		has_heap |= leaks[i].is_heap;
		has_doubt |= is_doubtful(&leaks[i]);
	}
	if (has_heap)
		sink_printf(sink, "  * first touched here; %s\n", find_heap_note(report, process));
	if (has_doubt)
		write_doubt(process, leaks->is_allocated, sink);
}

/* Pages whose growth in the last third is told by the blocks above. */
static void write_in_blocks(const struct leak *leaks, size_t count, struct sink *sink)
{
	int64_t grown = 0;

	for (size_t i = 0; i < count; i++)
		grown += leaks[i].grown;
	sink_text(sink, "Edges of these blocks explain a growth of ");
	report_mb(sink, 0, grown);
	sink_text(sink, " MB on other paths, which were the first to touch them\n");
}

static void write_slight(const struct leak *leaks, size_t count, struct sink *sink)
{
	sink_printf(sink, "%zu other %s by ", count, count == 1 ? "path grew" : "paths grew");
	report_mb(sink, 0, sum_of(leaks, count));
	sink_text(sink, count == 1 ? " MB" : " MB in all, each");
	sink_text(sink, ", in the last third by less than 1 % of what another did\n");
}

static void write_group(const struct report *report, const struct calltree *tree,
			const struct leak *leaks, size_t count, struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];

	if (group_of(leaks) == IN_BLOCKS) {
		write_in_blocks(leaks, count, sink);
		return;
	}
	if (group_of(leaks) == SLIGHT) {
		write_slight(leaks, count, sink);
		return;
	}
	write_head(report, process, leaks, count, sink);
	for (size_t i = 0; i < count && i < MAX_ROWS; i++)
		write_leak(report, tree, &leaks[i], sink);
	write_rest(leaks, count, sink);
	write_notes(report, process, leaks, count, sink);
}

void report_leaks_write(const struct report *report, const struct calltree *tree, struct sink *sink)
{
	size_t count, end;
	_cleanup_(freep) struct leak *leaks = profile_leaks(report->profile, tree->process, &count);

	if (!count) {
		sink_text(sink, "No path was seen to grow all through the last third of the run; "
				"of a run of less than 3 s, and of a merge, nobody can tell\n");
		return;
	}
	qsort(leaks, count, sizeof(*leaks), compare_leaks);
	if (!leak_is_one(leaks))
		sink_text(sink,
			  "No path was seen to grow all through the last third of the run by more "
			  "than others gave back\n");
	for (size_t i = 0; i < count; i = end) {
		for (end = i; end < count && group_of(&leaks[end]) == group_of(&leaks[i]);)
			end++;
		write_group(report, tree, &leaks[i], end - i, sink);
	}
}
