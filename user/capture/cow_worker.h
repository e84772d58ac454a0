/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads, attaches and detaches the programs that see copies of shared pages, beside the loop: a
 * load takes 15 ms, and an attach or detach may wait for the kernel's grace periods. Whoever wants
 * something says how far to go, and looks later how far it has come.
 */
#ifndef MEMPROBE_COW_WORKER_H
#define MEMPROBE_COW_WORKER_H

#include <stdint.h>

struct loader;
struct cow_worker;

enum cow_stage { COW_NOTHING, COW_LOADED, COW_ATTACHED };

struct cow_reached {
	enum cow_stage stage;
	uint64_t attached_ns; /* CLOCK_MONOTONIC of the last time; 0: never */
	int error;	      /* 0; else nothing more is done */
};

/* The loader outlives it. */
struct cow_worker *cow_worker_new(const struct loader *loader);
/* Detaches. Accepts NULL. */
void cow_worker_free(struct cow_worker *worker);

void cow_worker_want(struct cow_worker *worker, enum cow_stage stage);
struct cow_reached cow_worker_look(struct cow_worker *worker);
/* Waits until what is wanted has been reached, or cannot be. */
struct cow_reached cow_worker_wait(struct cow_worker *worker);

#endif
