/* SPDX-License-Identifier: BSD-2-Clause */
/* --help and completion; see help.h. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "text_columns.h"

#define HELP_COLUMN 28
#define SCREEN_COLUMNS 80
#define CHOICES_PLACE "{}"

/* ---- Help ---- */

static void write_usage(const struct command *command, const char *lead, struct sink *sink)
{
	const char *line = command->usage;

	while (*line) {
		int length = strcspn(line, "\n");

		sink_printf(sink, "%s memprobe %s%s%.*s\n", lead,
			    command->name ? command->name : "", command->name ? " " : "", length,
			    line);
		line += length + (line[length] == '\n');
		lead = "      ";
	}
}

char *help_of_option(const struct option_spec *spec)
{
	const char *place = spec->choices ? strstr(spec->help, CHOICES_PLACE) : NULL;
	_cleanup_(freep) char *choices = NULL;

	if (!place)
		return xstrdup(spec->help);
	choices = options_join_choices(spec->choices, ", ");
	return xasprintf("%.*s%s%s", (int)(place - spec->help), spec->help, choices,
			 place + strlen(CHOICES_PLACE));
}

/* What goes on below stands where it began. */
static void write_wrapped(const char *text, size_t column, struct sink *sink)
{
	struct text_wrap wrap = text_wrap_begin(text, strlen(text), SCREEN_COLUMNS - column);
	const char *part;
	size_t size, indent;

	for (bool is_first = true; text_wrap_next(&wrap, &part, &size, &indent); is_first = false) {
		sink_fill(sink, ' ', is_first ? 0 : column);
		sink_bytes(sink, part, size);
		sink_text(sink, "\n");
	}
}

static void write_spec(const struct option_spec *spec, struct sink *sink)
{
	_cleanup_(freep) char *help = help_of_option(spec);
	char text[80], letter[8] = "    ";
	int width;

	if (spec->letter)
		snprintf(letter, sizeof(letter), "-%c, ", spec->letter);
	width = snprintf(text, sizeof(text), "  %s--%s%s%s", letter, spec->name,
			 spec->argument ? "=" : "", spec->argument ? spec->argument : "");
	if (width >= HELP_COLUMN)
		sink_printf(sink, "%s\n%*s", text, HELP_COLUMN, "");
	else
		sink_printf(sink, "%-*s", HELP_COLUMN, text);
	write_wrapped(help, HELP_COLUMN, sink);
}

static void write_group(const struct option_group *group, struct sink *sink)
{
	sink_printf(sink, "\n%s:\n", group->title);
	for (size_t i = 0; i < group->nr_specs; i++) {
		if (group->specs[i].help)
			write_spec(&group->specs[i], sink);
	}
}

static void write_lines(const char *text, struct sink *sink)
{
	while (*text) {
		_cleanup_(freep) char *line = xstrndup(text, strcspn(text, "\n"));

		write_wrapped(line, 0, sink);
		text += strlen(line);
		text += *text == '\n';
	}
}

/* The names alone: another command's help explains them, and the capture's fits a screen. */
static void write_group_names(const struct option_group *group, struct sink *sink)
{
	_cleanup_(freep) char *names = xstrdup("");

	for (size_t i = 0; i < group->nr_specs; i++) {
		char *more;

		if (!group->specs[i].help)
			continue;
		more = xasprintf("%s %s--%s", names, *names ? "" : " ", group->specs[i].name);
		free(names);
		names = more;
	}
	sink_printf(sink, "\n%s (%s says more):\n  ", group->title, group->help);
	write_wrapped(names + strspn(names, " "), 2, sink);
}

static void write_examples(const char *line, struct sink *sink)
{
	sink_text(sink, "examples:\n");
	for (; *line; line = strchr(line, '\n') + 1)
		sink_printf(sink, "  %.*s\n", (int)strcspn(line, "\n"), line);
	sink_text(sink, "\n");
}

/* The capture's fits a screen: of the others it has the names only. */
static void write_others(const struct command *const *table, struct sink *sink)
{
	sink_text(sink, "       memprobe ");
	for (const char *mark = ""; *table; table++) {
		if (!(*table)->name)
			continue;
		sink_printf(sink, "%s%s", mark, (*table)->name);
		mark = "|";
	}
	sink_text(sink, " ... (each with --help)\n");
}

void help_write(const struct command *const *table, const struct command *command,
		struct sink *sink)
{
	bool is_capture = !command->name;

	if (command->examples)
		write_examples(command->examples, sink);
	write_usage(command, "usage:", sink);
	if (is_capture)
		write_others(table, sink);
	sink_text(sink, "\n");
	write_lines(command->summary, sink);
	for (size_t i = 0; i < command->syntax.nr_groups; i++) {
		const struct option_group *group = &command->syntax.groups[i];

		if (group->help)
			write_group_names(group, sink);
		else
			write_group(group, sink);
	}
}

/* ---- Completion ---- */

static void write_names(const struct command *command, struct sink *sink)
{
	for (size_t i = 0; i < command->syntax.nr_groups; i++) {
		const struct option_group *group = &command->syntax.groups[i];

		for (size_t k = 0; k < group->nr_specs; k++) {
			const struct option_spec *spec = &group->specs[k];

			if (!spec->help)
				continue;
			sink_printf(sink, " --%s%s", spec->name, spec->argument ? "=" : "");
			if (spec->letter)
				sink_printf(sink, " -%c", spec->letter);
		}
	}
}

static const char *name_of(const struct command *command)
{
	return command->name ? command->name : "capture";
}

static void write_choices(const struct command *command, struct sink *sink)
{
	for (size_t i = 0; i < command->syntax.nr_groups; i++) {
		const struct option_group *group = &command->syntax.groups[i];

		for (size_t k = 0; k < group->nr_specs; k++) {
			const struct option_spec *spec = &group->specs[k];
			_cleanup_(freep) char *choices = NULL;

			if (!spec->choices)
				continue;
			choices = options_join_choices(spec->choices, " ");
			sink_printf(sink, "_memprobe_choices['%s --%s']='%s'\n", name_of(command),
				    spec->name, choices);
		}
	}
}

/* Letters of the capture that take the next word as their value. */
static void write_letters(const struct command *command, struct sink *sink)
{
	for (size_t i = 0; i < command->syntax.nr_groups; i++) {
		const struct option_group *group = &command->syntax.groups[i];

		for (size_t k = 0; k < group->nr_specs; k++) {
			if (group->specs[k].letter && group->specs[k].argument)
				sink_fill(sink, group->specs[k].letter, 1);
		}
	}
}

void help_write_completion(const struct command *const *table, struct sink *sink)
{
	sink_text(sink, "# bash completion for memprobe: the options\n");
	sink_text(sink,
		  "declare -gA _memprobe_options=() _memprobe_choices=()\n_memprobe_commands='");
	for (size_t i = 0; table[i]; i++)
		sink_printf(sink, "%s%s", table[i]->name ? " " : "",
			    table[i]->name ? table[i]->name : "");
	sink_text(sink, "'\n");
	for (size_t i = 0; table[i]; i++) {
		sink_printf(sink, "_memprobe_options[%s]='", name_of(table[i]));
		write_names(table[i], sink);
		sink_text(sink, "'\n");
		write_choices(table[i], sink);
		if (table[i]->name)
			continue;
		sink_text(sink, "_memprobe_letters='");
		write_letters(table[i], sink);
		sink_text(sink, "'\n");
	}
}
