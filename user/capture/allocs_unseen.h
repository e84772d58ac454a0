/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose allocations are not followed, which is a loss. */
#ifndef MEMPROBE_ALLOCS_UNSEEN_H
#define MEMPROBE_ALLOCS_UNSEEN_H

#include "capture_base.h"

/* Does its Python's own mimalloc serve the objects of a process that has one? Is asked for once, a
 * forked child has what its parent has. `layout` is NO_LAYOUT where its Python cannot be walked. */
void allocs_unseen_ask(const struct capture_base *base, uint32_t process, uint32_t layout);

/* In the end, what a process lacks. `is_attached`: there are probes in what serves its malloc. */
void allocs_unseen_count(struct profile *profile, uint32_t process, bool is_attached);

#endif
