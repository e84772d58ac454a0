/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which images ended before their interpreter was found. Of one that was found late the BPF side
 * tells itself (learn.h); of one that was never found only its program's file says that there was a
 * Python in it. Once that file has been looked at, images that begin later are found by the BPF
 * side, so it is about those that began before.
 */
#ifndef MEMPROBE_LATE_FINDS_H
#define MEMPROBE_LATE_FINDS_H

#include <stdbool.h>

#include "profile.h"

struct late_finds;

/* Borrows the profile, whose entries say which interpreter was found. */
struct late_finds *late_finds_new(struct profile *profile);
void late_finds_free(struct late_finds *finds);

/* An image has begun by exec and its interpreter is unknown. Returns whether its program is still
 * to be looked at. Times are CLOCK_MONOTONIC. */
bool late_finds_begin(struct late_finds *finds, uint32_t process, const struct wire_file *program,
		      uint64_t begun_ns);
/* The process is called as a Python is: should nobody ever look at its program, that is a loss. Of
 * others it is none: most programs of a container with an overlay are not found by their names. */
void late_finds_expect_python(struct late_finds *finds, uint32_t process);
/* The program has been looked at: it has a CPython in it, or in a library that it needs. */
void late_finds_tell(struct late_finds *finds, const struct wire_file *program, bool has_python,
		     uint64_t now_ns);
void late_finds_end(struct late_finds *finds, uint32_t process);

/* Counts those that have ended, once their peaks have been read. */
void late_finds_settle(struct late_finds *finds);
/* Nothing more can be learned: counts those that go on, too, and those whose programs nobody could
 * look at, which may have run a Python. */
void late_finds_give_up(struct late_finds *finds);

#endif
