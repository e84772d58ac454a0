/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles built in code, for tests: sizes in MB, every node a millisecond later than the one
 * before.
 */
#ifndef MEMPROBE_PROFILE_BUILDER_H
#define MEMPROBE_PROFILE_BUILDER_H

#include "profile.h"

#define MB (1 << 20)

/* Adds processes and nodes to what it borrows. */
struct profile_builder {
	struct profile *profile;
	uint32_t process; /* the last one added: nodes go there */
};

struct profile_builder builder_new(void); /* the caller frees .profile */

/* python NULL: none. */
uint32_t builder_process(struct profile_builder *builder, uint32_t pid, const char *command,
			 const char *python);
void builder_opening(struct profile_builder *builder, enum begin_reason begin, double anon_mb);

/* A node of Python 3.11 code that grew anonymous memory (gave back, when negative). */
uint32_t builder_python(struct profile_builder *builder, uint32_t parent, const char *file,
			const char *name, double anon_mb);
/* A line of a module's, as with --lines. */
uint32_t builder_module_line(struct profile_builder *builder, uint32_t parent, const char *file,
			     int32_t at, double anon_mb);
/* A function of a library, or of a program, that is no Python; name "": it has none. */
uint32_t builder_c(struct profile_builder *builder, uint32_t parent, const char *library,
		   const char *name, uint64_t offset, double anon_mb);
/* One that is no Python; name for SITE_NATIVE. */
uint32_t builder_special(struct profile_builder *builder, uint32_t parent, enum wire_site_kind kind,
			 const char *name, double anon_mb);
void builder_cost(struct profile_builder *builder, uint32_t node, enum wire_kind kind,
		  int64_t grown, int64_t released);

/* What a node holds in the end and held at the highest moment, in MB; its process has owners then.
 */
void builder_hold(struct profile_builder *builder, uint32_t node, enum wire_kind kind,
		  double live_mb, double peak_mb);

/* What a node has allocated: MB in the end and at the highest moment, blocks in the end and in all;
 * twice of what it had at the highest moment was taken. Its process has allocations then. */
struct builder_allocs {
	double end_mb, peak_mb;
	int64_t blocks, taken_blocks;
};
void builder_allocate(struct profile_builder *builder, uint32_t node,
		      const struct builder_allocs *allocs);

/* How calls are counted in the process, and how often a node was called. */
void builder_count(struct profile_builder *builder, enum calls_method method, bool is_complete,
		   const char *reason);
void builder_calls(struct profile_builder *builder, uint32_t node, uint64_t calls);

/* Books, kernel's counters and peaks that fit the nodes; meta. */
void builder_finish(struct profile_builder *builder);

#endif
