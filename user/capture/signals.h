/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals to memprobe: what they mean for the capture, and which of them its command gets too.
 * They are only noted here, so that they can be taken in the middle of other work.
 */
#ifndef MEMPROBE_SIGNALS_H
#define MEMPROBE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"

#define SIGINTS_NOTED 3

struct signals {
	int fd;			 /* readable when there are any */
	struct command *command; /* borrowed */
	bool is_over;		 /* the capture is to end */
	bool is_hasty;		 /* at once, without a report */
	bool has_command_ended;	 /* since it was last looked at; who looks takes it back */
	bool wants_snapshot;	 /* the same */
	uint64_t asked_ns;	 /* when somebody last asked for an end, ours or the command's */
	uint64_t sigint_ns[SIGINTS_NOTED];
	int nr_sigterms;
};

/* Nothing can be written yet: who asks for a snapshot has one when they are open. The others end us
 * as they would any program. */
void signals_hold(void);
/* Blocks them. 0 or -errno. */
int signals_open(struct signals *ret, struct command *command);
void signals_close(struct signals *signals);
/* Notes those that have come, and passes on what is the command's. */
void signals_take(struct signals *signals);
/* Is an end due soon? Takes those that have come. */
bool signals_are_urgent(struct signals *signals);
/* The one for which everything is left at once. */
int signals_last(const struct signals *signals);

#endif
