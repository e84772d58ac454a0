/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose allocations are not followed, which is a loss. */
#ifndef MEMPROBE_ALLOCS_UNSEEN_H
#define MEMPROBE_ALLOCS_UNSEEN_H

#include "capture_base.h"

/* Does its Python's own mimalloc serve the objects of a process that has one? Is asked for once, a
 * forked child has what its parent has. `layout` is NO_LAYOUT where its Python cannot be walked. */
void allocs_unseen_ask(const struct capture_base *base, uint32_t process, uint32_t layout);

/* There are probes in the malloc that it maps, from then on (the profile's time). A forked or
 * attached process that calls nothing has allocated nothing. One that was begun by exec calls its
 * allocator at once: where that is not seen it has another. */
void allocs_unseen_end(struct process *process, uint64_t since_ns);
/* In the end, what a process lacks. */
void allocs_unseen_count(struct profile *profile, uint32_t process);

#endif
