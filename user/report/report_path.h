/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole call path in one line, the leaf first: where rows stand by themselves, not in a tree. */
#ifndef MEMPROBE_REPORT_PATH_H
#define MEMPROBE_REPORT_PATH_H

#include "report.h"

/* `leaf < its caller < … < root`: of a long path what lies between is left out. */
void report_path(const struct report *report, const struct calltree *tree, uint32_t leaf,
		 struct sink *sink);

#endif
