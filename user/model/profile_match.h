/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes and functions of two profiles are the same; see profile_merge.h. Strings of the
 * other are told by their numbers in the first one's pool.
 */
#ifndef MEMPROBE_PROFILE_MATCH_H
#define MEMPROBE_PROFILE_MATCH_H

#include "profile_merge.h"

/* By process of `other`: that of `profile`, or NO_PROCESS; none of `profile` twice. The caller
 * frees it. */
uint32_t *profile_match_processes(const struct profile *profile, const struct profile *other,
				  const uint32_t *strings, enum merge_sign sign);

/*
 * By string of `other`, where a function's file or library has that name: the string of the same
 * module's file in `profile`. Files of one path are the same, then those at one place below
 * site-packages or the standard library's folder, whatever the interpreter's version; then a
 * program's own by their names, then what was run. What more than one file could be is none. The
 * caller frees it.
 */
uint32_t *profile_match_files(const struct profile *profile, const struct profile *other,
			      const uint32_t *strings);

/*
 * Functions of two versions of a program: `sites` are those of `other`, and have the files, lines,
 * executed lines and, of C, offsets of the same functions in `profile` then. Files are those of
 * profile_match_files(). In a file where a function that has its name alone is at another line,
 * functions that share a name are matched in their order, if there are as many; else their lines
 * say which is which. So do the offsets of functions of C, and of those without a name always.
 */
void profile_match_functions(const struct profile *profile, const struct profile *other,
			     const uint32_t *strings, struct site *sites);

#endif
