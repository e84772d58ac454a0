/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How high the processes went that are shown as one. Their rows are sums, but peaks are of
 * different moments: a sum of them need not have been there at any.
 */
#ifndef MEMPROBE_REPORT_MEMBERS_H
#define MEMPROBE_REPORT_MEMBERS_H

#include "report.h"

struct members_height {
	int64_t highest;  /* of one of them */
	int64_t together; /* no more than this was there at once; 0: not known */
};

struct members_height report_members_height(const struct report *report, uint32_t group);

#endif
