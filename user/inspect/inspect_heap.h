/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in use and what is free inside a process's allocators, asked of the inspecting process.
 */
#ifndef MEMPROBE_INSPECT_HEAP_H
#define MEMPROBE_INSPECT_HEAP_H

#include "heap_amounts.h"
#include "inspector.h"

/* heap_inside_read; beside its errors those of inspector_ask(). The budget is cut to what an answer
 * may take at present. */
int inspect_heap(struct inspector *inspector, pid_t pid, uint64_t budget_ns,
		 struct heap_inside *ret);

struct heap_question {
	pid_t pid;
	uint64_t budget_ns;
	uint64_t finalizing; /* wire_layout.finalizing_vaddr as it was loaded; 0: nobody knows */
};
/* The same of a heap that nobody takes down: -ECANCELED when its runtime finalized meanwhile. */
int inspect_standing_heap(struct inspector *inspector, const struct heap_question *question,
			  struct heap_inside *ret);

#endif
