/* SPDX-License-Identifier: BSD-2-Clause */
/* A census of the Python objects in a process: its memory is read from outside, see census.h. */
#ifndef MEMPROBE_CENSUS_TAKE_H
#define MEMPROBE_CENSUS_TAKE_H

#include <sys/types.h>

#include "census.h"
#include "census_target.h"

struct census_limits {
	uint64_t budget_ns;    /* what it may take; ends early then, `cut` */
	uint64_t memory_bytes; /* of ours, 32 MiB at least; the same */
};

/*
 * 0, also when the interpreter was refused, which the census tells; -ENOENT: the process has no
 * Python; -ESRCH, -EPERM, or what reading failed with: then *ret is untouched.
 */
int census_take(pid_t pid, const struct census_limits *limits, struct census *ret);

/* The same of a target that is open already, which need be no process. Its deadline holds. */
void census_take_open(struct census_target *target, uint64_t table_bytes, struct census *ret);

#endif
