/* SPDX-License-Identifier: BSD-2-Clause */
/* Options by table; see options.h. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <regex.h>
#include <string.h>

#include "log.h"
#include "memory.h"
#include "options_words.h"

/* Where the parser is. */
struct parser {
	const struct option_syntax *syntax;
	char **next; /* words not yet read */
	void *target;
	enum option_action action;
};

/* An option as it was found: "--min" or "-o" for messages, and its value. */
struct found {
	const struct option_spec *spec;
	const char *name;
	const char *value;
	const char *help; /* command that says what it takes */
	void *target;
};

/* ---- Values ---- */

static int refuse_value(const struct found *found, const char *what)
{
	log_error("cannot parse '%s': '%s' is not %s", found->name, found->value, what);
	return -EINVAL;
}

static int refuse_range(const struct found *found)
{
	log_error("cannot parse '%s': '%s' is not between %.15g and %.15g", found->name,
		  found->value, found->spec->min, found->spec->max);
	return -EINVAL;
}

/* Decimal notation only: strtod would take hexadecimal, nan and inf too. */
static bool read_decimal(const char *text, double *ret)
{
	double value;
	char *end;

	if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
		return false;
	value = strtod(text, &end);
	if (*end || !isfinite(value))
		return false;
	*ret = value;
	return true;
}

static int set_decimal(const struct found *found)
{
	double value;

	if (!read_decimal(found->value, &value))
		return refuse_value(found, "a number");
	if (value < found->spec->min || value > found->spec->max)
		return refuse_range(found);
	*(struct option_decimal *)found->target = (struct option_decimal){ true, value };
	return 0;
}

/* A number with the sign of its unit; without one, seconds. */
static int set_duration(const struct found *found)
{
	static const struct {
		char unit;
		double seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
	size_t length = strlen(found->value);
	_cleanup_(freep) char *number = xstrdup(found->value);
	double factor = 1, value;

	for (size_t i = 0; i < ARRAY_SIZE(units) && length; i++) {
		if (found->value[length - 1] != units[i].unit)
			continue;
		factor = units[i].seconds;
		number[length - 1] = '\0';
	}
	if (!read_decimal(number, &value))
		return refuse_value(found, "a time: seconds, 90s, 1.5m or 2h");
	value *= factor;
	if (value < found->spec->min || value > found->spec->max)
		return refuse_range(found);
	*(struct option_decimal *)found->target = (struct option_decimal){ true, value };
	return 0;
}

static int read_integer(const struct found *found, double *ret)
{
	if (!*found->value || strspn(found->value, "0123456789") != strlen(found->value))
		return refuse_value(found, "a whole number");
	if (!read_decimal(found->value, ret) || *ret < found->spec->min || *ret > found->spec->max)
		return refuse_range(found);
	return 0;
}

static int set_integer(const struct found *found)
{
	double value;
	int error = read_integer(found, &value);

	if (!error)
		*(uint32_t *)found->target = (uint32_t)value;
	return error;
}

static int set_integer_or_not(const struct found *found)
{
	double value = found->spec->min;
	int error = found->value ? read_integer(found, &value) : 0;

	if (!error)
		*(struct option_decimal *)found->target = (struct option_decimal){ true, value };
	return error;
}

char *options_join_choices(option_choices choices, const char *separator)
{
	char *text = xstrdup("");

	for (size_t index = 0; choices(index); index++) {
		char *longer = xasprintf("%s%s%s", text, index ? separator : "", choices(index));

		free(text);
		text = longer;
	}
	return text;
}

static int refuse_no_value(const struct found *found)
{
	_cleanup_(freep) char *list = NULL;

	if (found->spec->choices)
		list = options_join_choices(found->spec->choices, "|");
	log_error("cannot parse '%s': it needs a value%s%s", found->name, list ? ": " : "",
		  list ? list : "");
	return -EINVAL;
}

static int set_choice(const struct found *found)
{
	_cleanup_(freep) char *list = NULL, *what = NULL;

	if (options_choice(found->spec->choices, found->value) >= 0) {
		*(const char **)found->target = found->value;
		return 0;
	}
	list = options_join_choices(found->spec->choices, "|");
	what = xasprintf("one of %s", list);
	return refuse_value(found, what);
}

static int set_choices(const struct found *found)
{
	_cleanup_(freep) char *words = xstrdup(found->value);
	char *rest = words;

	for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
		const char *chosen = NULL;
		const struct found part = { found->spec, found->name, word, NULL, &chosen };
		int choice = options_choice(found->spec->choices, word);

		if (set_choice(&part) || choice < 0)
			return -EINVAL;
		*(uint32_t *)found->target |= 1U << choice;
	}
	return 0;
}

static int set_text(const struct found *found)
{
	if (!*found->value) {
		log_error("cannot parse '%s': its value is empty", found->name);
		return -EINVAL;
	}
	*(const char **)found->target = found->value;
	return 0;
}

static int set_pattern(const struct found *found)
{
	char why[128];
	regex_t regex;
	int error = regcomp(&regex, found->value, REG_EXTENDED | REG_NOSUB);

	if (!error) {
		regfree(&regex);
		return set_text(found);
	}
	regerror(error, &regex, why, sizeof(why));
	log_error("cannot parse '%s': '%s' is no regular expression: %s", found->name, found->value,
		  why);
	return -EINVAL;
}

static void add_pid(struct option_pids *pids, uint32_t pid)
{
	for (size_t i = 0; i < pids->count; i++) {
		if (pids->pids[i] == pid)
			return;
	}
	pids->pids = array_reserve(pids->pids, &pids->capacity, pids->count + 1,
				   sizeof(*pids->pids));
	pids->pids[pids->count++] = pid;
}

static int set_pids(const struct found *found)
{
	const char *text = found->value;

	for (;;) {
		size_t length = strspn(text, "0123456789");
		unsigned long pid = strtoul(text, NULL, 10);

		if (!length || (text[length] && text[length] != ',') || !pid)
			return refuse_value(found, "a process id, or several parted by commas");
		/* One that no process can have is refused by who looks for it. */
		add_pid(found->target, pid < UINT32_MAX ? (uint32_t)pid : UINT32_MAX);
		if (!text[length])
			return 0;
		text += length + 1;
	}
}

/* ---- Options ---- */

bool options_is_optional(const struct option_spec *spec)
{
	return spec->kind == OPTION_TEXT_OR_NOT || spec->kind == OPTION_INTEGER_OR_NOT;
}

static bool needs_value(const struct option_spec *spec)
{
	return spec->kind != OPTION_FLAG && spec->kind != OPTION_COUNT &&
	       spec->kind != OPTION_ACTION && !options_is_optional(spec);
}

static bool may_take_value(const struct option_spec *spec)
{
	return needs_value(spec) || options_is_optional(spec);
}

static int apply(struct parser *parser, const struct found *found)
{
	switch (found->spec->kind) {
	case OPTION_FLAG:
		*(bool *)found->target = true;
		return 0;
	case OPTION_COUNT:
		++*(int *)found->target;
		return 0;
	case OPTION_ACTION:
		parser->action = found->spec->action;
		return 0;
	case OPTION_TEXT:
		return set_text(found);
	case OPTION_TEXT_OR_NOT:
		if (found->value)
			return set_text(found);
		*(const char **)found->target = "";
		return 0;
	case OPTION_PATTERN:
		return set_pattern(found);
	case OPTION_CHOICE:
		return set_choice(found);
	case OPTION_CHOICES:
		return set_choices(found);
	case OPTION_INTEGER:
		return set_integer(found);
	case OPTION_INTEGER_OR_NOT:
		return set_integer_or_not(found);
	case OPTION_DECIMAL:
		return set_decimal(found);
	case OPTION_DURATION:
		return set_duration(found);
	case OPTION_PIDS:
		return set_pids(found);
	}
	return -EINVAL;
}

static int refuse_unknown(const struct parser *parser, const char *name)
{
	const struct option_syntax *syntax = parser->syntax;
	const char *hint = syntax->find_hint ? syntax->find_hint(name) : NULL;
	const char *near = name[1] == '-' ? options_near_name(syntax, name + 2) : NULL;

	log_error("cannot parse '%s': no such option", name);
	if (hint)
		log_hint("%s", hint);
	else if (near)
		log_hint("did you mean '--%s'? %s lists the options", near, syntax->help);
	else
		log_hint("%s lists the options", syntax->help);
	return -EINVAL;
}

/* With a value given, takes it; else the next word, when the option needs one. */
static int take_value(struct parser *parser, struct found *found, const char *given)
{
	found->value = given;
	if (!may_take_value(found->spec) && given) {
		log_error("cannot parse '%s': it takes no value", found->name);
		return -EINVAL;
	}
	if (needs_value(found->spec) && !given) {
		found->value = *parser->next;
		if (!found->value)
			return refuse_no_value(found);
		parser->next++;
	}
	return apply(parser, found);
}

/* What its line of --help says; words to choose from stand in the error. */
static void hint_at_option(const struct found *found)
{
	const struct option_spec *spec = found->spec;
	const char *near = spec->choices ? options_near_choice(spec->choices, found->value) : NULL;

	if (near)
		log_hint("did you mean '%s'? %s says what it takes", near, found->help);
	else if (!spec->help || spec->choices)
		log_hint("%s says what it takes", found->help);
	else if (spec->argument)
		log_hint("--%s=%s: %s", spec->name, spec->argument, spec->help);
	else
		log_hint("--%s: %s", spec->name, spec->help);
}

static int apply_value(struct parser *parser, struct found *found, const char *given)
{
	int error = take_value(parser, found, given);

	if (error)
		hint_at_option(found);
	return error;
}

typedef bool (*spec_matches)(const struct option_spec *spec, const char *text, size_t length);

static bool matches_name(const struct option_spec *spec, const char *text, size_t length)
{
	return strlen(spec->name) == length && !strncmp(spec->name, text, length);
}

static bool matches_letter(const struct option_spec *spec, const char *text, size_t length)
{
	return spec->letter && spec->letter == text[0];
}

static bool find_spec(const struct parser *parser, spec_matches matches, const char *text,
		      size_t length, struct found *ret)
{
	for (size_t i = 0; i < parser->syntax->nr_groups; i++) {
		const struct option_group *group = &parser->syntax->groups[i];

		for (size_t k = 0; k < group->nr_specs; k++) {
			const struct option_spec *spec = &group->specs[k];

			if (!matches(spec, text, length))
				continue;
			ret->spec = spec;
			ret->help = group->help ? group->help : parser->syntax->help;
			ret->target = (char *)parser->target + group->base + spec->offset;
			return true;
		}
	}
	return false;
}

static int parse_long(struct parser *parser, const char *word)
{
	size_t length = strcspn(word + 2, "=");
	const char *value = word[2 + length] ? word + 2 + length + 1 : NULL;
	_cleanup_(freep) char *name = xstrndup(word, 2 + length);
	struct found found = { .name = name };

	if (!find_spec(parser, matches_name, word + 2, length, &found))
		return refuse_unknown(parser, name);
	return apply_value(parser, &found, value);
}

static int parse_short(struct parser *parser, const char *word)
{
	int error = 0;

	for (const char *letter = word + 1; *letter && !error; letter++) {
		char name[] = { '-', *letter, '\0' };
		struct found found = { .name = name };

		if (!find_spec(parser, matches_letter, letter, 1, &found))
			return refuse_unknown(parser, name);
		if (needs_value(found.spec))
			return apply_value(parser, &found, letter[1] ? letter + 1 : NULL);
		error = apply_value(parser, &found, NULL);
	}
	return error;
}

/* ---- The whole ---- */

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

static void take_rest(struct parser *parser, struct option_words *words)
{
	while (*parser->next)
		words->operands[words->nr_operands++] = *parser->next++;
}

/* One word, or all that are left. */
static int parse_word(struct parser *parser, struct option_words *words)
{
	char *word = *parser->next;

	if (is_option(word) && strcmp(word, "--") != 0) {
		parser->next++;
		return word[1] == '-' ? parse_long(parser, word) : parse_short(parser, word);
	}
	if (is_option(word))
		parser->next++;
	if (is_option(word) || parser->syntax->stops_at_operand)
		take_rest(parser, words);
	else
		words->operands[words->nr_operands++] = *parser->next++;
	return 0;
}

int options_parse(const struct option_syntax *syntax, char **words, void *target,
		  enum option_action *ret_action, struct option_words *ret_words)
{
	struct parser parser = { .syntax = syntax, .next = words, .target = target };
	struct option_words found = { 0 };
	size_t count = 0;
	int error = 0;

	while (words[count])
		count++;
	found.operands = xcalloc(count + 1, sizeof(*found.operands));
	while (!error && *parser.next && parser.action == OPTIONS_RUN) {
		error = parse_word(&parser, &found);
		if (!found.nr_operands)
			found.nr_options = parser.next - words;
	}
	if (error) {
		free(found.operands);
		return error;
	}
	*ret_action = parser.action;
	*ret_words = found;
	return 0;
}
