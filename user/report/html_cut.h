/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which rows a page has: of a profile with too many, those with the largest shares of any amount,
 * and all above them. What is left out is one row below the row that it was below.
 */
#ifndef MEMPROBE_HTML_CUT_H
#define MEMPROBE_HTML_CUT_H

#include "report.h"

/* A browser draws what can be seen, but unpacks, sums and searches all. */
#define HTML_MAX_ROWS 250000

struct html_cut {
	const struct report *report;
	const enum tree_metric *metrics;
	size_t nr_metrics;
	double whole[NR_METRICS]; /* what all rows have of each of them */
	double least;		  /* share that a row must have; 0: all are there */
};

/* Borrows the metrics. */
void html_cut_init(struct html_cut *ret, const struct report *report,
		   const enum tree_metric *metrics, size_t nr_metrics);
/* By row, the caller frees it: has it the share, or one below it? */
bool *html_cut_keep(const struct html_cut *cut, const struct calltree *tree);

#endif
