/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile, or what is new in it, as the sections of one block. What a file holds already is
 * known from marks: high-water marks for what is only ever added, and dirty flags, digests or
 * copies for what changes in place and is written again whole.
 */
#ifndef MEMPROBE_DUMP_ENCODE_H
#define MEMPROBE_DUMP_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dump_block.h"
#include "profile.h"

struct dump_node_marks {
	uint64_t cost; /* digest */
	uint64_t calls;
	bool is_crowded;
};

struct dump_process_marks {
	size_t nr_samples;
	uint32_t nr_thinnings;
	uint64_t *threads; /* a digest each */
	size_t nr_threads, threads_capacity;
};

/* What of one profile is in the file. Zeroed: nothing is. dump_marks_free ends it. */
struct dump_marks {
	size_t nr_strings, nr_blobs, nr_sites, nr_nodes, nr_processes;
	struct dump_node_marks *nodes;
	struct dump_process_marks *processes;
	size_t nodes_capacity, processes_capacity;
	struct loss_count losses[NR_LOSSES];
	size_t nr_objects, nr_sightings;
	int64_t highest, rss_most; /* bytes, of the highest moment */
	uint64_t meta;		   /* digest */
};

void dump_marks_free(struct dump_marks *marks);
/* Everything in the profile is in the file now. Before its dirty marks are cleared. */
void dump_marks_set(struct dump_marks *marks, const struct profile *profile);

/* Puts what the marks lack. Returns the bytes of records that supersede earlier ones. */
uint64_t dump_encode(struct dump_block *block, const struct profile *profile,
		     const struct dump_marks *marks);

#endif
