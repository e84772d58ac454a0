/* SPDX-License-Identifier: BSD-2-Clause */
/* For zsh: one call of _arguments a command (zshcompsys(1), UTILITY FUNCTIONS). */
#include <string.h>

#include "completion.h"
#include "help.h"
#include "memory.h"

/* Within single quotes; `[`, `]` and `:` part a spec of _arguments. */
static void write_text(struct sink *sink, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			sink_text(sink, "'\\'");
		else if (strchr("[]:\\", *text))
			sink_text(sink, "\\");
		sink_bytes(sink, text, 1);
	}
}

/* What completes the value. */
static void write_value(const struct option_spec *spec, struct sink *sink)
{
	_cleanup_(freep) char *choices = NULL;

	sink_text(sink, ":");
	write_text(sink, spec->argument);
	sink_text(sink, ":");
	if (spec->choices)
		choices = options_join_choices(spec->choices, " ");
	if (spec->kind == OPTION_CHOICES)
		sink_printf(sink, "_values -s , %s %s", spec->name, choices);
	else if (choices)
		sink_printf(sink, "(%s)", choices);
	else if (!strcmp(spec->argument, "FILE"))
		sink_text(sink, "_files");
	else if (spec->kind == OPTION_PIDS)
		sink_text(sink, "_pids");
	else
		sink_text(sink, " ");
}

static void write_spec(const struct option_spec *spec, struct sink *sink)
{
	_cleanup_(freep) char *help = help_of_option(spec);
	bool takes_value = spec->argument && !options_is_optional(spec);

	sink_text(sink, " \\\n\t\t'");
	if (spec->kind == OPTION_COUNT || spec->kind == OPTION_PIDS)
		sink_text(sink, "*");
	if (spec->letter) {
		sink_printf(sink, "'{-%c%s,--%s%s}'", spec->letter, takes_value ? "+" : "",
			    spec->name, takes_value ? "=" : "");
	} else {
		sink_printf(sink, "--%s%s", spec->name,
			    takes_value	     ? "="
			    : spec->argument ? "=-"
					     : "");
	}
	sink_text(sink, "[");
	write_text(sink, help);
	sink_text(sink, "]");
	if (spec->argument && !takes_value)
		sink_text(sink, ":");
	if (spec->argument)
		write_value(spec, sink);
	sink_text(sink, "'");
}

static void write_command(const struct command *command, struct sink *sink)
{
	sink_text(sink, "\t_arguments -s -S");
	for (size_t i = 0; i < command->syntax.nr_groups; i++) {
		const struct option_group *group = &command->syntax.groups[i];

		for (size_t k = 0; k < group->nr_specs; k++) {
			if (group->specs[k].help)
				write_spec(&group->specs[k], sink);
		}
	}
	if (command->name)
		sink_text(sink, " \\\n\t\t'*:file:_files'\n");
	else
		sink_text(sink, " \\\n\t\t'(-)1:command:_memprobe_first' '*::arguments:_normal'\n");
}

static void write_commands(const struct command *const *table, struct sink *sink)
{
	sink_text(sink, "_memprobe_first() {\n\tlocal -a commands=(");
	for (size_t i = 1; table[i]; i++) {
		sink_printf(sink, "'%s:", table[i]->name);
		write_text(sink, table[i]->summary);
		sink_text(sink, table[i + 1] ? "' " : "'");
	}
	sink_text(sink, ")\n\t_describe -t commands command commands\n\t_command_names -e\n}\n\n");
}

void completion_zsh(const struct command *const *table, struct sink *sink)
{
	sink_text(sink, "#compdef memprobe\n\n");
	write_commands(table, sink);
	sink_text(sink, "_memprobe() {\n\tlocal curcontext=$curcontext\n\tcase ${words[2]} in\n");
	for (size_t i = 1; table[i]; i++) {
		sink_printf(sink, "\t%s)\n\tshift words; (( CURRENT-- ))\n", table[i]->name);
		write_command(table[i], sink);
		sink_text(sink, "\t;;\n");
	}
	sink_text(sink, "\t*)\n");
	write_command(table[0], sink);
	sink_text(sink, "\t;;\n\tesac\n}\n\n"
			"[[ $funcstack[1] = _memprobe ]] && _memprobe \"$@\" || compdef _memprobe "
			"memprobe\n");
}
