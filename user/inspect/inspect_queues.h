/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions about Python's queues, answered by the inspecting process and checked here. */
#ifndef MEMPROBE_INSPECT_QUEUES_H
#define MEMPROBE_INSPECT_QUEUES_H

#include "inspector.h"
#include "interpreter_cache.h"
#include "queue_plan.h"

/*
 * Where a process's interpreter, or a module beside it, has queues: the plan, and an open
 * regular file that is the caller's. -errno: there is none, -EOPNOTSUPP: attaching to it could
 * block; else as inspector_ask().
 */
int inspect_queues(struct inspector *inspector, pid_t pid, const struct interpreter_entry *entry,
		   enum queue_file file, struct queue_plan *ret);

#endif
