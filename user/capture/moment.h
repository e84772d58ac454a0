/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The highest moment of all processes together. What the OOM killer counts is neither the sum of
 * their RSS, which counts shared pages many times, nor that of their peaks, which are no moment.
 *
 * Two sources. The kernel's own figure is PSS, which it works out from the page tables when asked
 * (20 us a MB), so it is asked at flushes only, when the sum of RSS, which is never less, says that
 * a new height is possible. Between two readings the books tell what the least was: anonymous pages
 * that a process has taken since it was forked are its own, and the pages of one process are never
 * the same page twice. What is reported is the highest of both, marked as a bound where the sum of
 * RSS was higher. KSM, which merges pages of any processes, is left out of account.
 */
#ifndef MEMPROBE_MOMENT_H
#define MEMPROBE_MOMENT_H

#include "drain_listener.h"
#include "flush_listener.h"
#include "profile.h"

struct moments;

struct moments *moments_new(void);
void moments_free(struct moments *moments); /* accepts NULL */

/* A process's books have changed. */
void moments_note(struct moments *moments, uint32_t process, const struct rss_sample *sample);
/* Its address space has gone. */
void moments_end(struct moments *moments, uint32_t process);

/* At a flush: asks for PSS when that can tell more and its time is not used up, and leaves in
 * profile->highest what is known now. */
void moments_look(struct moments *moments, struct profile *profile, uint64_t now_ns);

/* What it hears of the drain, and of flushes. */
struct drain_listener moments_hear_drain(struct moments *moments);
struct flush_listener moments_hear_flush(struct moments *moments);

#endif
