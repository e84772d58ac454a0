/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of options; and that the man page knows every option of the real tables. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "commands.h"
#include "memory.h"
#include "report.h"

#define MAX_WORDS 16

struct values {
	bool flag;
	int count;
	const char *text, *choice;
	uint32_t integer;
	struct option_decimal decimal, maybe;
	struct option_pids pids;
};

/* The group's struct does not begin where the command's does. */
struct target {
	uint64_t before;
	struct values values;
};

#define FIELD(field) offsetof(struct values, field)

static const char *one_or_two(size_t index)
{
	static const char *const names[] = { "one", "two" };

	return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static const struct option_spec specs[] = {
	{ .name = "flag", .letter = 'f', .kind = OPTION_FLAG, .offset = FIELD(flag) },
	{ .name = "count", .letter = 'c', .kind = OPTION_COUNT, .offset = FIELD(count) },
	{ .name = "text",
	  .letter = 't',
	  .argument = "T",
	  .kind = OPTION_TEXT,
	  .offset = FIELD(text) },
	{ .name = "choice",
	  .argument = "C",
	  .kind = OPTION_CHOICE,
	  .offset = FIELD(choice),
	  .choices = one_or_two },
	{ .name = "maybe",
	  .argument = "N",
	  .kind = OPTION_INTEGER_OR_NOT,
	  .offset = FIELD(maybe),
	  .min = 1,
	  .max = 9 },
	{ .name = "integer",
	  .argument = "N",
	  .kind = OPTION_INTEGER,
	  .offset = FIELD(integer),
	  .min = 2,
	  .max = 4294967295 },
	{ .name = "decimal",
	  .argument = "N",
	  .kind = OPTION_DECIMAL,
	  .offset = FIELD(decimal),
	  .min = -10,
	  .max = 10 },
	{ .name = "pid",
	  .letter = 'p',
	  .argument = "P",
	  .kind = OPTION_PIDS,
	  .offset = FIELD(pids) },
	{ .name = "help", .kind = OPTION_ACTION, .action = OPTIONS_HELP },
};

static const struct option_group group = { "group", specs, ARRAY_SIZE(specs),
					   offsetof(struct target, values), NULL };

/* What came of one line of words. */
struct outcome {
	struct target target;
	enum option_action action;
	struct option_words words;
	char *copy, *argv[MAX_WORDS];
	int error;
};

static void parse(const char *line, bool stops_at_operand, struct outcome *ret)
{
	struct option_syntax syntax = { .groups = &group,
					.nr_groups = 1,
					.stops_at_operand = stops_at_operand,
					.help = "help" };
	size_t count = 0;

	*ret = (struct outcome){ .copy = xstrdup(line) };
	for (char *word = strtok(ret->copy, " "); word; word = strtok(NULL, " "))
		ret->argv[count++] = word;
	ret->error = options_parse(&syntax, ret->argv, &ret->target, &ret->action, &ret->words);
}

static void release(struct outcome *outcome)
{
	free(outcome->target.values.pids.pids);
	free(outcome->words.operands);
	free(outcome->copy);
}

static void test_values(void **state)
{
	struct outcome outcome;
	const struct values *values = &outcome.target.values;

	parse("--flag -cc --count --text=a=b --choice two --integer=4294967295 --decimal -1.5e0",
	      true, &outcome);
	assert_int_equal(outcome.error, 0);
	assert_true(values->flag);
	assert_int_equal(values->count, 3);
	assert_string_equal(values->text, "a=b");
	assert_string_equal(values->choice, "two");
	assert_int_equal(values->integer, 4294967295);
	assert_true(values->decimal.is_given);
	assert_true(values->decimal.value == -1.5);
	assert_int_equal(outcome.target.before, 0);
	assert_int_equal(outcome.words.nr_operands, 0);
	release(&outcome);
}

static void test_optional_value(void **state)
{
	static const struct {
		const char *line;
		bool is_given;
		double value;
	} lines[] = { { "--flag 7", false, 0 },
		      { "--maybe 7", true, 1 },
		      { "--maybe=7", true, 7 } };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct outcome outcome;

		parse(lines[i].line, true, &outcome);
		assert_int_equal(outcome.error, 0);
		assert_int_equal(outcome.target.values.maybe.is_given, lines[i].is_given);
		assert_true(outcome.target.values.maybe.value == lines[i].value);
		release(&outcome);
	}
}

static void test_short_options(void **state)
{
	struct outcome outcome;

	parse("-fctvalue -t other -fc", true, &outcome);
	assert_int_equal(outcome.error, 0);
	assert_true(outcome.target.values.flag);
	assert_int_equal(outcome.target.values.count, 2);
	assert_string_equal(outcome.target.values.text, "other");
	release(&outcome);
}

static void test_pids(void **state)
{
	static const uint32_t expected[] = { 3, 1, 4194304, UINT32_MAX };
	struct outcome outcome;

	parse("-p 3,1 --pid=3,4194304 -p1 -p99999999999999999999", true, &outcome);
	assert_int_equal(outcome.error, 0);
	assert_int_equal(outcome.target.values.pids.count, ARRAY_SIZE(expected));
	assert_memory_equal(outcome.target.values.pids.pids, expected, sizeof(expected));
	release(&outcome);
}

static void test_stops_at_operand(void **state)
{
	struct outcome outcome;

	parse("-f python -c --text", true, &outcome);
	assert_int_equal(outcome.error, 0);
	assert_int_equal(outcome.target.values.count, 0);
	assert_int_equal(outcome.words.nr_operands, 3);
	assert_string_equal(outcome.words.operands[1], "-c");
	assert_null(outcome.words.operands[3]);
	assert_int_equal(outcome.words.nr_options, 1);
	release(&outcome);
	parse("-f -- --flag -c", true, &outcome);
	assert_int_equal(outcome.error, 0);
	assert_int_equal(outcome.words.nr_operands, 2);
	assert_string_equal(outcome.words.operands[0], "--flag");
	release(&outcome);
	parse("--", true, &outcome);
	assert_int_equal(outcome.words.nr_operands, 0);
	release(&outcome);
}

static void test_operands_anywhere(void **state)
{
	struct outcome outcome;

	parse("file --flag - -- -c", false, &outcome);
	assert_int_equal(outcome.error, 0);
	assert_true(outcome.target.values.flag);
	assert_int_equal(outcome.target.values.count, 0);
	assert_int_equal(outcome.words.nr_operands, 3);
	assert_string_equal(outcome.words.operands[1], "-");
	assert_string_equal(outcome.words.operands[2], "-c");
	release(&outcome);
}

static void test_action_ends_parsing(void **state)
{
	struct outcome outcome;

	parse("-f --help --nonsense", true, &outcome);
	assert_int_equal(outcome.error, 0);
	assert_int_equal(outcome.action, OPTIONS_HELP);
	release(&outcome);
}

static void test_refused(void **state)
{
	static const char *const lines[] = {
		"--fla",
		"--flags",
		"-x",
		"-fx",
		"--flag=1",
		"--text",
		"-t",
		"--text=",
		"--choice=three",
		"--choice=on",
		"--choice=",
		"--choice=one|two",
		"--integer=1",
		"--maybe=",
		"--maybe=0",
		"--maybe=10",
		"--maybe=2.5",
		"--integer=",
		"--integer=+3",
		"--integer=4294967296",
		"--integer=3.0",
		"--integer=0x10",
		"--decimal=x",
		"--decimal=",
		"--decimal=nan",
		"--decimal=inf",
		"--decimal=11",
		"--decimal=0x1",
		"--decimal=1e",
		"--decimal=1e999",
		"--decimal=1,5",
		"--pid=",
		"--pid=0",
		"--pid=1,",
		"--pid=,1",
		"--pid=-1",
		"--=x",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct outcome outcome;

		parse(lines[i], true, &outcome);
		if (outcome.error != -EINVAL)
			fail_msg("'%s' was taken", lines[i]);
		release(&outcome);
	}
}

/* ---- The real tables ---- */

static const struct command *const table[] = { &command_record, &command_post, &command_heap,
					       &command_check };

static char *read_man_page(void)
{
	char *text = xcalloc(1, 1 << 20);
	FILE *file = fopen(MEMPROBE_MAN_PAGE, "r");

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

/* Does the page have `\-\-name` as a word? */
static bool is_in_page(const char *page, const char *name)
{
	_cleanup_(freep) char *word = xstrdup("\\-\\-");

	for (const char *byte = name; *byte; byte++) {
		char *longer = xasprintf("%s%s%c", word, *byte == '-' ? "\\" : "", *byte);

		free(word);
		word = longer;
	}
	for (const char *found = strstr(page, word); found; found = strstr(found + 1, word)) {
		if (!strchr("abcdefghijklmnopqrstuvwxyz\\", found[strlen(word)]))
			return true;
	}
	return false;
}

/* What is to be said of one option of a command. */
typedef void (*spec_check)(const struct option_spec *spec, void *context);

static void for_each_spec(const struct command *command, spec_check check, void *context)
{
	for (size_t i = 0; i < command->syntax.nr_groups; i++) {
		const struct option_group *options = &command->syntax.groups[i];

		for (size_t k = 0; k < options->nr_specs; k++)
			check(&options->specs[k], context);
	}
}

static void check_in_page(const struct option_spec *spec, void *page)
{
	if (spec->help && !is_in_page(page, spec->name))
		fail_msg("docs/memprobe.1 lacks --%s", spec->name);
}

static void test_man_page_has_every_option(void **state)
{
	_cleanup_(freep) char *page = read_man_page();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for_each_spec(table[i], check_in_page, page);
}

/* Of the page, what is said of one option: from its name to the next paragraph. */
static char *section_of(const char *page, const char *name)
{
	_cleanup_(freep) char *head = xasprintf("\n.BR \\-\\-%s=", name);
	const char *begin = strstr(page, head), *end;

	if (!begin)
		return NULL;
	end = strstr(begin, "\n.TP\n");
	return end ? xstrndup(begin, (size_t)(end - begin)) : xstrdup(begin);
}

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *found = strstr(text, word); found; found = strstr(found + 1, word)) {
		if ((found[-1] == ' ' || found[-1] == '\n') && strchr(" \n,.|", found[length]))
			return true;
	}
	return false;
}

static void check_choices_in_page(const struct option_spec *spec, void *page)
{
	_cleanup_(freep) char *section = NULL;

	if (!spec->choices)
		return;
	section = section_of(page, spec->name);
	if (!section)
		fail_msg("docs/memprobe.1 has no paragraph of --%s", spec->name);
	for (size_t i = 0; spec->choices(i); i++) {
		if (!has_word(section, spec->choices(i)))
			fail_msg("docs/memprobe.1 lacks '%s' of --%s", spec->choices(i),
				 spec->name);
	}
}

static void test_man_page_has_every_choice(void **state)
{
	_cleanup_(freep) char *page = read_man_page();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for_each_spec(table[i], check_choices_in_page, page);
}

static void test_man_page_explains_every_metric(void **state)
{
	_cleanup_(freep) char *page = read_man_page();
	_cleanup_(freep) char *section = section_of(page, "metric");

	assert_non_null(section);
	for (size_t i = 0; metric_choice(i); i++) {
		const char *title = metrics[metric_find(metric_choice(i))].title;

		if (!strstr(section, title))
			fail_msg("docs/memprobe.1 does not say that %s is '%s'", metric_choice(i),
				 title);
	}
}

/* What the registries hold is what is offered, in their order. */
static void test_choices_of_registries(void **state)
{
	static const struct {
		option_choices choices;
		const char *expected;
	} cases[] = {
		{ metric_choice,
		  "growth grown released peak live mapped unshared allocated calls" },
		{ calltree_sort_name, "first total self calls" },
		{ report_format, "tree table json jsonl csv collapsed speedscope pprof html" },
		{ calls_mode_name, "off auto exact" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *list = options_join_choices(cases[i].choices, " ");

		assert_string_equal(list, cases[i].expected);
	}
	assert_int_equal(metric_find("growth"), METRIC_GROWTH);
	assert_int_equal(metric_find("calls"), METRIC_CALLS);
	assert_int_equal(metric_find("anon"), -ENOENT);
	assert_int_equal(metric_find("live"), METRIC_LIVE);
	assert_int_equal(metric_find(""), -ENOENT);
	assert_int_equal(options_choice(calltree_sort_name, "self"), SORT_SELF);
	assert_int_equal(options_choice(calls_mode_name, "exact"), CALLS_MODE_EXACT);
	assert_int_equal(options_choice(calls_mode_name, "exac"), -ENOENT);
}

static void check_letter(const struct option_spec *spec, void *letters)
{
	bool *seen = &((bool *)letters)[(unsigned char)spec->letter];

	assert_false(spec->letter && *seen);
	*seen = true;
}

static void test_letters_are_unique(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		bool letters[256] = { false };

		for_each_spec(table[i], check_letter, letters);
	}
}

static int run(const char *line)
{
	_cleanup_(freep) char *copy = xstrdup(line);
	const struct command *commands[] = {
		&command_record, &command_post,	 &command_heap, &command_diff,
		&command_merge,	 &command_check, NULL
	};
	char *argv[MAX_WORDS] = { 0 };
	size_t count = 0;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[count++] = word;
	return commands_run(commands, argv);
}

static void test_exit_statuses(void **state)
{
	assert_int_equal(run("memprobe"), EXIT_USAGE);
	assert_int_equal(run("memprobe --nonsense"), EXIT_USAGE);
	assert_int_equal(run("memprobe -p 1 command"), EXIT_USAGE);
	assert_int_equal(run("memprobe heap"), EXIT_USAGE);
	assert_int_equal(run("memprobe heap 1"), EXIT_USAGE);
	assert_int_equal(run("memprobe heap -p 1,2"), EXIT_USAGE);
	assert_int_equal(run("memprobe heap -p 1 --freeze"), EXIT_USAGE);
	assert_int_equal(run("memprobe heap -p 1 --every=0"), EXIT_USAGE);
	assert_int_equal(run("memprobe heap -p 4294967295"), EXIT_FAILED);
	assert_int_equal(run("memprobe diff a"), EXIT_USAGE);
	assert_int_equal(run("memprobe diff a b c"), EXIT_USAGE);
	assert_int_equal(run("memprobe diff /nonexistent/a /nonexistent/b"), EXIT_FAILED);
	assert_int_equal(run("memprobe merge a"), EXIT_USAGE);
	assert_int_equal(run("memprobe merge -o b /nonexistent/a"), EXIT_FAILED);
	assert_int_equal(run("memprobe merge"), EXIT_USAGE);
	assert_int_equal(run("memprobe check a b"), EXIT_USAGE);
	assert_int_equal(run("memprobe post"), EXIT_FAILED);
	assert_int_equal(run("memprobe post a b"), EXIT_USAGE);
	assert_int_equal(run("memprobe post --format=htm a"), EXIT_USAGE);
	assert_int_equal(run("memprobe post --sort=peak a"), EXIT_USAGE);
	assert_int_equal(run("memprobe post --sort=calls /nonexistent"), EXIT_FAILED);
	assert_int_equal(run("memprobe post --metric=calls /nonexistent"), EXIT_FAILED);
	assert_int_equal(run("memprobe post --metric=call /nonexistent"), EXIT_USAGE);
	assert_int_equal(run("memprobe post --metric=live /nonexistent"), EXIT_FAILED);
	assert_int_equal(run("memprobe post --calls=off /nonexistent"), EXIT_USAGE);
	assert_int_equal(run("memprobe --calls=on true"), EXIT_USAGE);
	assert_int_equal(run("memprobe --calls= true"), EXIT_USAGE);
	assert_int_equal(run("memprobe --calls"), EXIT_USAGE);
	assert_int_equal(run("memprobe post /nonexistent"), EXIT_FAILED);
	assert_int_equal(run("memprobe post /dev/null"), EXIT_FAILED);
	assert_int_equal(run("memprobe --help"), EXIT_DONE);
	assert_int_equal(run("memprobe post --help"), EXIT_DONE);
	assert_int_equal(run("memprobe --version"), EXIT_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_optional_value),
		cmocka_unit_test(test_short_options),
		cmocka_unit_test(test_pids),
		cmocka_unit_test(test_stops_at_operand),
		cmocka_unit_test(test_operands_anywhere),
		cmocka_unit_test(test_action_ends_parsing),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_man_page_has_every_option),
		cmocka_unit_test(test_man_page_has_every_choice),
		cmocka_unit_test(test_man_page_explains_every_metric),
		cmocka_unit_test(test_choices_of_registries),
		cmocka_unit_test(test_letters_are_unique),
		cmocka_unit_test(test_exit_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
