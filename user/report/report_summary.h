/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What follows the rows of a process in a report for people: the highest RSS, how it ended, what
 * was lost, why calls are missing, the balance.
 */
#ifndef MEMPROBE_REPORT_SUMMARY_H
#define MEMPROBE_REPORT_SUMMARY_H

#include "report.h"

/* `losses` are those that the balance is to be read with. */
void report_summary(const struct report *report, const struct calltree *tree,
		    const struct loss_count losses[NR_LOSSES], struct sink *sink);
/* A line for each reason that lost something. */
void report_losses(const struct report *report, const struct loss_count losses[NR_LOSSES],
		   struct sink *sink);

#endif
