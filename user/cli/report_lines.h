/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of source lines for reports: files that measured processes have named, opened with no
 * more rights than who named them has, or who called.
 */
#ifndef MEMPROBE_REPORT_LINES_H
#define MEMPROBE_REPORT_LINES_H

#include "hash_table.h"
#include "inspect_texts.h"
#include "profile.h"
#include "report.h"

/* Sources of all reports together: many names may lead to one large file. */
#define REPORT_LINES_MAX_BYTES (256ULL << 20)

/* Owns its inspector. */
struct report_lines {
	const struct profile *profile; /* borrowed */
	bool is_captured;	       /* just now; else read from a dump, by whoever reads it */
	bool has_caller;
	struct target_user caller;   /* under sudo all is opened as this user */
	struct inspector *inspector; /* reads the files; begun with the first */
	uint64_t bytes;		     /* of them so far */
	struct hash_table told;	     /* hashes of paths that have changed since */
};

/* Who called is found out here. */
void report_lines_init(struct report_lines *ret, const struct profile *profile, bool is_captured,
		       bool keep_root);
void report_lines_clear(struct report_lines *lines);
/* Borrows `lines`. */
struct report_sources report_lines_sources(struct report_lines *lines);

#endif
