/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the BPF object with the programs that fit this kernel, attaches them, and gives access to
 * its maps. Silent: returns -errno; loader_error() says which step failed.
 */
#ifndef MEMPROBE_LOADER_H
#define MEMPROBE_LOADER_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include <memprobe/wire.h>

#include "kernel_features.h"
#include "loader_faults.h"
#include "map_sizes.h"

struct bpf_link;
struct memprobe; /* the skeleton */

#define LOADER_PROGRAMS 31 /* at most, for all kinds of kernels */

struct loader_sizes {
	uint32_t max_nodes, max_sites;
	uint32_t ring_mb; /* 0: as there is need */
	bool attaches;	  /* to processes that run, so that the iterator opens their books */
	bool follow_children;
	uint32_t call_frames; /* bit 1 << enum probe_frame for each way in which calls will be
				 counted */
	bool has_calls_budget;
	bool has_lines, has_instances; /* split sites */
	bool has_threads;	       /* paths begin at their thread */
	bool has_submitters;	       /* who gives pools their work, where the kernel can */
	bool has_last_looks; /* all processes are stopped before their runtime is taken down, not
				only large ones */
	bool has_owners;     /* who owns each page, where the kernel can: loader_has_owners() */
	bool has_allocs;     /* blocks of allocators, where the kernel can: loader_has_allocs() */
	uint32_t max_blocks;
	uint64_t allocs_min; /* bytes; smaller blocks are not followed */
	bool has_native;     /* C functions, where the kernel can: loader_has_native() */
	uint32_t native_rows;
};

struct loader {
	struct memprobe *skeleton;
	struct kernel_features features;
	struct map_sizes map_sizes;
	bool has_owners, has_allocs, has_submitters, has_native;
	bool has_last_paths;
	bool lacks_perf; /* events of perf's that were to be had (bpf/preempt.h) */
	bool is_needed[LOADER_PROGRAMS];
	struct bpf_link *links[LOADER_PROGRAMS]; /* NULL: not attached */
	struct loader_faults faults;
	int iterator; /* fd of the link of the task iterator */
	int btf;      /* what the kernel's BTF says that our object asks, as libbpf reads it */
	uint32_t round;
	const char *failed_step; /* static text: "load", "attach", ... */
	const char *failed_object;
};

enum loader_iterate { LOADER_PREPARE, LOADER_ADOPT, LOADER_SETTLE, LOADER_BALANCE };

/* Opens, sizes, loads, prepares. Nothing is attached yet. */
int loader_open(const struct loader_sizes *sizes, struct loader *ret);
int loader_attach(struct loader *loader);
/* No process is stopped before its runtime is taken down from now on; of what was the records are
 * still to be drained. */
void loader_stop_last_looks(struct loader *loader);
/* Detaches the programs, keeps the maps: what was measured can still be read. */
void loader_detach(struct loader *loader);
void loader_close(struct loader *loader);

/* Runs the task iterator once. */
int loader_iterate(struct loader *loader, enum loader_iterate what);

int loader_map(const struct loader *loader, const char *name);		 /* fd, -ENOENT */
size_t loader_value_bytes(const struct loader *loader, const char *map); /* the map is there */
uint32_t loader_ring_bytes(const struct loader *loader);
/* Objects that are seen from now on have a name that is worth to be woken for, or have none. */
void loader_note_nameless(struct loader *loader, bool are_nameless);
/* All nodes are looked at from now on: the look of this number, after 0. */
void loader_note_look(struct loader *loader, uint32_t look);
/* Are owners of pages followed? */
bool loader_has_owners(const struct loader *loader);
/* Are blocks of allocators followed? */
bool loader_has_allocs(const struct loader *loader);
/* Is followed for whom pools work? */
bool loader_has_submitters(const struct loader *loader);
/* Are C functions found below Python's? */
bool loader_has_native(const struct loader *loader);
/* Are the paths found on which the threads of a process are when it begins another program? */
bool loader_has_last_paths(const struct loader *loader);
/* Can the end of code objects be watched for the paths of memory? */
bool loader_has_watches(const struct loader *loader);
/* How many rows its tables for C stacks hold. */
uint32_t loader_unwind_rows(const struct loader *loader);
/* What is known of files' rows has changed. */
void loader_note_unwind_change(struct loader *loader);
/* Ids of nodes are below this. */
uint32_t loader_nr_ids(const struct loader *loader);
/* They are given back, and out, in runs of so many at most. -E2BIG: not now. */
uint32_t loader_id_run(const struct loader *loader);
int loader_free_ids(struct loader *loader, uint32_t first, uint32_t count);

/* Events that the kernel did not hand to our programs, but for those that are our own work. */
struct loader_missed {
	uint64_t events;
	uint64_t of_tasks; /* how many of them may have been begins and ends of tasks */
};
struct loader_missed loader_count_missed(const struct loader *loader);

/* So many entries have been taken out of the tables. */
struct loader_removed {
	uint64_t nodes, specials, sites, sightings, blocks;
};
void loader_note_removed(struct loader *loader, const struct loader_removed *removed);
/* A frame that began before its calls were counted. Returns false when there is no room: it would
 * count when it ends. */
bool loader_add_standing(struct loader *loader, uint32_t image_id, uint64_t frame);
/* There is none any more. */
void loader_forget_standing(struct loader *loader);

/* Has it not ended since? */
bool loader_is_standing(const struct loader *loader, uint32_t image_id, uint64_t frame);

int loader_follow(struct loader *loader, uint32_t tgid, uint32_t ppid);
/* What a hit of the command's probe means while its interpreter is unknown: the file address of the
 * probe and the layout. Before the command runs. */
void loader_expect(struct loader *loader, uint64_t probe_vaddr, uint32_t layout);
/* Is this image still there, not ended by an exec or exit? */
bool loader_is_live(const struct loader *loader, uint32_t slot, uint32_t image_id);
int loader_free_slot(struct loader *loader, uint32_t slot);
int loader_set_layout(struct loader *loader, uint32_t index, const struct wire_layout *layout);
int loader_get_layout(const struct loader *loader, uint32_t index, struct wire_layout *ret);
/* What the BPF side knows of the image in a slot. */
int loader_get_python(const struct loader *loader, uint32_t slot, struct wire_python *ret);
int loader_set_python(struct loader *loader, uint32_t slot, const struct wire_python *python);
/* The known interpreter of an image. False: it is not known, or the image has gone. */
static inline bool loader_find_python(const struct loader *loader, uint32_t image_id,
				      struct wire_python *ret)
{
	return !loader_get_python(loader, image_id % MAX_IMAGES, ret) &&
	       ret->image_id == image_id && ret->state == PYTHON_KNOWN;
}
int loader_set_file(struct loader *loader, const struct wire_file *file,
		    const struct wire_file_layout *layout);
void loader_drop_file(struct loader *loader, const struct wire_file *file);

#endif
