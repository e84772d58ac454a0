/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has something to do whenever the profile has been brought up to date: every half second, and
 * once at the end. The dump, the line on the terminal and the highest moment are such listeners.
 */
#ifndef MEMPROBE_FLUSH_LISTENER_H
#define MEMPROBE_FLUSH_LISTENER_H

#include <stdint.h>

/* What attaching probes, 5 to 24 ms a process, may take of a flush: others wait for an answer
 * meanwhile. And how old a process is before it is worth it: most that have just begun end soon. */
#define FLUSH_ATTACHING_NS 50000000ULL
#define FLUSH_SETTLED_NS 250000000ULL

struct profile;

struct flush_listener {
	void *context;
	/* `now_ns` is the time since the profile's start. May be NULL. */
	void (*flush)(void *context, struct profile *profile, uint64_t now_ns);
	/* The programs are detached and all that they left has been read. May be NULL. */
	void (*end)(void *context, struct profile *profile, uint64_t now_ns);
};

#endif
