/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that run already: those of -p, and what they have started. Prints what is wrong. */
#ifndef MEMPROBE_ADOPT_H
#define MEMPROBE_ADOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "drain.h"
#include "loader.h"
#include "profile.h"

struct adopted {
	pid_t *pids;	 /* those that were named first, then their descendants; owned */
	size_t nr_named; /* by the user */
	size_t nr_pids, capacity;
	bool has_children; /* are followed with them */
};

/* Both return 0, or the exit status after printing. */

/* Which they are; all that were named must be processes that can be attached to. */
int adopt_check(struct adopted *adopted, const pid_t *pids, size_t count, bool with_children);
/* Opens their books, once the programs are attached. */
int adopt_all(struct adopted *adopted, struct loader *loader, struct drain *drain,
	      const struct profile *profile);

void adopt_free(struct adopted *adopted);

#endif
