/* SPDX-License-Identifier: BSD-2-Clause */
/* How a process's RSS went, in one line. */
#ifndef MEMPROBE_REPORT_SERIES_H
#define MEMPROBE_REPORT_SERIES_H

#include "profile.h"
#include "sink.h"

/* Nothing of a process that was too short for it. */
void report_series_write(const struct process *process, struct sink *sink);

#endif
