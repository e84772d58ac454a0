/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads as roots of paths, where a capture was asked for that (--threads). */
#ifndef MEMPROBE_PROFILE_ROOTS_H
#define MEMPROBE_PROFILE_ROOTS_H

#include "profile.h"

/* What Python calls the first thread of a process. */
#define MAIN_THREAD "MainThread"
/* What the row is called of those that have none. */
#define OTHER_THREADS "other threads"

/* Gives threads the names that the program gave them: those of the objects on which
 * Thread._bootstrap runs below them. Until then they are called as the kernel calls them. */
void profile_name_roots(struct profile *profile);

/* Is a root one of these threads, of a process? Names and numbers, parted by commas; a comma in a
 * name has a backslash before it, and so may a backslash. What the first thread did before and
 * after Python is its, too. */
bool profile_is_root_of(const struct profile *profile, const struct site *site, uint32_t pid,
			const char *threads);

/* Has any process such a root? */
bool profile_has_root_of(const struct profile *profile, const char *threads);

/* Which of the threads of one name in one process a root is. Of two profiles the first of a name
 * is the same as the first, and so on, whatever their numbers. */
struct root_matches {
	struct hash_table counts; /* of roots of one name met, by process of the origin and name */
	struct hash_table sites;  /* by process, name and which */
};

/* Zeroed is empty. Meets the roots of a profile that others are added to. */
void root_matches_begin(struct root_matches *matches, const struct profile *profile);
/* The site in `profile` of a root that is of the process `origin` of another one. */
uint32_t root_matches_find(struct root_matches *matches, const struct profile *profile,
			   uint32_t process, uint32_t origin, uint32_t site);
void root_matches_free(struct root_matches *matches);

#endif
