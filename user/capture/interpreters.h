/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the BPF side where the interpreter of an image is: layouts by file, load addresses by
 * image. Finding them is target's work.
 */
#ifndef MEMPROBE_INTERPRETERS_H
#define MEMPROBE_INTERPRETERS_H

#include <sys/types.h>

#include "inspector.h"
#include "interpreter_cache.h"
#include "loader.h"
#include "profile.h"

struct interpreters;

/* Borrows both. */
struct interpreters *interpreters_new(struct loader *loader, struct inspector *inspector);
void interpreters_free(struct interpreters *interpreters);

#define NO_LAYOUT UINT32_MAX

/* Before the next: processes of this run may have their JIT on. */
void interpreters_expect_jit(struct interpreters *interpreters);
/* Before anything runs: inspects what an exec of the command will lead to, or what a process has.
 * Borrows path_variable, the PATH that the command gets. 0: there is an interpreter in it that can
 * be walked, or in a library that it needs; -ENOENT, -ENOTSUP, -E2BIG: none; other -errno: nobody
 * could look. */
int interpreters_foresee(struct interpreters *interpreters, const char *path,
			 const char *path_variable);
/* The same of a program that has begun to run; also -ESRCH: at `path` is another file. */
int interpreters_foresee_program(struct interpreters *interpreters, const char *path,
				 const struct wire_file *program);
void interpreters_foresee_process(struct interpreters *interpreters, pid_t pid);
/* Bits 1 << enum probe_frame: how calls are counted in what was foreseen; all when that is nothing.
 */
uint32_t interpreters_call_frames(const struct interpreters *interpreters);
/* After loading: passes the foreseen on. Returns the layout that is expected, or NO_LAYOUT. */
uint32_t interpreters_register(struct interpreters *interpreters);

struct found_python {
	const char *version; /* "3.11.2", also of one that cannot be walked; NULL: none (yet) */
	const char *reason;  /* why it cannot be walked, or NULL */
	uint32_t layout;     /* NO_LAYOUT when it cannot be walked */
	bool is_denied;	     /* memprobe may not look into the process */
	bool is_closed;	     /* its file may not be read */
	bool is_unanswered;  /* nobody could look */
	bool is_told;	     /* a record of the BPF side tells of it, or of the next image */
};

/* Looks for an image's interpreter and passes it on. Texts live as long as the interpreters. */
struct found_python interpreters_resolve(struct interpreters *interpreters, uint32_t slot,
					 uint32_t image_id, uint32_t tgid);

struct python_frame;

/* The frames that stand in a process, MAX_STANDING at most, owned by the caller, and their layout;
 * -errno where they cannot be read. */
int interpreters_frames(struct interpreters *interpreters, uint32_t tgid, struct python_frame **ret,
			size_t *ret_count, struct wire_layout *ret_layout);
/* Tells the BPF side which frames stand in a process whose calls have begun to be counted. -ENOSPC:
 * it could not be told of all; else as interpreters_frames(). */
int interpreters_note_standing(struct interpreters *interpreters, uint32_t image_id, uint32_t tgid);

/* The file of a layout, which a process maps, opened for probes at what is known of it. -ESTALE: it
 * is another build by now; other -errno as inspect_file(). The caller's. */
int interpreters_open(struct interpreters *interpreters, uint32_t tgid, uint32_t layout);

/* Who looks at processes. */
struct inspector *interpreters_inspector(const struct interpreters *interpreters);

/* The version text and the file of a layout. */
const char *interpreters_version(const struct interpreters *interpreters, uint32_t layout);
const struct interpreter_entry *interpreters_entry(const struct interpreters *interpreters,
						   uint32_t layout);

#endif
