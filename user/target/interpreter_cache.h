/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of the files seen in a run, interpreters or not, so that each is inspected once.
 * Entries are only added; an index stays valid and names the same build of one file for the whole
 * run, of which only the change time may become another.
 */
#ifndef MEMPROBE_INTERPRETER_CACHE_H
#define MEMPROBE_INTERPRETER_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "interpreter.h"
#include "probe_plan.h"
#include "process_maps.h"

struct interpreter_cache;

struct interpreter_entry {
	struct file_identity file;
	int64_t changed_ns; /* when it was looked into (file_change.h) */
	int status;	    /* as interpreter_inspect_by returned it */
	enum interpreter_search search;
	uint32_t nr_inspections; /* of this file until now */
	struct probe_plan plan;	 /* with status 0: where calls can be counted */
	char *path;		 /* with status 0: as /proc/self/fd named it, NULL unknown; owned */
	struct interpreter interpreter; /* all zero when status is neither 0 nor -ENOTSUP */
};

struct interpreter_cache *interpreter_cache_new(void);
void interpreter_cache_free(struct interpreter_cache *cache);
void interpreter_cache_freep(struct interpreter_cache **cache);

/* Before the first file: processes of this run may have their JIT on. */
void interpreter_cache_expect_jit(struct interpreter_cache *cache);
bool interpreter_cache_expects_jit(const struct interpreter_cache *cache);

size_t interpreter_cache_count(const struct interpreter_cache *cache);
/* Valid until the next file is inspected. */
const struct interpreter_entry *interpreter_cache_at(const struct interpreter_cache *cache,
						     size_t index);

/* The newest entry of a file, found by its identity alone. -ENOENT: none. */
int interpreter_cache_find(const struct interpreter_cache *cache, struct file_identity file,
			   size_t *ret_index);

/*
 * Looks the open file up and inspects it when it is new, has changed, or is to be searched more
 * thoroughly than before. Returns the entry's status and its index; -errno of fstat, without one,
 * when the file cannot be read at all, and -ESTALE when it changes meanwhile.
 */
int interpreter_cache_inspect(struct interpreter_cache *cache, int fd, struct file_identity file,
			      enum interpreter_search search, size_t *ret_index);

/* Adds what another cache has found, with copies of its texts; one that is known already is itself.
 * Returns its index. */
size_t interpreter_cache_adopt(struct interpreter_cache *cache,
			       const struct interpreter_entry *given);

#endif
