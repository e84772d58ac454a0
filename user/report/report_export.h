/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the formats for other programs share: trees, names, and the stacks that flame graphs are
 * made of.
 */
#ifndef MEMPROBE_REPORT_EXPORT_H
#define MEMPROBE_REPORT_EXPORT_H

#include "report.h"

/* Rows below so many have no place of their own in a stack, and count for the last that has one:
 * only a forged dump is deeper, and a chain of a million would make 10^12 frames. */
#define REPORT_STACK_DEPTH (MAX_FRAMES + 16)

/* Names are cut at so many bytes, for what json_writer.h says. */
#define REPORT_NAME_BYTES 1025

/* The name, inert (terminal.h), valid UTF-8 and cut with `…` where it is too long, which is counted
 * in the remarks. Returns its length. */
size_t report_name(const struct report *report, const char *text, char ret[REPORT_NAME_BYTES]);

/* The tree of a process with what is not above the minimum cut, when the user gave one; the caller
 * frees it. */
struct calltree *report_data_tree(const struct report *report, uint32_t process);

/* `PID command`; the caller frees it. */
char *report_process_title(const struct report *report, uint32_t process);

/* Was the metric followed in a process that is asked for? */
bool report_has_metric(const struct report *report, enum tree_metric metric);

/* What stacks count of a node, of its amounts by itself; never negative: what is goes to the
 * remarks. */
int64_t report_stack_value(const struct report *report, const struct calltree *tree, uint32_t node,
			   const struct cost *self, enum tree_metric metric);

#endif
