/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program attached at the sites of a probe_plan in one process. One BPF_TRACE_UPROBE_MULTI link
 * holds all of them where the kernel has it (6.6), made by plain bpf(2) because libbpf 1.1 does not
 * know it; elsewhere there is a perf uprobe for each. Both carry the offset of a site's semaphore,
 * which the kernel raises and lowers in the target.
 */
#ifndef MEMPROBE_CALL_PROBE_H
#define MEMPROBE_CALL_PROBE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "probe_plan.h"

struct call_probe {
	int multi; /* fd of the link, -1 */
	struct bpf_link *links[MAX_PROBE_SITES];
	size_t nr_links;
};

/* Where a probe goes: process tgid, whose interpreter's file is opened at `path`. */
struct call_place {
	uint32_t tgid;
	const char *path;
	const struct probe_plan *plan;
	int64_t changed_ns; /* the file's, as of which the plan is true (file_change.h) */
};

/* 0; -ESTALE: the file has changed; other -errno; takes 5 to 24 ms. The program must have been
 * loaded for multi links when has_multi. */
int call_probe_attach(struct call_probe *probe, struct bpf_program *program, bool has_multi,
		      const struct call_place *place);
/* The same with a program that libbpf does not know, whatever has become of the file. The probe
 * must be empty: {.multi = -1}. */
int call_probe_attach_multi(struct call_probe *probe, int program, const struct call_place *place);
/* call_probe_attach() at the end of code objects, where the plan knows that. */
int call_probe_attach_code_death(struct call_probe *probe, struct bpf_program *program,
				 bool has_multi, const struct call_place *place);

#define MAX_FILE_PLACES 2

/* Places in a file of a process. */
struct call_file {
	uint32_t tgid;
	int fd;				   /* borrowed */
	uint64_t offsets[MAX_FILE_PLACES]; /* 0: none */
	int64_t changed_ns;		   /* as above */
};

int call_probe_attach_file(struct call_probe *probe, struct bpf_program *program, bool has_multi,
			   const struct call_file *where);

/* Places with a number each, which the program gets at a hit. */
struct cookie_sites {
	const uint64_t *offsets, *cookies;
	uint32_t count;
	int64_t changed_ns; /* as above */
	bool is_return;	    /* where they return, instead of the instructions there */
	bool is_session;    /* both, by a program that was loaded for that */
};

/* Only where there are multi links: one, in a process that maps the file at `path`. */
int call_probe_attach_cookies(struct call_probe *probe, int program, uint32_t tgid,
			      const char *path, const struct cookie_sites *sites);
/* Why one could not be attached, for people. */
const char *call_probe_error(int error);
bool call_probe_is_empty(const struct call_probe *probe);
/* Takes 32 ms with a multi link, 90 to 130 ms for each perf uprobe. */
void call_probe_detach(struct call_probe *probe);

#endif
