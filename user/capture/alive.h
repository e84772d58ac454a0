/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that go on. Where calls are counted when frames end, those that stand at the end of a
 * capture, or at a snapshot, have not been counted: user space walks the frames once more and adds
 * a call for each. The process runs meanwhile, so a frame that comes or goes in that moment may be
 * missing or be there twice.
 */
#ifndef MEMPROBE_ALIVE_H
#define MEMPROBE_ALIVE_H

#include "interpreters.h"
#include "loader.h"
#include "profile.h"

/* Nodes that a call was added to, to be taken back after a snapshot. */
struct alive {
	struct profile *profile;
	uint32_t *nodes;
	size_t nr_nodes, capacity;
	struct site *sites; /* of one process, by code object; private to alive.c */
	size_t nr_sites, sites_capacity;
	struct hash_table site_ids;
	bool is_unanswered; /* nobody could look at one of its frames */
};

/* Adds those of a process and its image; frames that stood before counting began are left out.
 * Returns false when its frames, or their names, cannot be read. */
bool alive_add(struct alive *alive, struct interpreters *interpreters, const struct loader *loader,
	       uint32_t process, uint32_t image_id);
void alive_take_back(struct alive *alive);
void alive_free(struct alive *alive);

#endif
