/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs that see copies of shared pages (bpf/cow.h): a second object beside the loader's,
 * with the same maps, because their walk would take the verifier 10 ms of every start. Silent;
 * nothing here touches the loader's own state, so that another thread may do it.
 */
#ifndef MEMPROBE_COW_PROGRAMS_H
#define MEMPROBE_COW_PROGRAMS_H

#include "loader.h"

#define COW_LINKS 3

struct cow_programs {
	struct memprobe *skeleton;
	int links[COW_LINKS]; /* -1 */
};

/* 0, -errno. The loader stays open for as long as they are. */
int cow_programs_load(const struct loader *loader, struct cow_programs *ret);
/* The loader's are attached: a tracepoint's programs run in the order in which they were, and what
 * the one that sees a fault forgets of the fault before must not be what ours has noted of this. */
int cow_programs_attach(struct cow_programs *programs);
void cow_programs_detach(struct cow_programs *programs);
void cow_programs_close(struct cow_programs *programs); /* accepts what was never loaded, all 0 */

#endif
