/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves what the BPF side has gathered into the profile: ring buffer records as they come, the
 * tables of nodes and images at every flush, and what has ended out of the tables.
 */
#ifndef MEMPROBE_DRAIN_H
#define MEMPROBE_DRAIN_H

#include "drain_listener.h"
#include "inspect_texts.h"
#include "loader.h"
#include "profile.h"

struct drain;

/* Borrows loader and profile. `start_ns` (CLOCK_MONOTONIC) is the profile's time 0. */
struct drain *drain_new(struct loader *loader, struct profile *profile, uint64_t start_ns);
void drain_free(struct drain *drain);
/* MAX_DRAIN_LISTENERS at most. */
void drain_listen(struct drain *drain, const struct drain_listener *listener);
/* What splits sites: their lines; objects of these classes, "" for all, NULL for none. Borrowed. */
void drain_set_parts(struct drain *drain, bool has_lines, const char *classes);
/* Who reads sources and command lines, and as which user once a process is gone; NULL: as its own.
 * Borrowed. */
void drain_set_inspector(struct drain *drain, struct inspector *inspector,
			 const struct target_user *caller);
void drain_set_start(struct drain *drain, uint64_t start_ns);

/* The profile's time of one of CLOCK_MONOTONIC. */
uint64_t drain_time(const struct drain *drain, uint64_t clock_ns);

int drain_fd(const struct drain *drain); /* readable when a record is urgent */
/* Handles the records that are there. */
int drain_records(struct drain *drain);
/* The same without looking for names of functions that are no Python; */
int drain_take_records(struct drain *drain);
/* for some of these. False: none waits. */
bool drain_name_functions(struct drain *drain);
/* Records, then all tables: the profile is as the BPF side was a moment ago. */
int drain_all(struct drain *drain);
/* Right behind it, for what is to add up while processes run: reads again, a few times at most, as
 * long as their pages come or go meanwhile. */
int drain_until_still(struct drain *drain);
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

/* The string by which a file that a process's code object calls so goes in the profile. */
uint32_t drain_file(struct drain *drain, uint32_t process, uint16_t version, uint32_t file);
/* The image of a process entry that is alive, 0: it is not. */
uint32_t drain_image(const struct drain *drain, uint32_t process);
/* The process entry of an image, NO_PROCESS when unknown. */
uint32_t drain_process(const struct drain *drain, uint32_t image_id);

#endif
