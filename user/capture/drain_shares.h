/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Amounts that a target can make up: of blocks that its own malloc says it has handed out, of
 * address space that it reserves and never touches. A dump has room for a sum of them, and what
 * one process makes up must cost no other anything. Half of the room is divided among all processes
 * that a dump may hold; of the other half each may take a sixteenth of what is left.
 */
#ifndef MEMPROBE_DRAIN_SHARES_H
#define MEMPROBE_DRAIN_SHARES_H

#include "profile.h"

/* Owns `taken`. */
struct drain_shares {
	int64_t each; /* what a process may take of its own */
	int64_t pool; /* what is left for those that take more */
	int64_t *taken;
	size_t count, capacity;
};

/* `whole`: of all processes together. */
void drain_shares_init(struct drain_shares *shares, int64_t whole);
void drain_shares_free(struct drain_shares *shares);

/* Replaces a part of what a process has taken, neither below 0, by another. Returns false, and
 * nothing has happened, when there is no room for it. Less than before has room always. */
bool drain_shares_take(struct drain_shares *shares, uint32_t process, int64_t before,
		       int64_t after);

/* Something was refused for want of room, or because it cannot be: that is said of the process
 * once, whatever else follows. */
void drain_shares_refuse(struct profile *profile, uint32_t process);

#endif
