/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subcommands: one file and one const struct each. The table of all of them is main's.
 */
#ifndef MEMPROBE_COMMANDS_H
#define MEMPROBE_COMMANDS_H

#include <signal.h>

#include "options.h"

#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
/* As a shell shows that the reader had seen enough, of git as of cat. */
#define EXIT_PIPE (128 + SIGPIPE)

struct command {
	const char *name;  /* NULL: what runs when no other is named */
	const char *usage; /* lines, what follows the name */
	const char *summary;
	const char *examples; /* lines; NULL: none */
	struct option_syntax syntax;
	size_t options_size; /* of the struct that options are read into */
	void (*set_defaults)(void *options);
	void (*release)(void *options); /* frees what the options own */
	/* `argv` are the words that were parsed. Returns the exit status. */
	int (*run)(void *options, const struct option_words *words, char **argv);
};

extern const struct command command_record, command_post, command_heap, command_diff, command_merge,
	command_check;

/* Finds the command that argv asks for, reads its options, runs it. Returns the exit status. The
 * table's first command is the one without a name. */
int commands_run(const struct command *const *table, char **argv);

#endif
