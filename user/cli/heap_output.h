/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the readings of `memprobe heap` go, and how they look. Each is written out when it is
 * taken; JSON is one document, whose end comes with heap_output_end.
 */
#ifndef MEMPROBE_HEAP_OUTPUT_H
#define MEMPROBE_HEAP_OUTPUT_H

#include "dump_owner.h"
#include "census_diff.h"
#include "heap_amounts.h"
#include "inspector.h"
#include "json_writer.h"

/* Owns its sink while it is open. */
struct heap_output {
	const char *format; /* one of heap_output_format; set by who opens */
	const char *name;   /* of where it goes, for messages */
	bool is_series;
	char *later; /* the command that the process has become by exec; owned, NULL: the first */
	struct dump_owner owner; /* who called: a file is his, and made with his rights */
	struct sink sink;
	struct json_writer json;
};

/* The formats, NULL behind the last. */
const char *heap_output_format(size_t index);

/* NULL out: standard output. -errno after printing why not. */
int heap_output_open(struct heap_output *output, const char *out, bool force);
void heap_output_begin(struct heap_output *output, pid_t pid, const char *command, bool is_series);
/* The process has become another program by exec, whose readings follow. Takes the command. */
void heap_output_program(struct heap_output *output, pid_t pid, char *command);
/* At this time since the begin. Without a census: nobody asked for one. */
void heap_output_put(struct heap_output *output, uint64_t time_ns, const struct heap_inside *inside,
		     const struct census *census);
/* There are no more of these. */
void heap_output_end_readings(struct heap_output *output);
/* From the first census to the last. */
void heap_output_growth(struct heap_output *output, const struct census_diff *diff);
/* -errno after printing why it could not be written. */
int heap_output_end(struct heap_output *output);
/* Nothing stays in a file. */
void heap_output_abandon(struct heap_output *output);

/* The command line of a process, owned by the caller; "" where it cannot be read. */
char *heap_output_command(struct inspector *inspector, pid_t pid);

#endif
