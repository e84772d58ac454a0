/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which nodes of a profile kept growing, of all its processes, and did not only take the place of
 * others.
 */
#ifndef MEMPROBE_LEAK_NODES_H
#define MEMPROBE_LEAK_NODES_H

#include "metric.h"
#include "profile.h"

/* By node: is it one of them? The caller frees it. */
bool *leak_nodes(const struct profile *profile);
/* Which metric shows them: of what was allocated, unless one is known by its pages only. */
enum tree_metric leak_metric(const struct profile *profile);

#endif
