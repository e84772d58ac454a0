/* SPDX-License-Identifier: BSD-2-Clause */
/* The profiles whose reports are compared. The caller frees them. */
#ifndef MEMPROBE_GOLDEN_PROFILES_H
#define MEMPROBE_GOLDEN_PROFILES_H

#include "profile.h"

struct profile *golden_single(void);		/* one process, every kind of row */
struct profile *golden_imports(void);		/* modules below the machinery that imports them */
struct profile *golden_hidden(void);		/* large rows below small and negative ones */
struct profile *golden_processes(void);		/* forked, attached, killed, native, small ones */
struct profile *golden_hostile(void);		/* names that would harm a terminal */
struct profile *golden_calls(void);		/* counted, counted in part, not counted */
struct profile *golden_lines(void);		/* split by line and by object */
struct profile *golden_native(void);		/* with functions of C */
struct profile *golden_held(void);		/* a temporary made the peak; a child was killed */
struct profile *golden_copied(void);		/* forked, and wrote to what they share */
struct profile *golden_leaks(void);		/* a leak, a bounded cache, churn */
struct profile *golden_native_leaks(void);	/* of functions of C */
struct profile *golden_heap_leaks(void);	/* whose pages another may keep */
struct profile *golden_heap_leaks_unseen(void); /* the same where a block may be unseen */
struct profile *golden_allocs(void);		/* one path touches, another keeps */
struct profile *golden_alloc_leaks(void);
struct profile *golden_census(void); /* whose objects were counted, or not */
struct profile *golden_inside(void); /* whose allocators were read, or not */
struct profile *golden_spike(void);
struct profile *golden_series(void); /* whose peak lies between two samples */
struct profile *golden_empty(void);

#endif
