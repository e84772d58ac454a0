/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dump of a capture: where it goes, whose it is, and when it is flushed. Prints why it cannot.
 */
#ifndef MEMPROBE_OUTPUT_H
#define MEMPROBE_OUTPUT_H

#include "flush_listener.h"
#include "identity.h"
#include "name_pattern.h"
#include "profile.h"

struct output;

struct output_options {
	const char *path; /* with places to fill; NULL: the default name */
	bool force;
	const struct identity *identity;
	struct name_values values;
};

/* 0, or -errno after printing. */
int output_open(const struct output_options *options, struct output **ret);
/* Failing once is printed once; the capture goes on. */
void output_flush(struct output *output, struct profile *profile);
struct flush_listener output_hear_flush(struct output *output);
/* Writes FILE.N, the lowest free N from 1, and says so. False: not written; why is printed. */
bool output_snapshot(const struct output *output, const struct profile *profile);
/* -errno after printing where the dump is then: what cannot be written where it was to be is
 * written to TMPDIR, when that can be. *ret_path is where it can be read, owned by the caller; NULL
 * when it went to a stream, or is not where it was to be. */
int output_close(struct output *output, struct profile *profile, char **ret_path);
/* Leaves the file as it is, INCOMPLETE. */
void output_abandon(struct output *output);
/* Takes away a file in which nothing was captured. */
void output_discard(struct output *output);

#endif
