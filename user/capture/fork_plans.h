/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is attached to a forked process when it has lived a while. Many begin another program at
 * once, and each attach holds up the loop for 5 to 24 ms, in which the interpreter of that program
 * has to be found.
 */
#ifndef MEMPROBE_FORK_PLANS_H
#define MEMPROBE_FORK_PLANS_H

#include "profile.h"

struct fork_plans;

/* Attaches to a process that runs a Python of this layout. */
typedef void fork_plan(void *context, uint32_t process, uint32_t layout);

/* NULL, with errno, where no timer can be had. Borrows the profile. */
struct fork_plans *fork_plans_new(const struct profile *profile, fork_plan *attach, void *context);
void fork_plans_free(struct fork_plans *plans); /* accepts NULL */

/* Readable when fork_plans_run() is to be called. */
int fork_plans_fd(const struct fork_plans *plans);
void fork_plans_add(struct fork_plans *plans, uint32_t process, uint32_t layout);
/* One that is due. One whose process has ended, or runs another program, is dropped. */
void fork_plans_run(struct fork_plans *plans);

#endif
