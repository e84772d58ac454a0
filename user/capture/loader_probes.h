/* SPDX-License-Identifier: BSD-2-Clause */
/* Which programs of uprobes are loaded; all others have a table in loader.c. */
#ifndef MEMPROBE_LOADER_PROBES_H
#define MEMPROBE_LOADER_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel_features.h"

struct memprobe;

struct loader_probes {
	const struct kernel_features *features;
	uint32_t call_frames; /* as in struct loader_sizes */
	bool has_allocs;
	bool has_submitters;
	bool has_watches; /* of code objects, for the paths of memory */
};

/* Once the object is open. */
void loader_probes_choose(const struct loader_probes *wanted, struct memprobe *skeleton);

#endif
