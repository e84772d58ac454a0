/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts made from the tables of options: --help, and what completion.bash needs of them. */
#ifndef MEMPROBE_HELP_H
#define MEMPROBE_HELP_H

#include "commands.h"
#include "sink.h"

/* The capture's names the other commands of the table too, and fits a screen. */
void help_write(const struct command *const *table, const struct command *command,
		struct sink *sink);
/* The help of an option, with its choices where they belong; the caller frees it. */
char *help_of_option(const struct option_spec *spec);
/* What completion.bash needs. */
void help_write_completion(const struct command *const *table, struct sink *sink);

#endif
