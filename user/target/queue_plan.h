/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where items can be seen to be put into Python's queues and taken out: C methods that are static
 * functions, found in a stripped file by their PyMethodDef, the entry of a table whose last field
 * is the method's text of documentation. And where asyncio's tasks are made: the tp_init of their
 * type, found by its name. deque is a part of the interpreter in all versions; SimpleQueue and Task
 * mostly are in modules of their own, _queue and _asyncio. Attaching is capture's work.
 */
#ifndef MEMPROBE_QUEUE_PLAN_H
#define MEMPROBE_QUEUE_PLAN_H

#include <stddef.h>
#include <stdint.h>

struct elf_file;

#define MAX_QUEUE_SITES 8

/* The interpreter, and modules beside it. */
enum queue_file { QUEUE_IN_INTERPRETER, QUEUE_IN_MODULE, TASK_IN_MODULE, NR_QUEUE_FILES };

struct queue_site {
	uint64_t offset; /* in the file, of an instruction that runs once a call; the arguments are
			    in their registers there, and the stack pointer is as at the entry */
	uint32_t call;	 /* enum wire_queue_call */
	uint32_t pad;
};

struct queue_plan {
	struct queue_site sites[MAX_QUEUE_SITES];
	size_t nr_sites;    /* 0: the file has none, or was built without such texts */
	int64_t changed_ns; /* of the file that it is true of (file_change.h) */
};

/* 0; -errno when the file cannot be read. Borrows fd. */
int queue_plan_find(int fd, struct queue_plan *ret);
/* The same of a file that is open, for whatever machine it is. */
void queue_plan_find_in(struct elf_file *file, struct queue_plan *ret);

#endif
