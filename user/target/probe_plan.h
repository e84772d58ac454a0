/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where calls can be counted in one interpreter file, and what a hit there means. Attaching is
 * capture's work. The choice per version and why: docs/design.md.
 */
#ifndef MEMPROBE_PROBE_PLAN_H
#define MEMPROBE_PROBE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "interpreter.h"

enum probe_method { PROBE_BY_USDT, PROBE_BY_UPROBE };

enum probe_event {
	PROBE_ENTRIES, /* a function starts or a generator is resumed */
	PROBE_RETURNS, /* a function returns or yields: as many as entries, later */
	PROBE_DEATHS,  /* a frame ends: resumes are not seen */
};

/* Where the frame that the hit is about is found. */
enum probe_frame {
	PROBE_FRAME_LEAF, /* the thread's current frame */
	PROBE_FRAME_ARG1, /* first argument: 3.6 to 3.8 */
	PROBE_FRAME_ARG2, /* second argument, the first is the thread state: 3.9 and later */
};

#define MAX_PROBE_SITES 32

struct probe_site {
	/* In the file, of an instruction that the kernel emulates or, on arm64, steps. */
	uint64_t offset;
	uint64_t semaphore; /* file offset of the probe's u16 semaphore, 0: none */
};

struct probe_plan {
	enum probe_method method;
	enum probe_event event;
	enum probe_frame frame;
	struct probe_site sites[MAX_PROBE_SITES];
	size_t nr_sites;
	uint64_t code_death; /* file offset of the start of code_dealloc(code), 0: not known */
	char what[96]; /* for people: "USDT python:function__entry (10 tests of its semaphore)",
			  "uprobe _PyEval_FrameClearAndPop+4" */
	const char *reason; /* static text: why there is none; NULL with one */
};

/*
 * 0; -ENOENT: nothing here can be probed, ret->reason says why; other -errno. Borrows fd. With the
 * JIT on the plan also holds for processes without it.
 */
int probe_plan_find(int fd, const struct interpreter *interpreter, bool is_jit_on,
		    struct probe_plan *ret);
/* The same of a file that is open, for whatever machine it is. */
int probe_plan_find_in(struct elf_file *file, const struct interpreter *interpreter, bool is_jit_on,
		       struct probe_plan *ret);

#endif
