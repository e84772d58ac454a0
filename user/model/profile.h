/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was measured: processes (one entry an address space), sites, nodes with their costs.
 * Filled by capture while a program runs or by dump from a file; read by calltree and reports.
 *
 * Everything is named by 32-bit index, never by pointer, and nothing is ever removed. Amounts are
 * bytes, times nanoseconds since the profile's start. A process's tree is its nodes: parents come
 * before children; NO_NODE is the parent of a root.
 */
#ifndef MEMPROBE_PROFILE_H
#define MEMPROBE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>

#include "amounts.h"
#include "census.h"
#include "hash_table.h"
#include "heap_amounts.h"
#include "string_pool.h"

#define NO_NODE UINT32_MAX
#define NO_OBJECT UINT32_MAX
#define NO_PROCESS UINT32_MAX

/* What a node stands for. Adds to wire_site_kind what only user space knows. */
struct site {
	uint32_t kind; /* enum wire_site_kind */
	uint32_t file; /* string: absolute where the file is real; of C the library or program */
	uint32_t
		name; /* string: qualified where the interpreter gives it; a native thread's name */
	int32_t line; /* first line of the function; of a thread its number, 0: the first, or others
		       */
	uint32_t version;      /* of CPython, major << 8 | minor; 0 for sites that are no Python */
	uint32_t linetable;    /* index of the blob, 0: none */
	uint32_t is_resumable; /* 1: a generator or coroutine */
	uint32_t is_coroutine; /* 1: a coroutine */
	uint32_t part_object;  /* object + 1 that the site is split for, 0: any */
	int32_t at;	       /* line that is executed, where the site is split by line; 0: any */
	uint64_t offset;       /* of C: address of the function as the file's symbols have it */
};

/* Stands for those beyond MAX_INSTANCES. */
#define OTHER_INSTANCES UINT32_MAX

/* An object that a method ran on. */
struct object {
	uint32_t process;
	uint32_t class_name; /* string */
	uint32_t instance;   /* in order of first sight among those of its class; OTHER_INSTANCES */
	uint32_t pathname;   /* string + 1, 0: it has none */
	bool is_dirty;
};

/* One of the objects that a node ran on, in a list. */
struct sighting {
	uint32_t object;
	uint32_t next; /* sighting + 1, 0: the last */
};

struct profile;

/* From 3.12 on a specialized class call pushes a frame of its own around __init__: no function. */
bool site_is_init_shim(const struct profile *profile, const struct site *site);

struct blob {
	uint8_t *bytes;
	uint32_t size;
};

/* Of two profiles that were put together (profile_merge.h), whose path it is. */
enum node_origin { ORIGIN_OWN, ORIGIN_OTHER, ORIGIN_BOTH };

struct node {
	uint32_t parent; /* node, NO_NODE for a root */
	uint32_t site;
	uint32_t process;
	bool has_changed;      /* since the last profile_clean; set by profile_note_change */
	bool has_held_changed; /* what it holds has */
	bool is_crowded;       /* it ran on more than MAX_NODE_OBJECTS objects */
	uint8_t nr_sightings;
	uint8_t origin;	    /* enum node_origin; not in dumps */
	uint32_t sightings; /* sighting + 1, 0: none */
	uint32_t held;	    /* index + 1, 0: it never held anything (profile_held.h) */
	uint64_t first_ns;
	uint64_t calls; /* starts and resumes of the function on this path that were counted; in
			 * a difference (profile_merge) modulo 2^64 */
};

/* What a node holds, in bytes, as it is measured: see profile_held.h. */
struct held {
	int64_t live[NR_KINDS];	      /* now */
	int64_t peak_more[NR_KINDS];  /* more than now: at the highest moment, if peak_moment is its
					 number, */
	int64_t final_more[NR_KINDS]; /* and when the runtime began to finalize, with final_moment
				       */
	int64_t unshared, mapped;     /* as struct cost */
	int64_t heap;		      /* the same */
	uint32_t peak_moment, final_moment;
};

/* What a node has allocated, in bytes as asked for, as it is measured: see profile_allocs.h. */
struct node_allocs {
	uint32_t node;
	bool has_changed;	   /* since the last profile_clean */
	int64_t bytes;		   /* not freed yet */
	int64_t blocks;		   /* the same */
	int64_t peak_more;	   /* bytes more than now, with peak_moment as struct held */
	int64_t final_more;	   /* the same with final_moment */
	int64_t final_blocks_more; /* the same */
	int64_t taken;		   /* bytes in all */
	int64_t taken_blocks, freed_blocks;
	uint32_t peak_moment, final_moment;
};

#define HISTORY_SLOTS 32

/* What a history is of. What was allocated in all only rises: its low in a slot is what it was when
 * the slot began. */
enum history_kind { HISTORY_LIVE, HISTORY_ALLOCATED, HISTORY_TAKEN, NR_HISTORY_KINDS };

/* How low what a node holds fell in each slot of time: see profile_history.h. */
struct node_history {
	uint32_t node;
	uint32_t kind;	    /* enum history_kind */
	uint32_t last;	    /* slot that has begun */
	uint32_t doublings; /* of the slots' width */
	bool has_changed;   /* since the last profile_clean */
	int64_t low[HISTORY_SLOTS];
};

/* Which of the calls of a process were counted. Stored in dumps: append only. */
enum calls_seen {
	CALLS_SEEN_SOME, /* not from the first frame on or not to the end: numbers are bounds */
	CALLS_SEEN_ALL,
	CALLS_SEEN_ENDS, /* all but that resumes of generators are not seen: theirs are bounds */
	NR_CALLS_SEEN,
};

/* How calls were counted in a process. Stored in dumps: append only. */
enum calls_method { CALLS_BY_NOTHING = 0, CALLS_BY_USDT = 1, CALLS_BY_UPROBE = 2 };

enum calls_mode { CALLS_MODE_OFF = 0, CALLS_MODE_AUTO = 1, CALLS_MODE_EXACT = 2 };

/* Names in the order of enum calls_mode; NULL behind the last. */
const char *calls_mode_name(size_t mode);

enum end_reason { END_RUNNING, END_EXIT, END_SIGNAL, END_EXEC };
enum begin_reason { BEGAN_EXEC, BEGAN_FORK, BEGAN_ATTACH };

struct loss_count {
	uint64_t events;
	uint64_t bytes;	   /* grown and released */
	uint64_t released; /* of them */
};

struct sample {
	uint64_t time_ns;
	int64_t rss;
};

struct thread {
	uint32_t tid;
	uint32_t name; /* string */
	int64_t growth;
	uint64_t start_ns;
	uint64_t end_ns; /* 0: it still runs; not in a profile that was read, or is over */
};

/* What a process has alone and what it shares, by the kernel's page tables (smaps_rollup). */
struct shares {
	uint64_t time_ns;
	int64_t rss; /* bytes; 0: nobody has asked */
	int64_t pss; /* of each page its part among those that have it */
	int64_t uss; /* of pages that nobody else has */
};

/* In whose roots a process named its files. */
enum source_roots {
	SOURCES_UNKNOWN, /* it has named none, or an older version wrote the dump */
	SOURCES_HERE,	 /* memprobe's own */
	SOURCES_ELSEWHERE,
	SOURCES_MIXED, /* several */
};

struct process {
	uint32_t pid, ppid;
	uint32_t command;      /* string: argv joined by blanks, or the comm */
	uint32_t python;       /* string: version, empty when none was found */
	uint32_t begin;	       /* enum begin_reason */
	uint32_t end;	       /* enum end_reason */
	int32_t exit_code;     /* of END_EXIT */
	int32_t exit_signal;   /* of END_SIGNAL */
	bool is_other_killed;  /* of a difference: SIGKILL ended the other; not in dumps */
	bool is_unsignalled;   /* we may not stop it, nor let it go on: capture only */
	bool is_census_told;   /* that a census of it failed: capture only */
	bool has_unsure_end;   /* where its Python begins to end is not sure: capture only */
	uint32_t calls_method; /* enum calls_method */
	uint32_t calls_seen;   /* enum calls_seen */
	uint32_t
		calls_reason; /* string: why there are none, or why they are bounds; may be empty */
	bool counts_ends;     /* calls are counted when frames end: capture only, not in dumps */
	bool has_open_calls;  /* then frames that run have been added: capture only */
	bool has_last_calls;  /* and those that an exec, a kill or os._exit ends: capture only */
	bool has_finalized;   /* its Python was seen to end in order: capture only */
	bool has_cut_threads; /* threads ended in frames of theirs: capture only */
	bool died_standing;   /* it ended while we had stopped it for a last look: capture only */
	uint32_t open_reason; /* string: why they are bounds until then: capture only */
	uint32_t kept_reason; /* string: the same of frames that greenlets keep, 0: there are none:
			       * capture only */
	uint32_t image_id;    /* capture only, not in dumps */
	uint32_t nr_members;  /* processes that it is the sum of (profile_group.h); 0: itself;
			       * not in dumps */
	uint32_t directory;   /* string: working directory at exec; capture only, not in dumps */
	bool is_dirty;
	bool has_unshared; /* copies of shared pages were followed */
	bool has_user;	   /* uid and gid, of who named its files: capture only, not in dumps */
	uint32_t uid, gid;
	uint64_t root_inode, root_mount; /* in which it named them: capture only, not in dumps */
	uint32_t sources;		 /* enum source_roots */
	uint64_t program_ns;		 /* wall clock: what it runs was read since; 0: not known */
	uint64_t start_ns, end_ns;
	uint32_t capture;	   /* which of the profile's it was in (profile_own.h) */
	uint64_t unshared_late_ns; /* for so long, from forks on, they were not yet */
	struct cost lost; /* part of the tree that found no room; capture only, not in dumps */
	int64_t opening[NR_KINDS];
	int64_t books[NR_KINDS];  /* opening and all that was booked: what the tree sums up to */
	int64_t kernel[NR_KINDS]; /* the kernel's counters at the same moment */
	int64_t peak;		  /* highest file + anon + shmem */
	uint64_t peak_time_ns;	  /* when that was; 0: of several runs, each has its own */
	bool has_owners;	  /* it is known who holds what: nodes' live, peak */
	bool has_mapped;
	bool has_allocs; /* blocks of its allocator were followed */
	/* Whether its Python's own mimalloc serves its objects is known, and whether it does; it
	 * has probes there. Capture only, not in dumps. */
	bool is_mimalloc_known, has_own_mimalloc, is_mimalloc_followed;
	bool has_inside;		    /* its allocators were read while it ran */
	uint32_t peak_moment, final_moment; /* see profile_held.h */
	int64_t live[NR_KINDS]; /* RSS when the runtime began to finalize, or in the end; its nodes'
				   sum */
	int64_t peak_held[NR_KINDS];   /* RSS at the highest moment; its nodes' sum */
	uint64_t allocs_since_ns;      /* from when on; 0: from its beginning */
	uint32_t alloc_moment;	       /* as peak_moment, of the highest sum of what is allocated */
	int64_t alloc_end, alloc_peak; /* bytes, as live and peak_held; its nodes' sums */
	uint64_t unknown_frees; /* of blocks that nobody had seen allocated, until it finalizes:
				 * for allocs_unknown_frees() */
	uint64_t inside_ns;	/* when its allocators were read */
	struct heap_inside inside;
	uint64_t census_ns;	      /* when its objects were counted */
	struct census *census;	      /* NULL: they were not; owned */
	struct census *census_before; /* of a difference, NULL; owned; not in dumps */
	uint32_t nr_censuses;	      /* each replaced the one before */
	struct shares shares; /* when its PSS was highest, of the times at which it was asked */
	struct loss_count losses[NR_LOSSES];
	struct sample *samples; /* at most MAX_SAMPLES: thinned by halves */
	size_t nr_samples, samples_capacity;
	uint64_t sample_distance_ns; /* of samples nearer than this to the last only the highest
				      * stays, where it is higher than what comes next, and the
				      * latest, where nothing comes for as long */
	struct sample near_sample, latest_sample; /* those so far, time 0: none; capture only, not
						   * in dumps */
	uint32_t nr_thinnings;			  /* each moved the earlier samples */
	struct thread *threads;
	size_t nr_threads, threads_capacity;
	struct hash_table thread_ids; /* by name, private to profile_threads.c */
};

#define MAX_SAMPLES 1999      /* with the peak a report has 2,000 points */
#define MAX_READ_SAMPLES 2048 /* as many as older versions kept */
#define MAX_THREADS 1024      /* more are added to one of the same name, or of a pattern of names */
#define MAX_THREAD_PATTERNS 64

/* The highest moment of all processes together, shared pages counted once. */
struct moment {
	uint64_t time_ns;
	int64_t bytes; /* sum of their PSS; 0: never more than one process was there */
	int64_t rss;   /* sum of their RSS then */
	uint32_t nr_processes;
	bool is_bound;	  /* there may have been more, up to rss_most */
	int64_t rss_most; /* the highest sum of their RSS, at whatever time */
};

/* Nodes by (process, parent, site): open addressing over nothing but their numbers, because a
 * profile may have a million and their content is in the nodes. Private to profile.c. */
struct node_index {
	uint32_t *slots; /* node + 1, 0: free */
	size_t capacity; /* a power of two */
};

/* What is wrong with the file of a capture that had ended. */
enum profile_damage {
	DAMAGE_NONE,
	DAMAGE_CUT_OFF,
	DAMAGE_BLOCK, /* it and what is behind it were left out */
	DAMAGE_LONGER,
};

struct profile_meta {
	char **command;	   /* NULL-terminated; what memprobe ran, or NULL with -p */
	int64_t started_s; /* wall clock, seconds since 1970 */
	uint64_t duration_ns;
	char *kernel;	/* release */
	char *memprobe; /* version */
	char *host;
	char *options;	     /* as given, for the reader */
	uint32_t calls_mode; /* enum calls_mode */
	bool has_threads;    /* paths begin at their threads */
	bool is_complete;
	/* Of the file that it was read from, not in dumps. */
	enum profile_damage damage;
	uint64_t unread_bytes; /* at its end, of no whole block; those missing where it is cut off
				*/
};

struct profile {
	struct profile_meta meta;
	struct string_pool strings;
	struct site *sites;
	size_t nr_sites, sites_capacity;
	struct blob *blobs; /* [0] is empty */
	size_t nr_blobs, blobs_capacity;
	struct node *nodes;
	size_t nr_nodes, nodes_capacity;
	bool have_nodes_changed; /* any of them */
	bool has_native;	 /* a site is of a function that is no Python */
	struct amounts costs;	 /* by node: of each alone */
	struct held *held;
	size_t nr_held, held_capacity;
	struct node_allocs *allocs;
	size_t nr_allocs, allocs_capacity;
	struct hash_table allocs_ids; /* by node, private to profile_allocs.c */
	struct node_history *histories;
	size_t nr_histories, histories_capacity;
	struct hash_table history_ids; /* by node, private to profile_history.c */
	struct process *processes;
	size_t nr_processes, processes_capacity;
	struct object *objects;
	size_t nr_objects, objects_capacity;
	struct sighting *sightings;
	size_t nr_sightings, sightings_capacity;
	struct loss_count losses[NR_LOSSES]; /* those of no process */
	struct moment highest;
	/* How long each took whose processes are here; none: all are of one, which the meta is of.
	 */
	uint64_t *captures;
	size_t nr_captures, captures_capacity;
	uint64_t *snapshots; /* times, ascending, at which a snapshot of it was written */
	size_t nr_snapshots, snapshots_capacity;
	struct hash_table site_ids;	/* by content, private to profile.c */
	struct node_index node_ids;	/* the same */
	struct hash_table sighting_ids; /* the same */
	struct hash_table blob_ids;	/* the same: those that profile_find_blob has added */
};

#define PROFILE_MAX_PROCESSES (1U << 20) /* that can be in a dump */

struct profile *profile_new(void);
void profile_free(struct profile *profile);
void profile_freep(struct profile **profile);

const char *profile_string(const struct profile *profile, uint32_t string);

#define PROFILE_MAX_SNAPSHOTS 4096
/* Notes that a snapshot was written, not before the last; beyond PROFILE_MAX_SNAPSHOTS none is. */
void profile_add_snapshot(struct profile *profile, uint64_t time_ns);

/* The site with this content, added when new. */
uint32_t profile_add_site(struct profile *profile, const struct site *site);
uint32_t profile_add_blob(struct profile *profile, const void *bytes, uint32_t size);
/* The blob with this content, added when new. */
uint32_t profile_find_blob(struct profile *profile, const void *bytes, uint32_t size);
/* The node (process, parent, site), added when new. */
/* After the sites of nodes have changed. */
void profile_index_nodes(struct profile *profile);
uint32_t profile_add_node(struct profile *profile, uint32_t process, uint32_t parent, uint32_t site,
			  uint64_t first_ns);
/* A root of a process that stands for no function: the node of that kind, added when new. */
uint32_t profile_add_root(struct profile *profile, uint32_t process, enum wire_site_kind kind,
			  uint64_t first_ns);
/* To be called when a node's fields are changed by another way than the functions here. */
void profile_note_change(struct profile *profile, uint32_t node);
void profile_add_cost(struct profile *profile, uint32_t node, const struct cost *cost);
struct cost profile_cost(const struct profile *profile, uint32_t node); /* of the node alone */
void profile_add_calls(struct profile *profile, uint32_t node, uint64_t calls);
uint32_t profile_add_object(struct profile *profile, const struct object *object);
/* An object that a node ran on; once, and MAX_NODE_OBJECTS of them at most. */
void profile_add_sighting(struct profile *profile, uint32_t node, uint32_t object);
/* A fresh process entry, zeroed; returns its index. Pointers to processes are valid until the next.
 */
uint32_t profile_add_process(struct profile *profile);
void profile_add_sample(struct profile *profile, uint32_t process, uint64_t time_ns, int64_t rss);
/* As it is: what was read back. */
void profile_append_sample(struct process *process, struct sample sample);
/* Takes what the census owns. */
void profile_set_census(struct profile *profile, uint32_t process, const struct census *census,
			uint64_t time_ns);
/* Of a bounded list: as an entry of its own, or as part of another. */
void profile_add_thread(struct profile *profile, uint32_t process, const struct thread *thread);
/* What one that still runs has grown by so far, while the list has room for it: an entry that
 * becomes that of the thread when it ends. end_ns has to be 0. */
void profile_note_thread(struct profile *profile, uint32_t process, const struct thread *thread);
/* Its end: its entry, or as profile_add_thread(). */
void profile_end_thread(struct profile *profile, uint32_t process, const struct thread *thread);
/* The entry of one that still runs, NULL: there is none. Valid until the next thread. */
const struct thread *profile_find_thread(const struct profile *profile, uint32_t process,
					 uint32_t tid, uint64_t start_ns);
/* Those that still run end with their processes, or with the profile. */
void profile_end_threads(struct profile *profile);
/* As an entry of its own: what was read back. */
void profile_append_thread(struct profile *profile, uint32_t process, const struct thread *thread);
/* Clears every is_dirty and has_changed: all that there is has been written. */
void profile_clean(struct profile *profile);

/* Sentence and hint (may be NULL) of a loss; name as in counters.def. */
const char *loss_sentence(enum wire_loss loss);
const char *loss_hint(enum wire_loss loss);
/* Is it of whole processes that were not followed? */
bool loss_is_process(enum wire_loss loss);
/* Does nobody know how much memory it is about? */
bool loss_is_unmeasured(enum wire_loss loss);
/* What a dump of this moment says of a running process's calls: bounds, where those of frames that
 * run are not among them. A reason is a string. */
uint32_t process_calls_seen(const struct process *process);
uint32_t process_calls_reason(const struct process *process);

bool losses_any(const struct loss_count losses[NR_LOSSES]);
void losses_add(struct loss_count sum[NR_LOSSES], const struct loss_count more[NR_LOSSES]);

#endif
