/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of our own that opens and reads what targets control, so that nothing of it can hold,
 * fill or lead the one that runs as root, has the BPF programs and must answer signals. It is
 * expendable: one that does not answer in time is killed and another begins; who asked goes on
 * without the answer. It may be in uninterruptible sleep then, in a page that a target's server
 * never fills, so it is never waited for.
 *
 * Nothing that it answers is believed before it was checked, see inspect_python.h and others.
 */
#ifndef MEMPROBE_INSPECTOR_H
#define MEMPROBE_INSPECTOR_H

#include <stdbool.h>

#include "inspect_service.h"

struct inspector;

/* What it tells of itself; may be NULL. */
struct inspector_listener {
	void *context;
	/* Asking for this kind has failed too often: from now on it is not done. */
	void (*gave_up)(void *context, const char *what);
	/* Is somebody waiting for us to end? Asked before each question, and meanwhile whenever
	 * `fd` is readable, which it empties. Then no answer is waited for longer than 2 s (but a
	 * census, which the user has asked for), and
	 * those that do not come cost little more than a second in all. */
	bool (*is_urgent)(void *context);
	int fd; /* without is_urgent: none */
};

/* Begins the process at once. Borrows the service. */
struct inspector *inspector_new(const struct inspect_service *service);
/* Ends it, and waits for that no longer than 200 ms. */
void inspector_free(struct inspector *inspector);
void inspector_freep(struct inspector **inspector);
void inspector_listen(struct inspector *inspector, const struct inspector_listener *listener);

/* An answer. Owns its bytes and its descriptor. */
struct inspect_answer {
	uint8_t *bytes;
	size_t size;
	int fd; /* -1: none */
};

void inspect_answer_clear(struct inspect_answer *answer);

/*
 * 0 or what the handler said; without an answer -ETIME, or -EPIPE when the process ended over it;
 * -EDQUOT when this kind has been given up, or there is no time. *ret is filled in whatever the
 * status, and to be cleared.
 */
int inspector_ask(struct inspector *inspector, uint32_t kind, const void *request, size_t size,
		  struct inspect_answer *ret);

/* How long an answer of this kind may be computed at present: less while somebody waits for us to
 * end. */
uint64_t inspector_patience_ns(const struct inspector *inspector, uint32_t kind);

/* Is this a status that says nothing of what was asked for: no answer, or none to believe? */
bool inspector_is_unanswered(int status);
/* That, or nobody is allowed to look (process_memory_open). */
bool inspector_is_blind(int status);

/* Of the process that answers now, 0: none. For tests. */
pid_t inspector_pid(const struct inspector *inspector);

#endif
