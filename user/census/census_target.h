/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process whose objects are counted: its memory, its interpreters, and where their collectors
 * have their lists.
 */
#ifndef MEMPROBE_CENSUS_TARGET_H
#define MEMPROBE_CENSUS_TARGET_H

#include <sys/types.h>

#include "census_reader.h"
#include "process_maps.h"
#include "process_memory.h"

#define CENSUS_MAX_INTERPRETERS 64

struct census_target {
	struct process_memory process;
	struct process_maps maps;
	struct heap_memory *heap;
	struct census_reader reader;
	uint64_t interpreters[CENSUS_MAX_INTERPRETERS]; /* PyInterpreterState, the main one last */
	uint64_t generations[CENSUS_MAX_INTERPRETERS];	/* of each; to 3.8 all have the first */
	uint32_t nr_interpreters, nr_generations;
	uint64_t variables_start, variables_end; /* of the interpreter's file */
	char refused[128];			 /* why it cannot be counted, "" when it can */
};

/* 0, also when it is refused; -ESRCH, -EPERM, -ENOENT (no Python), or what reading failed with.
 * Must stay where it is, and be cleared in any case. */
int census_target_open(struct census_target *target, pid_t pid, uint64_t deadline_ns,
		       uint64_t memory_bytes);
void census_target_clear(struct census_target *target);

#endif
