/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probes in one allocator of one process, and a thread that attaches them: the kernel waits for
 * grace periods meanwhile, up to 24 ms (m). In the loop no record would be read for so long, and a
 * Python that a record tells of ends before its interpreter is found.
 */
#ifndef MEMPROBE_ALLOC_PROBES_H
#define MEMPROBE_ALLOC_PROBES_H

#include "call_probe.h"
#include "closer.h"
#include "inspect_request.h"
#include "loader.h"

struct alloc_probes {
	/* What is asked for. */
	uint32_t tgid;
	uint32_t allocator;		 /* a number of the file's own, from 1 on */
	const struct malloc_file *found; /* borrowed, until the attacher has ended */
	int fd;				 /* of the file, borrowed; -1: it is at found->path */
	int64_t changed_ns;		 /* found's, which may change meanwhile */
	/* What has become of it, once it is done. */
	struct call_probe entries; /* of all functions, or of those without a return */
	struct call_probe returns;
	uint64_t since_ns; /* CLOCK_MONOTONIC, from when on they, or some of them, are hit; 0: none
			    */
	uint64_t took_ns;
	int error;
	/* The attacher's. */
	bool is_done;
	struct alloc_probes *next;
};

struct alloc_attacher;

/* Borrows both. */
struct alloc_attacher *alloc_attacher_new(const struct loader *loader, struct closer *closer);
/* All probes must have been left. */
void alloc_attacher_free(struct alloc_attacher *attacher);

/* Nothing is attached yet. */
struct alloc_probes *alloc_probes_new(uint32_t tgid, const struct malloc_file *found, int fd);

/* At once. */
void alloc_attacher_attach(struct alloc_attacher *attacher, struct alloc_probes *probes);
/* Soon, beside the loop, in the order in which they are asked for. */
void alloc_attacher_queue(struct alloc_attacher *attacher, struct alloc_probes *probes);
/* Before that nothing of what has become of them may be read. */
bool alloc_attacher_is_done(struct alloc_attacher *attacher, const struct alloc_probes *probes);
/* They are detached and freed: now, or when they are done and it is reaped. */
void alloc_attacher_leave(struct alloc_attacher *attacher, struct alloc_probes *probes);
void alloc_attacher_reap(struct alloc_attacher *attacher);

#endif
