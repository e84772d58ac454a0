/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion for zsh and fish, whole, out of the tables of options; bash's is in help.h. */
#ifndef MEMPROBE_COMPLETION_H
#define MEMPROBE_COMPLETION_H

#include "commands.h"
#include "sink.h"

/* The table's first command is the one without a name. */
void completion_zsh(const struct command *const *table, struct sink *sink);
void completion_fish(const struct command *const *table, struct sink *sink);

#endif
