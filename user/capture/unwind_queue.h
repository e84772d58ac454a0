/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files whose rows are wanted, for making them one at a time. What runs is first, small files
 * before large ones: the rows of OpenBLAS take as long as those of a hundred modules, which run
 * meanwhile.
 */
#ifndef MEMPROBE_UNWIND_QUEUE_H
#define MEMPROBE_UNWIND_QUEUE_H

#include <memprobe/wire.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_UNWIND_OTHERS                                                      \
	1024 /* that wait; a process has more, and those are met by their code \
	      */

/* A process shows the file at an address. */
struct unwind_wanted {
	struct wire_file file; /* changed_ns is 0 where it is not known */
	pid_t pid;
	bool is_other; /* nothing of it has run that is known */
	uint64_t address;
	uint64_t bytes; /* of the file, as its process sees it; of others 0 */
};

/* Begins zeroed. */
struct unwind_queue {
	struct unwind_wanted *all; /* in the order in which they came */
	size_t count, capacity, nr_others;
};

/* Whatever was written to it meanwhile. */
static inline bool unwind_is_same_file(const struct wire_file *one, const struct wire_file *other)
{
	return one->ino == other->ino && one->dev == other->dev;
}

/* Of a file one waits: the first, but one that runs takes an other's place. */
void unwind_queue_add(struct unwind_queue *queue, const struct unwind_wanted *wanted);
/* False: none waits. */
bool unwind_queue_take(struct unwind_queue *queue, struct unwind_wanted *ret);
void unwind_queue_clear(struct unwind_queue *queue);

#endif
