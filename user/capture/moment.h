/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The highest moment of all processes together. What the OOM killer counts is neither the sum of
 * their RSS, which counts shared pages many times, nor that of their peaks, which are no moment.
 * The kernel's own figure is PSS, which it works out from the page tables when asked; so it is
 * asked when the sum of RSS, which is never less, says that a new height is possible.
 */
#ifndef MEMPROBE_MOMENT_H
#define MEMPROBE_MOMENT_H

#include "profile.h"

/*
 * Looks at the running processes; keeps the moment, `now_ns` after the profile's start, when it is
 * the highest so far. *next_ns (0 at first) keeps this to a part of the time (MOMENT_PARTS).
 */
void moment_look(struct profile *profile, uint64_t now_ns, uint64_t *next_ns);

#endif
