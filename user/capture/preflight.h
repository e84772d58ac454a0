/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be refused before anything is begun; prints why. */
#ifndef MEMPROBE_PREFLIGHT_H
#define MEMPROBE_PREFLIGHT_H

#include "command.h"
#include "identity.h"
#include "inspector.h"
#include "target_user.h"

/* Both return 0, or the exit status after printing. */

/* May memprobe load programs here, and does it see all processes? */
int preflight_place(void);

/* Whose command it is; borrowed. */
struct preflight_caller {
	const struct identity *identity;
	const struct target_user *user;
	struct inspector *inspector;
};

/* Finds the command of this name. */
int preflight_command(const struct preflight_caller *caller, const char *name, struct command *ret);

#endif
