/* SPDX-License-Identifier: BSD-2-Clause */
/* For fish: a line an option, of the command that the words so far say (complete(1) of fish). */
#include <string.h>

#include "completion.h"
#include "help.h"
#include "memory.h"

static void write_quoted(struct sink *sink, const char *text)
{
	sink_text(sink, "'");
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			sink_text(sink, "\\");
		sink_bytes(sink, text, 1);
	}
	sink_text(sink, "'");
}

/* Is it this command's turn? Its name must be the very first word. */
static void write_condition(const struct command *command, struct sink *sink)
{
	sink_printf(sink, "complete -c memprobe -n '_memprobe_is %s'",
		    command->name ? command->name : "");
}

static void write_spec(const struct command *command, const struct option_spec *spec,
		       struct sink *sink)
{
	_cleanup_(freep) char *help = help_of_option(spec), *choices = NULL;

	write_condition(command, sink);
	sink_printf(sink, " -l %s", spec->name);
	if (spec->letter)
		sink_printf(sink, " -s %c", spec->letter);
	if (spec->choices)
		choices = options_join_choices(spec->choices, " ");
	if (choices && spec->kind == OPTION_CHOICES)
		sink_printf(sink, " -x -a '(__fish_append , %s)'", choices);
	else if (choices)
		sink_printf(sink, " -x -a '%s'", choices);
	else if (spec->kind == OPTION_PIDS)
		sink_text(sink, " -x -a '(__fish_complete_pids)'");
	else if (spec->argument && !options_is_optional(spec))
		sink_text(sink, strcmp(spec->argument, "FILE") ? " -x" : " -r -F");
	sink_text(sink, " -d ");
	write_quoted(sink, help);
	sink_text(sink, "\n");
}

static void write_command(const struct command *command, struct sink *sink)
{
	for (size_t i = 0; i < command->syntax.nr_groups; i++) {
		const struct option_group *group = &command->syntax.groups[i];

		for (size_t k = 0; k < group->nr_specs; k++) {
			if (group->specs[k].help)
				write_spec(command, &group->specs[k], sink);
		}
	}
}

/* A program's own words behind it are completed as fish does it for that program. */
static void write_functions(const struct command *const *table, struct sink *sink)
{
	sink_text(sink, "function _memprobe_is\n"
			"\tset -l words (commandline -opc)\n"
			"\tset -l first $words[2]\n"
			"\tcontains -- \"$first\"");
	for (size_t i = 1; table[i]; i++)
		sink_printf(sink, " %s", table[i]->name);
	sink_text(sink, "; or set first ''\n"
			"\ttest \"$first\" = \"$argv[1]\"\n"
			"end\n\n"
			"complete -c memprobe -n '_memprobe_is' "
			"-a '(__fish_complete_subcommand --fcs-skip=1)'\n");
}

void completion_fish(const struct command *const *table, struct sink *sink)
{
	sink_text(sink, "# fish completion for memprobe\n\n");
	write_functions(table, sink);
	for (size_t i = 1; table[i]; i++) {
		sink_printf(sink,
			    "complete -c memprobe -n 'test (count (commandline -opc)) -eq 1' "
			    "-a %s -d ",
			    table[i]->name);
		write_quoted(sink, table[i]->summary);
		sink_text(sink, "\n");
	}
	for (size_t i = 0; table[i]; i++)
		write_command(table[i], sink);
}
