/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said once of all processes of a capture, and is not of others': when it ended, and
 * whether it counted calls. It stays theirs when profiles are put together.
 */
#ifndef MEMPROBE_PROFILE_OWN_H
#define MEMPROBE_PROFILE_OWN_H

#include "profile.h"

/* How long the process's capture took. */
uint64_t profile_captured_ns(const struct profile *profile, const struct process *process);
/* When the process ended, or its capture where it was still running. */
uint64_t profile_end_ns(const struct profile *profile, const struct process *process);

/* Did SIGKILL end it? */
bool profile_is_killed(const struct process *process);

#define CALLS_OFF_REASON "--calls=off"
/* Are there no calls of it for this reason, which the process does not say itself? */
bool profile_is_uncounted(const struct profile *profile, const struct process *process);

/* One capture more, whose processes are added next. */
void profile_add_capture(struct profile *profile, uint64_t duration_ns);
/* Those of `other`, whose processes are about to be added; returns the number of the first. */
uint32_t profile_add_captures(struct profile *profile, const struct profile *other);
/* Before that, in a sum: the whole has what is true of both. */
void profile_join_meta(struct profile *profile, const struct profile_meta *other);

/* What is a source of both. */
void profile_join_sources(struct process *process, const struct process *other);

#endif
