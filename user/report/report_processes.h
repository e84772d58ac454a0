/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All processes at a glance, for the end of a report for people.
 */
#ifndef MEMPROBE_REPORT_PROCESSES_H
#define MEMPROBE_REPORT_PROCESSES_H

#include "report.h"

/* How a process ended: "exit 0", "signal 9 (SIGKILL)", "exec", "running". */
#define PROCESS_END_BYTES 64
void report_process_end(const struct process *process, char ret_text[PROCESS_END_BYTES]);

/* How many the report includes, whatever they have executed. */
size_t report_count_processes(const struct report *report);
/* What its RSS was more in the end than when it began. */
int64_t report_process_growth(const struct process *process);
/* In a difference: is there any? */
bool report_process_differs(const struct report *report, const struct process *process);
/* A line for each of the processes asked for, the highest of many, and their highest moment
 * together. Of a difference only those that differ. */
void report_processes_write(const struct report *report, struct sink *sink);

#endif
