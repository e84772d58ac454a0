/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves what the BPF side has gathered into the profile: ring buffer records as they come, the
 * tables of nodes and images at every flush, and what has ended out of the tables.
 */
#ifndef MEMPROBE_DRAIN_H
#define MEMPROBE_DRAIN_H

#include "inspect_texts.h"
#include "loader.h"
#include "moment.h"
#include "profile.h"

struct drain;

/* What drain cannot do itself: it tells these, all may be NULL. */
struct drain_listener {
	void *context;
	/* An image whose interpreter is unknown: find it (interpreters.c). */
	void (*unknown_python)(void *context, uint32_t slot, uint32_t image_id, uint32_t tgid);
	/* A program has begun to run, and the BPF side does not know its interpreter. */
	void (*program_unknown)(void *context, uint32_t process,
				const struct wire_image_begin *record);
	/* The BPF side has resolved a process's interpreter itself. */
	void (*python_found)(void *context, uint32_t process, uint32_t layout);
	/* The budget for counting calls in a process is spent. */
	void (*calls_over)(void *context, uint32_t process);
	/* Calls of a process should have been counted from its first on, but none was. */
	void (*calls_unseen)(void *context, uint32_t process);
	/* Names that objects of the process bear, up to INSPECT_OBJECT_BATCH, owned by the caller;
	 * NULL: none, or none yet. */
	void (*name_objects)(void *context, uint32_t process, const struct inspect_object *objects,
			     size_t count, char **ret_names);
	/* A source file lacks what ran: names in it stay plain. */
	void (*source_changed)(void *context, const char *path);
	/* A sample of a process's books, and the end of its address space. */
	void (*rss_changed)(void *context, uint32_t process, const struct moment_share *share);
	void (*image_ended)(void *context, uint32_t process);
	void (*attached)(void *context, uint32_t tgid);
	void (*process_ended)(void *context, uint32_t tgid);
};

/* Borrows loader and profile. `start_ns` (CLOCK_MONOTONIC) is the profile's time 0. */
struct drain *drain_new(struct loader *loader, struct profile *profile, uint64_t start_ns,
			const struct drain_listener *listener);
void drain_free(struct drain *drain);
/* What splits sites: their lines; objects of these classes, "" for all, NULL for none. Borrowed. */
void drain_set_parts(struct drain *drain, bool has_lines, const char *classes);
/* Who reads sources and command lines, and as which user once a process is gone; NULL: as its own.
 * Borrowed. */
void drain_set_inspector(struct drain *drain, struct inspector *inspector,
			 const struct target_user *caller);
void drain_set_start(struct drain *drain, uint64_t start_ns);

int drain_fd(const struct drain *drain); /* readable when a record is urgent */
/* Handles the records that are there. */
int drain_records(struct drain *drain);
/* Records, then all tables: the profile is as the BPF side was a moment ago. */
int drain_all(struct drain *drain);
/* Running processes have run until now. */
void drain_note_time(struct drain *drain, uint64_t now_ns);
/* For processes still running, after detaching: their last books, threads, and the balance that
 * was sent while the programs were attached. Call once, then no more. */
int drain_finish(struct drain *drain, uint64_t now_ns);

/* Are the last balances of the running images free of differences? An event caught between the
 * kernel's counter and ours shows as one, and is gone the next time. */
bool drain_is_balanced(const struct drain *drain);

/* Is there an image whose end has not been seen? Since 6.16 a process is reported ended before its
 * address space is torn down. */
bool drain_has_images(const struct drain *drain);

/* Looks again for names that objects of running processes may have got. */
void drain_name_objects(struct drain *drain);
/* Memory events and counted calls so far. */
uint64_t drain_events(struct drain *drain);

/* The image of a process entry that is alive, 0: it is not. */
uint32_t drain_image(const struct drain *drain, uint32_t process);
/* The process entry of an image, NO_PROCESS when unknown. */
uint32_t drain_process(const struct drain *drain, uint32_t image_id);

#endif
