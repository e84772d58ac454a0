/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs that see wake-ups (bpf/wakes.h): a second object beside the loader's. Silent. */
#ifndef MEMPROBE_WAKE_PROGRAMS_H
#define MEMPROBE_WAKE_PROGRAMS_H

#include "loader.h"

#define WAKE_LINKS 2

struct wake_programs {
	struct memprobe *skeleton; /* NULL: not loaded */
	int links[WAKE_LINKS];	   /* -1 */
};

/* 0, -errno. The loader stays open for as long as they are. */
int wake_programs_load(const struct loader *loader, struct wake_programs *ret);
int wake_programs_attach(struct wake_programs *programs);
void wake_programs_close(struct wake_programs *programs); /* accepts what was never loaded, all 0 */

#endif
