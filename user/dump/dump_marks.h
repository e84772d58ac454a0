/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a profile is in the file: numbers for what is only ever added, and dirty flags, digests
 * or copies for what changes in place and is written again whole.
 */
#ifndef MEMPROBE_DUMP_MARKS_H
#define MEMPROBE_DUMP_MARKS_H

#include <stdbool.h>

#include "dump_numbers.h"
#include "profile.h"

struct dump_node_marks {
	uint64_t cost; /* digest */
	uint64_t calls;
	bool is_crowded;
};

struct dump_process_marks {
	size_t nr_samples;
	uint32_t nr_thinnings;
	uint32_t nr_censuses;
	uint64_t *threads; /* a digest each */
	size_t nr_threads, threads_capacity;
};

/* Zeroed: nothing is. dump_marks_free ends it. */
struct dump_marks {
	struct dump_numbers strings, sites, objects, nodes;
	struct dump_node_marks *node_marks; /* by the profile's number */
	size_t nr_nodes, nodes_capacity;
	struct dump_process_marks *processes;
	size_t nr_processes, processes_capacity;
	struct loss_count losses[NR_LOSSES];
	size_t nr_sightings, nr_snapshots;
	int64_t highest, rss_most; /* bytes, of the highest moment */
	uint64_t meta;		   /* digest */
};

void dump_marks_free(struct dump_marks *marks);
/* Everything that has a number is in the file now, as it is. Before the profile's dirty marks are
 * cleared. */
void dump_marks_set(struct dump_marks *marks, const struct profile *profile);

/* What of one node is in the file. */
struct dump_node_marks dump_marks_of_node(const struct dump_marks *marks, uint32_t id);
/* May a node have other amounts than the file has? */
bool dump_marks_may_differ(const struct dump_marks *marks, const struct profile *profile,
			   uint32_t id);
/* May any node, or what it ran on? Of an idle target none does, however many there are. */
bool dump_marks_may_any_differ(const struct dump_marks *marks, const struct profile *profile);
/* The same of a process, with its threads and samples. */
bool dump_marks_has_changed(const struct dump_marks *marks, const struct profile *profile,
			    size_t process);

uint64_t dump_digest_cost(const struct cost *cost);
uint64_t dump_digest_thread(const struct thread *thread);
uint64_t dump_digest_meta(const struct profile_meta *meta);

/* Of the objects that a node ran on, those which the file does not know to be so: the oldest
 * first. Returns how many. */
size_t dump_marks_new_objects(const struct dump_marks *marks, const struct profile *profile,
			      uint32_t node, uint32_t ret_objects[MAX_NODE_OBJECTS]);

#endif
