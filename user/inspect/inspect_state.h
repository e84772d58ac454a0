/* SPDX-License-Identifier: BSD-2-Clause */
/* What an inspecting process remembers from one question to the next. */
#ifndef MEMPROBE_INSPECT_STATE_H
#define MEMPROBE_INSPECT_STATE_H

#include "hash_table.h"
#include "inspect_request.h"
#include "interpreter_cache.h"
#include "process_memory.h"
#include "python_reader.h"
#include "source_names.h"

#define KNOWN_PROCESSES 32

struct known_process {
	struct process_memory memory; /* pid 0: unused */
	uint64_t layout;	      /* hash of the reader's */
	struct python_reader reader;
};

/* The definitions of one file; many paths may lead to it. */
struct parsed_source {
	uint64_t dev, ino, size, changed_ns;
	uint32_t version;
	struct source_names *names; /* NULL: it cannot be parsed */
};

struct inspect_state {
	struct interpreter_cache *cache;
	struct malloc_places malloc_places;
	struct known_process processes[KNOWN_PROCESSES];
	size_t next_process;
	struct parsed_source *sources;
	size_t nr_sources, sources_capacity;
	struct hash_table source_ids; /* a process's path to index, or to why there is none */
	struct hash_table parsed_ids; /* a file's identity and version to index */
	uint64_t kept_bytes;	      /* of the sources that are kept */
	uint64_t parsed_bytes;	      /* of all that were */
};

void *inspect_state_new(void);

#endif
