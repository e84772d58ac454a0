/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second object on the maps of the first, for programs that are not wanted in every run: their
 * walks would take the verifier 10 ms of every start. Silent; nothing here touches the loader's own
 * state, so that another thread may do it.
 */
#ifndef MEMPROBE_LOADER_SECOND_H
#define MEMPROBE_LOADER_SECOND_H

#include "loader.h"

#define SECOND_LINKS 2

struct second_attachment {
	const char *tracepoint, *program;
};

/* Programs that are wanted together. */
struct second_programs {
	struct second_attachment all[SECOND_LINKS];
	size_t count;
};

extern const struct second_programs second_cow;	  /* see copies of shared pages (bpf/cow.h) */
extern const struct second_programs second_wakes; /* see wake-ups (bpf/wakes.h) */

struct loader_second {
	const struct second_programs *programs;
	struct memprobe *skeleton; /* NULL: not loaded */
	int links[SECOND_LINKS];   /* -1 */
};

/* 0, -errno. The loader stays open for as long as they are. */
int loader_second_load(const struct loader *loader, const struct second_programs *programs,
		       struct loader_second *ret);
int loader_second_attach(struct loader_second *second);
void loader_second_detach(struct loader_second *second);
void loader_second_close(struct loader_second *second); /* accepts what was never loaded, all 0 */

#endif
