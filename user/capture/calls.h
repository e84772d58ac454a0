/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches the programs that count calls, to one process at a time and never system-wide: other
 * Pythons on the machine do not pay. Where they go is target's probe_plan.
 */
#ifndef MEMPROBE_CALLS_H
#define MEMPROBE_CALLS_H

#include "interpreters.h"
#include "loader.h"

struct calls;

/* Borrows both. */
struct calls *calls_new(struct loader *loader, struct interpreters *interpreters);
/* Has the kernel detach what is still attached, or does it; slow then (90 to 130 ms a perf uprobe).
 */
void calls_free(struct calls *calls);

/*
 * Attaches to process tgid, whose interpreter's file, of this layout, is at `path`; NULL: as the
 * process maps it. 0 also when it is attached to the same already. -ENOTSUP: the plan has no probe;
 * -ENOPROTOOPT: it needs a program that was not foreseen and not loaded; -ESTALE: the file is
 * another build by now; other -errno.
 */
int calls_attach(struct calls *calls, uint32_t tgid, const char *path, uint32_t layout);
/* With a budget: is there room in it for attaching to one more process? */
bool calls_is_affordable(const struct calls *calls);
/* The same, and takes what that costs. */
bool calls_can_afford(struct calls *calls);
/* Has forked a process that inherited the breakpoints, and will not be counted soon. */
void calls_forked(struct calls *calls, uint32_t tgid);
/* Is it time to attach to more? Not while many probes are still to be closed: each holds
 * descriptors.
 */
bool calls_has_room(const struct calls *calls);
bool calls_is_attached(const struct calls *calls, uint32_t tgid);
/* Returns at once; the probes are closed beside the loop (closer.h). */
void calls_detach(struct calls *calls, uint32_t tgid);
/* The process has ended: the kernel does it in its own time. */
void calls_ended(struct calls *calls, uint32_t tgid);

#endif
