/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that are open: they have begun and not returned. Where calls are counted when frames end,
 * those that stand at the end of a capture, or at a snapshot, have not been counted: user space
 * walks the frames once more and adds a call for each. The process runs meanwhile, so a frame that
 * comes or goes in that moment may be missing or be there twice.
 */
#ifndef MEMPROBE_OPEN_CALLS_H
#define MEMPROBE_OPEN_CALLS_H

#include "drain.h"
#include "interpreters.h"
#include "loader.h"
#include "profile.h"

/* Nodes that a call was added to, to be taken back after a snapshot. */
struct open_calls {
	struct profile *profile;
	struct drain *drain; /* knows how files are called */
	uint32_t *nodes;
	size_t nr_nodes, capacity;
	struct site *sites; /* of one process, by code object; private to open_calls.c */
	size_t nr_sites, sites_capacity;
	struct hash_table site_ids;
	bool is_unanswered; /* nobody could look at one of its frames */
};

/* Adds those of a process and its image; frames that stood before counting began are left out.
 * Returns false when its frames, or their names, cannot be read. */
bool open_calls_add(struct open_calls *calls, struct interpreters *interpreters,
		    const struct loader *loader, uint32_t process, uint32_t image_id);
void open_calls_take_back(struct open_calls *calls);
void open_calls_free(struct open_calls *calls);

#endif
