/* SPDX-License-Identifier: BSD-2-Clause */
/* See html_cut.h. */
#include "html_cut.h"

#include <string.h>

#include "memory.h"
#include "report_export.h"

/* Shares are counted by their logarithms: a double's exponent and the first bits behind it. */
#define BUCKET_SHIFT 48
#define NR_BUCKETS (1 << 15)

static double magnitude(const struct cost *cost, enum tree_metric metric)
{
	double amount = (double)metrics[metric].amount(cost);

	return amount < 0 ? -amount : amount;
}

static double share_of(const struct html_cut *cut, const struct calltree *tree, uint32_t row)
{
	const struct cost total = calltree_total(tree, row);
	double most = 0;

	for (size_t i = 0; i < cut->nr_metrics; i++) {
		double share = magnitude(&total, cut->metrics[i]) / cut->whole[i];

		most = share > most ? share : most;
	}
	return most;
}

/* Where amounts may be negative, a row may have less than one below it. */
static double *shares_of(const struct html_cut *cut, const struct calltree *tree)
{
	double *shares = xcalloc(tree->nr_nodes, sizeof(*shares));

	for (size_t row = tree->nr_nodes; row-- > 0;) {
		uint32_t parent = tree->nodes[row].parent;
		double share = share_of(cut, tree, (uint32_t)row);

		if (share > shares[row])
			shares[row] = share;
		if (parent != NO_NODE && shares[row] > shares[parent])
			shares[parent] = shares[row];
	}
	return shares;
}

static uint32_t bucket_of(double share)
{
	uint64_t bits;

	memcpy(&bits, &share, sizeof(bits));
	return (uint32_t)(bits >> BUCKET_SHIFT) % NR_BUCKETS;
}

static double share_of_bucket(uint32_t bucket)
{
	uint64_t bits = (uint64_t)bucket << BUCKET_SHIFT;
	double share;

	memcpy(&share, &bits, sizeof(share));
	return share;
}

static void count_tree(const struct html_cut *cut, uint32_t process, size_t counts[NR_BUCKETS])
{
	_cleanup_(calltree_freep) struct calltree *tree = report_data_tree(cut->report, process);
	_cleanup_(freep) double *shares = shares_of(cut, tree);

	for (size_t row = 0; row < tree->nr_nodes; row++)
		counts[bucket_of(shares[row])]++;
}

/* The lowest share of which no more rows than are wanted have as much. */
static double choose_least(const struct html_cut *cut)
{
	_cleanup_(freep) size_t *counts = xcalloc(NR_BUCKETS, sizeof(*counts));
	uint32_t bucket = NR_BUCKETS - 1;
	size_t rows = 0;

	for (uint32_t i = 0; i < cut->report->profile->nr_processes; i++) {
		if (report_includes(cut->report, i))
			count_tree(cut, i, counts);
	}
	for (; bucket > 0 && rows + counts[bucket] <= HTML_MAX_ROWS; bucket--)
		rows += counts[bucket];
	return bucket ? share_of_bucket(bucket + 1) : 0;
}

void html_cut_init(struct html_cut *ret, const struct report *report,
		   const enum tree_metric *metrics_wanted, size_t nr_metrics)
{
	const struct profile *profile = report->profile;

	*ret = (struct html_cut){ .report = report,
				  .metrics = metrics_wanted,
				  .nr_metrics = nr_metrics };
	for (size_t i = 0; i < nr_metrics; i++)
		ret->whole[i] = 1; /* byte: nothing is divided by 0 */
	if (profile->nr_nodes <= HTML_MAX_ROWS)
		return;
	for (uint32_t node = 0; node < profile->nr_nodes; node++) {
		const struct cost cost = profile_cost(profile, node);

		for (size_t i = 0; i < nr_metrics; i++)
			ret->whole[i] += magnitude(&cost, ret->metrics[i]);
	}
	ret->least = choose_least(ret);
}

bool *html_cut_keep(const struct html_cut *cut, const struct calltree *tree)
{
	_cleanup_(freep) double *shares = cut->least > 0 ? shares_of(cut, tree) : NULL;
	bool *keep = xcalloc(tree->nr_nodes, sizeof(*keep));

	for (size_t row = 0; row < tree->nr_nodes; row++)
		keep[row] = !shares || shares[row] >= cut->least;
	return keep;
}
