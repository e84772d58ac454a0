/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was found, in one sentence: how high the process was, what it had in the end, and which
 * function grew most, of all processes.
 */
#ifndef MEMPROBE_REPORT_SENTENCE_H
#define MEMPROBE_REPORT_SENTENCE_H

#include "report.h"

/* `tree` is of the highest process, before filters and roll-ups. */
void report_sentence_write(const struct report *report, const struct calltree *tree,
			   struct sink *sink);

#endif
