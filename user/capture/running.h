/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes run, the largest first. */
#ifndef MEMPROBE_RUNNING_H
#define MEMPROBE_RUNNING_H

#include <stddef.h>
#include <stdint.h>

#include "profile.h"

struct running {
	uint32_t process;
	int64_t rss;
};

/* ret has room for all processes. */
size_t running_find(const struct profile *profile, struct running *ret);

#endif
