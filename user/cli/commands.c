/* SPDX-License-Identifier: BSD-2-Clause */
/* From argv to a command with its options; see commands.h. */
#include "commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "completion.h"
#include "help.h"
#include "log.h"
#include "memory.h"
#include "report_run.h"

static int act(const struct command *const *table, const struct command *command,
	       enum option_action action)
{
	struct sink sink;
	int error;

	sink_attach(&sink, STDOUT_FILENO);
	if (action == OPTIONS_HELP)
		help_write(table, command, &sink);
	else if (action == OPTIONS_VERSION)
		sink_text(&sink, "memprobe " MEMPROBE_VERSION "\n");
	else if (action == OPTIONS_COMPLETION_ZSH)
		completion_zsh(table, &sink);
	else if (action == OPTIONS_COMPLETION_FISH)
		completion_fish(table, &sink);
	else
		help_write_completion(table, &sink);
	error = sink_close(&sink);
	if (!error)
		return EXIT_DONE;
	report_run_refuse_output("standard output", error);
	return EXIT_FAILED;
}

static int run(const struct command *const *table, const struct command *command, char **argv)
{
	_cleanup_(freep) void *options = xcalloc(1, command->options_size);
	struct option_words words = { 0 };
	enum option_action action;
	int status = EXIT_USAGE;

	command->set_defaults(options);
	if (!options_parse(&command->syntax, argv, options, &action, &words)) {
		if (action == OPTIONS_RUN)
			status = command->run(options, &words, argv);
		else
			status = act(table, command, action);
	}
	free(words.operands);
	command->release(options);
	return status;
}

int commands_run(const struct command *const *table, char **argv)
{
	const char *word = argv[0] && argv[1] ? argv[1] : "";

	for (size_t i = 1; table[i]; i++) {
		if (!strcmp(table[i]->name, word))
			return run(table, table[i], argv + 2);
	}
	return run(table, table[0], argv[0] ? argv + 1 : argv);
}
