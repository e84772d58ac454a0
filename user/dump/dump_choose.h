/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the next block is to hold that no block before has, and in which order: gives numbers.
 */
#ifndef MEMPROBE_DUMP_CHOOSE_H
#define MEMPROBE_DUMP_CHOOSE_H

struct dump_marks;
struct profile;

/*
 * Numbers what has none: nodes that grew, held something, were called or ran on an object and the
 * callers of such; of sites, objects and strings those that they name, and what processes and
 * threads name. What is numbered and cannot be written then is numbered anew for the next block.
 */
void dump_choose(struct dump_marks *marks, const struct profile *profile);

#endif
