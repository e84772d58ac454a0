/* SPDX-License-Identifier: BSD-2-Clause */
/* The paths with the most copies; see report_copied.h. */
#include "report_copied.h"

#include "report_number.h"
#include "report_path.h"

#define MAX_ROWS 5
#define NS_PER_MS 1e6
/* Every forked process copies some: what an interpreter without data does. */
#define MIN_BYTES (2 << 20)

struct ranking {
	struct {
		int64_t bytes;
		uint32_t node;
	} rows[MAX_ROWS]; /* most first */
	size_t count;
	int64_t sum;
};

static void place(struct ranking *ranking, int64_t bytes, uint32_t node)
{
	size_t at = ranking->count < MAX_ROWS ? ranking->count++ : MAX_ROWS - 1;

	if (ranking->rows[at].bytes >= bytes)
		return;
	for (; at && ranking->rows[at - 1].bytes < bytes; at--)
		ranking->rows[at] = ranking->rows[at - 1];
	ranking->rows[at].bytes = bytes;
	ranking->rows[at].node = node;
}

static struct ranking rank(const struct calltree *tree)
{
	struct ranking ranking = { 0 };

	for (uint32_t node = 0; node < tree->nr_nodes; node++) {
		int64_t bytes = calltree_self(tree, node).unshared;

		ranking.sum += bytes;
		if (bytes > 0)
			place(&ranking, bytes, node);
	}
	return ranking;
}

static int64_t sum_of(const struct calltree *tree)
{
	int64_t sum = 0;

	for (uint32_t node = tree->first_root; node != NO_NODE; node = tree->nodes[node].next)
		sum += calltree_total(tree, node).unshared;
	return sum;
}

static bool is_told(const struct calltree *tree)
{
	return sum_of(tree) >= MIN_BYTES;
}

bool report_copied_has_path_above(const struct calltree *tree, int64_t minimum)
{
	struct ranking ranking;

	if (!is_told(tree))
		return false;
	ranking = rank(tree);
	return ranking.count && ranking.rows[0].bytes > minimum;
}

static void write_row(const struct report *report, const struct calltree *tree,
		      const struct ranking *ranking, size_t row, struct sink *sink)
{
	report_mb_share(sink, ranking->rows[row].bytes, ranking->sum);
	report_path(report, tree, ranking->rows[row].node, sink);
	sink_text(sink, "\n");
}

static void write_rest(const struct ranking *ranking, struct sink *sink)
{
	int64_t rest = ranking->sum;

	for (size_t row = 0; row < ranking->count; row++)
		rest -= ranking->rows[row].bytes;
	if (rest <= 0)
		return;
	report_mb_share(sink, rest, ranking->sum);
	sink_text(sink, "others\n");
}

void report_copied_write(const struct report *report, const struct calltree *tree,
			 struct sink *sink)
{
	const struct process *process = &report->profile->processes[tree->process];
	struct ranking ranking;

	if (!is_told(tree))
		return;
	ranking = rank(tree);
	sink_text(sink, "Copied after a fork: ");
	report_mb(sink, 0, ranking.sum);
	sink_text(sink, " MB (in no RSS: shared pages that it wrote to");
	if (process->unshared_late_ns)
		sink_printf(sink, "; the first %.1f ms were not seen",
			    (double)process->unshared_late_ns / NS_PER_MS);
	sink_text(sink, "):\n");
	for (size_t row = 0; row < ranking.count; row++)
		write_row(report, tree, &ranking, row, sink);
	write_rest(&ranking, sink);
}
