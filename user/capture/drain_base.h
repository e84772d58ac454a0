/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the drain work on; drain.c owns it. */
#ifndef MEMPROBE_DRAIN_BASE_H
#define MEMPROBE_DRAIN_BASE_H

#include "drain_listener.h"
#include "inspector.h"
#include "loader.h"
#include "profile.h"
#include "target_root.h"
#include "target_user.h"

#define PAGE_BYTES 4096

struct drain_base {
	struct loader *loader;
	struct profile *profile;
	uint64_t start_ns;	 /* CLOCK_MONOTONIC of the profile's time 0 */
	uint64_t wall_ns;	 /* what the wall clock was ahead of CLOCK_MONOTONIC at first */
	struct target_root root; /* ours */
	struct drain_listeners listeners;
	struct inspector *inspector; /* as drain_set_inspector; NULL: nothing is looked at */
	const struct target_user *caller;
	bool has_lines;	     /* as drain_set_parts */
	const char *classes; /* the same */
};

/* The profile's time. */
static inline uint64_t drain_base_time(const struct drain_base *base, uint64_t clock_ns)
{
	return clock_ns > base->start_ns ? clock_ns - base->start_ns : 0;
}

/* The profile's root of a process, which it names files in. */
static inline struct target_root drain_base_root(const struct process *process)
{
	return (struct target_root){ .inode = process->root_inode, .mount = process->root_mount };
}

/* Who named a process's files. */
static inline struct target_user drain_base_namer(const struct process *process)
{
	return process->has_user ? target_user_of(process->uid, process->gid)
				 : target_user_nobody();
}

/* As whom they are read once it is gone. */
static inline struct target_user drain_base_user(const struct drain_base *base,
						 const struct process *process)
{
	return base->caller ? *base->caller : drain_base_namer(process);
}

#endif
