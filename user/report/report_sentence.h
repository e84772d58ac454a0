/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was found, in one sentence: how high the process was, what it had in the end, and which path
 * grew most.
 */
#ifndef MEMPROBE_REPORT_SENTENCE_H
#define MEMPROBE_REPORT_SENTENCE_H

#include "report.h"

/* `process` is the only one, or what grew is told of it. */
void report_sentence_write(const struct report *report, uint32_t process, struct sink *sink);

#endif
