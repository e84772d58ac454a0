/* SPDX-License-Identifier: BSD-2-Clause */
/* See alloc_limits.h. */
#include "alloc_limits.h"

#include "log.h"
#include "tell.h"

void alloc_limits_tell(struct alloc_limits *told, bool waits, const struct malloc_file *file)
{
	const struct malloc_plan *plan = &file->plan;

	if (plan->is_slow && !told->is_slow)
		TELL_MISSING(waits, "following allocations in '%s' is slow, 20 us a call (%s)",
			     file->path, plan->what);
	if (plan->has_unfollowed && !told->has_unfollowed)
		TELL_MISSING(waits, "some functions of '%s' may throw and are not followed (%s)",
			     file->path, plan->what);
	told->is_slow |= plan->is_slow;
	told->has_unfollowed |= plan->has_unfollowed;
}
