/* SPDX-License-Identifier: BSD-2-Clause */
/* A census of a process's Python objects, asked of the inspecting process. */
#ifndef MEMPROBE_INSPECT_CENSUS_H
#define MEMPROBE_INSPECT_CENSUS_H

#include "census.h"
#include "inspector.h"

struct census_question {
	pid_t pid;
	uint64_t budget_ns; /* cut to what an answer may take at present */
	bool is_frozen;	    /* the process is stopped meanwhile, see target_freeze.h */
};

/* census_take; beside its errors those of inspector_ask() and target_freeze_begin(). */
int inspect_census(struct inspector *inspector, const struct census_question *question,
		   struct census *ret);

#endif
