/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files that make up drain.h: drain.c, drain_records.c, drain_nodes.c. */
#ifndef MEMPROBE_DRAIN_STATE_H
#define MEMPROBE_DRAIN_STATE_H

#include "drain.h"
#include "hash_table.h"

enum slot_state { SLOT_EMPTY, SLOT_LIVE, SLOT_ENDED };

/* An image by its slot, which is not used again before we give it back. */
struct image_slot {
	uint32_t image_id;
	uint32_t process; /* index in the profile */
	enum slot_state state;
	bool is_read; /* ended, and its nodes have been read since */
	bool has_balance;
	uint32_t nr_paths;		  /* of Python, that have been read */
	int64_t balance_books[NR_KINDS];  /* bytes */
	int64_t balance_kernel[NR_KINDS]; /* bytes */
};

/* An entry of the BPF table of nodes, as last read. */
struct kernel_node {
	uint64_t key, parent, site, first_ns;
	uint32_t image_id; /* 0: unused */
	uint32_t node;	   /* in the profile, NO_NODE while its site or parent is unknown */
	uint32_t tried;	   /* the reading in which a place was looked for last */
	struct cost read;  /* bytes, as last read */
	struct cost added; /* bytes, as added to the profile */
	bool is_crowded;
	uint64_t calls_read, calls_added;
	bool is_shim; /* calls of it are none */
};

/* A site that was sent, by its key in the BPF table of sites. */
struct known_site {
	uint64_t key;
	uint32_t image_id;
	uint32_t site;	     /* in the profile */
	uint32_t version;    /* of CPython, of this code object: the site may have others' */
	uint32_t line_table; /* the same, index of the blob; 0: none, or lines are not asked for */
	bool is_shim;	     /* no function: its nodes are their parents' */
	uint32_t object; /* in the profile: what its nodes ran on, NO_OBJECT: they are split by it
			    or it is not known */
};

/* A source file for one version. */
struct known_source {
	bool is_unreadable;
	bool has_changed; /* it lacks what ran */
};

/* Objects of one process whose names are read together: a question costs as much as some names. */
struct to_name {
	uint32_t process;
	size_t count;
	uint32_t indices[INSPECT_OBJECT_BATCH]; /* of known objects */
};

struct known_object {
	uint64_t address, type;
	uint32_t image_id;
	uint32_t object; /* in the profile */
	uint32_t class_index;
	uint32_t tries; /* to read its name */
	bool is_queued; /* its name is about to be read */
};

/* A class of one image. */
struct known_class {
	uint32_t nr_instances;
	uint32_t tries, names; /* reading names of its objects, and how often there was one */
};

/* An object on a node, as in the BPF table of sightings. */
struct kernel_sighting {
	uint64_t node; /* key */
	uint64_t address;
	uint32_t image_id;
	uint32_t object; /* in the profile */
	bool is_placed;	 /* is in the profile */
};

struct drain {
	struct loader *loader;
	struct profile *profile;
	uint64_t start_ns;
	struct drain_listener listener;
	struct ring_buffer *ring;
	int nodes_fd, deeper_fd, images_fd, sites_fd, threads_fd, losses_fd, tallies_fd, cpus_fd;
	struct image_slot *slots; /* up to the highest that was used, below MAX_IMAGES */
	size_t nr_slots, slots_capacity;
	struct hash_table process_of_tgid; /* the newest entry of a tgid */
	struct kernel_node *nodes;
	size_t nr_nodes, nodes_capacity;
	struct hash_table node_ids; /* key to index */
	uint32_t readings;	    /* of the tables of nodes */
	uint32_t *climb;	    /* indices of nodes that are about to get a place, leaf first */
	size_t climbed, climb_capacity;
	uint32_t *unused_nodes;
	size_t nr_unused, unused_capacity;
	struct known_site *sites;
	size_t nr_sites, sites_capacity;
	struct hash_table site_ids; /* key to index */
	struct known_source *sources;
	size_t nr_sources, sources_capacity;
	struct hash_table source_ids; /* version and file to index */
	struct inspector *inspector;  /* as drain_set_inspector; NULL: nothing is looked at */
	const struct target_user *caller;
	struct to_name to_name;
	bool has_lines;
	const char *classes; /* as drain_set_parts */
	struct known_object *objects;
	size_t nr_objects, objects_capacity;
	uint32_t naming;	      /* rounds of looking for names */
	size_t next_to_name;	      /* where a round that ran out of time left off */
	struct hash_table object_ids; /* address, class and image to index */
	struct known_class *known_classes;
	size_t nr_known_classes, known_classes_capacity;
	struct hash_table class_ids; /* class and image to index */
	struct kernel_sighting *sightings;
	size_t nr_sightings, sightings_capacity;
	uint64_t *alive; /* keys of paths on which threads died, their calls to be added */
	size_t nr_alive, alive_capacity;
	uint32_t nr_ended;   /* slots in SLOT_ENDED */
	uint64_t nr_refused; /* records that were not sound */
};

#define PAGE_BYTES 4096

/* drain_records.c: the kernel's last word on an image, by record or, when that was lost, by table.
 */
void drain_end_image(struct drain *drain, struct image_slot *slot, const __s64 *kernel_pages,
		     uint64_t clock_ns);
/* A ring_buffer_sample_fn. */
int drain_handle_record(void *drain, void *data, size_t size);

/* drain_nodes.c */
void drain_keep_alive(struct drain *drain, uint64_t path);
int drain_read_nodes(struct drain *drain);
void drain_remove_nodes(struct drain *drain); /* those of ended images, and their sites */

bool drain_image_has_ended(struct drain *drain, uint32_t image_id); /* and was read to the last */

/* drain_names.c: gives the site its qualified name where the interpreter has none. */
void drain_qualify(struct drain *drain, uint32_t process, struct site *site);
void drain_free_sources(struct drain *drain);

/* drain_objects.c */
void drain_name_queued(struct drain *drain);
void drain_take_object(struct drain *drain, const struct wire_object *record);
/* The object that a part of a site stands for, NO_OBJECT: it is split by line alone.
 * *ret_is_wanted: it is of a class that was asked for. */
uint32_t drain_take_part(struct drain *drain, const struct wire_split *record, bool *ret_is_wanted);
void drain_place_sightings(struct drain *drain);
void drain_remove_objects(struct drain *drain); /* those of ended images */

/* drain_tables.c */
void drain_sweep_tables(struct drain *drain);

/* drain_lines.c */
struct line_bytes {
	const void *bytes;
	uint32_t size;
};

/* Keeps the line table of a code object of this site, which is new in the profile or not. Returns
 * the blob, 0: none. */
uint32_t drain_add_line_table(struct drain *drain, uint32_t site, bool is_new,
			      const struct line_bytes *table);
/* The line of an instruction, `at` as in wire_split: 0 is the begin of the function. */
int32_t drain_line_of(const struct drain *drain, const struct known_site *known, uint32_t at);

uint64_t drain_time(const struct drain *drain, uint64_t clock_ns);
struct image_slot *drain_slot(const struct drain *drain, uint32_t image_id); /* NULL: unknown */
void drain_add_cost(struct drain *drain, uint32_t node, const struct cost *cost);

#endif
