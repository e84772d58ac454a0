/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who hears what the drain meets in the records and does not do itself. Each part of a capture
 * gives the drain a listener of its own with the events that concern it; all may be NULL.
 */
#ifndef MEMPROBE_DRAIN_LISTENER_H
#define MEMPROBE_DRAIN_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <memprobe/wire.h>
#include <memprobe/wire_unwind.h>

#include "inspect_request.h"

/* What a process has resident at one time after the profile's start; bytes. */
struct rss_sample {
	uint64_t time_ns;
	int64_t rss;	   /* file + anon + shmem */
	int64_t anon;	   /* of it */
	int64_t inherited; /* anonymous, that it may share with others since it began */
};

/* Which names do these objects of a process bear? */
struct object_question {
	uint32_t process;
	size_t count;
	struct inspect_object objects[INSPECT_OBJECT_BATCH];
	char *names[INSPECT_OBJECT_BATCH]; /* the answer, owned by who asks; NULL: none,
					    * INSPECT_LATER: none yet */
	bool is_unanswered;		   /* nobody could look */
};

/* Which functions begin at places of a file's code (wire_site.code)? */
struct function_question {
	uint32_t process; /* that has run one of them */
	uint32_t number;  /* of the file */
	size_t count;
	uint32_t begins[FUNCTION_NAMES_BATCH]; /* offsets in it */
	/* The answer, the listener's; NULL: not known. */
	const char *library;
	const char *names[FUNCTION_NAMES_BATCH];
	uint64_t addresses[FUNCTION_NAMES_BATCH]; /* as the file's symbols have it */
};

struct drain_listener {
	void *context;
	/* A process has begun, runs another program, or was attached to. Its interpreter is to be
	 * asked for: nothing here may take long. */
	void (*image_begun)(void *context, uint32_t process);
	/* It has been asked for. */
	void (*image_asked)(void *context, uint32_t process);
	/* An image whose interpreter is unknown: find it (interpreters.c). */
	void (*unknown_python)(void *context, uint32_t slot, uint32_t image_id, uint32_t tgid);
	/* A program has begun to run, and the BPF side does not know its interpreter. */
	void (*program_unknown)(void *context, uint32_t process,
				const struct wire_image_begin *record);
	/* The BPF side has resolved a process's interpreter itself. */
	void (*python_found)(void *context, uint32_t process, uint32_t layout);
	/* To see the code objects of a process end would make its paths cheaper. */
	void (*watch_wanted)(void *context, uint32_t process, uint32_t layout);
	/* Pools of a process work for one of several threads: to see who wakes whom would tell for
	 * whom. */
	void (*wakes_wanted)(void *context, uint32_t tgid);
	/* Code of a file runs whose rows are to be found. */
	void (*unwind_wanted)(void *context, const struct wire_unwind_knock *knock);
	void (*function_asked)(void *context, struct function_question *question);
	/* The budget for counting calls in a process is spent. */
	void (*calls_over)(void *context, uint32_t process);
	/* Calls of a process should have been counted from its first on, but none was. */
	void (*calls_unseen)(void *context, uint32_t process);
	/* A runtime is about to be taken down: the process is stopped since then (CLOCK_MONOTONIC)
	 * and waits to be let go on. */
	void (*finalizing)(void *context, uint32_t tgid, uint64_t stopped_ns);
	/* Names are wanted. */
	void (*name_objects)(void *context, struct object_question *question);
	/* A source file lacks what ran: names in it stay plain. */
	void (*source_changed)(void *context, const char *path);
	/* A process's memory, once its books are opened, now and then, and at its end. */
	void (*rss_changed)(void *context, uint32_t process, const struct rss_sample *sample);
	void (*image_ended)(void *context, uint32_t process);
	void (*attached)(void *context, uint32_t tgid);
	void (*process_ended)(void *context, uint32_t tgid);
	/* The main thread of a process has ended, others go on: the kernel, which knows the process
	 * of a uprobe by that thread's memory, takes it away at the next occasion. */
	void (*main_ended)(void *context, uint32_t process);
	/* Another thread begins a program in the place of the main one: what was attached is
	 * attached to nobody. */
	void (*probes_lost)(void *context, uint32_t tgid);
};

#define MAX_DRAIN_LISTENERS 12

struct drain_listeners {
	struct drain_listener all[MAX_DRAIN_LISTENERS];
	size_t count;
};

/* Tells those who want to hear of it. */
#define DRAIN_TELL(listeners, event, ...)                                               \
	do {                                                                            \
		for (size_t _i = 0; _i < (listeners)->count; _i++) {                    \
			const struct drain_listener *_listener = &(listeners)->all[_i]; \
                                                                                        \
			if (_listener->event)                                           \
				_listener->event(_listener->context, __VA_ARGS__);      \
		}                                                                       \
	} while (0)

#endif
