/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which Python runs in which process: looked for when the BPF side does not know it, said in the
 * process's entry, and passed on to those who need it. How it is found is interpreters.c's.
 */
#ifndef MEMPROBE_PYTHONS_H
#define MEMPROBE_PYTHONS_H

#include "capture_base.h"
#include "code_watch.h"
#include "command.h"
#include "counting.h"
#include "finalizing.h"
#include "flush_listener.h"
#include "submitters.h"

struct pythons;

/* Before anything is loaded: what the command's exec will lead to (path NULL: there is none), and
 * what these processes have. */
void pythons_foresee(struct interpreters *interpreters, const struct command *command,
		     const pid_t *pids, size_t nr_pids);
/* Of a command without a Python: the first of its words that leads to one, as behind env, nice or
 * timeout, or that has words which do, as behind sh -c. Only its file becomes known: whether it
 * runs, and in which process, is yet to be seen.
 */
void pythons_foresee_words(struct interpreters *interpreters, const struct command *command,
			   char *const words[]);

/* Who is told of each interpreter. Borrowed. */
struct python_listeners {
	struct counting *counting;
	struct code_watch *code_watch;
	struct finalizing *finalizing;
	struct submitters *submitters;
};

/* Borrows all. `label_attributes`: names parted by commas. */
struct pythons *pythons_new(const struct capture_base *base,
			    const struct python_listeners *listeners, const char *label_attributes);
void pythons_free(struct pythons *pythons); /* accepts NULL */

/* From now on, or no longer, processes are attached to: of one without Python a note is due. */
void pythons_set_adopting(struct pythons *pythons, bool is_adopting);

/* Readable when pythons_plan_late() is to be called; -1: never. */
int pythons_fd(const struct pythons *pythons);
/* Attaches to a process that was forked a while ago. */
void pythons_plan_late(struct pythons *pythons);

/* What it hears of the drain, and of flushes. */
struct drain_listener pythons_hear_drain(struct pythons *pythons);
struct flush_listener pythons_hear_flush(struct pythons *pythons);

#endif
